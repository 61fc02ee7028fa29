"""The scripted peer: clients connect to it in memory or over loopback, and it remembers their connections."""

from __future__ import annotations

import math
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Final

import trio
from wsproto.utilities import LocalProtocolError

from voicekit.errors import ConfigError
from voicekit.flow.groups import alone
from voicekit.soniox.connection.transport import Address, Socket, TrioWebsocket
from voicekit.soniox.server.account import Account, Service
from voicekit.soniox.server.checks import Offer
from voicekit.testing.scripted import Script
from voicekit.testing.soniox.connection import PeerConnection
from voicekit.testing.soniox.faults import Fault
from voicekit.testing.soniox.memory import STT_PATH, TTS_PATH, Doors
from voicekit.testing.soniox.peer_tts import Speaking
from voicekit.testing.soniox.record import ConnectionRecord, SpokenStream
from voicekit.testing.soniox.results import Hearing
from voicekit.testing.soniox.services import Behaviour

PATHS: Final = {STT_PATH: Service.STT, TTS_PATH: Service.TTS}
LONGEST_HEAD: Final = 8 * 1024
GOODBYE_S: Final = 0.05
"""The maximum number of seconds that an in-memory peer may take to end after its client has left; a half-open peer does
not end by itself.
"""


class SonioxPeer(Doors):
    """Simulates Soniox's two realtime services for one account, with a scripted recogniser, its own voice, and faults.

    Speech to text understands only `script`, played by a ScriptedSource in pcm_s16le mono at any rate. Text to speech
    supports every format without a header; `spoken` decodes its audio. `faults` is a list that may be extended: it is
    read when a connection is opened. Without an `account`, every key is accepted.

        peer = SonioxPeer(script, faults=[Cut(At(received=20))])
        transport = peer.transport                    # in memory, for virtual time; needs nothing else
        async with peer.serve() as endpoints: ...     # over loopback
    """

    def __init__(
        self,
        script: Script | None = None,
        *,
        faults: Iterable[Fault] = (),
        account: Account | None = None,
        offer: Offer | None = None,
        hearing: Hearing | None = None,
        speaking: Speaking | None = None,
    ) -> None:
        self.faults = list(faults)
        self.account = account or Account()
        self.connections: list[ConnectionRecord] = []
        self._how = Behaviour(
            script or Script(), self.account, offer or Offer(), hearing or Hearing(), speaking or Speaking()
        )
        # the open connections, by the index of their record in `connections`
        self._living: dict[int, PeerConnection] = {}
        self._away_until: dict[Service, float] = {}

    # --- how clients connect ---

    @property
    def transport(self) -> PeerInMemory:
        """An in-memory transport to this peer."""
        return PeerInMemory(self)

    async def open_stream(self, host: str, port: int, context: ssl.SSLContext | None) -> trio.abc.Stream:
        """Open an in-memory connection, without TLS, for `TrioWebsocket(stream=peer.open_stream)`."""
        await trio.lowlevel.checkpoint()
        return self.connected()

    # --- what happened ---

    @property
    def hearings(self) -> list[ConnectionRecord]:
        """All connections to the speech-to-text service."""
        return [record for record in self.connections if record.service is Service.STT]

    @property
    def speakings(self) -> list[ConnectionRecord]:
        """All connections to the text-to-speech service."""
        return [record for record in self.connections if record.service is Service.TTS]

    @property
    def transcripts(self) -> list[str]:
        """The final words on each speech-to-text connection."""
        return [record.transcript for record in self.hearings]

    @property
    def streams(self) -> list[SpokenStream]:
        """All streams of speech, ordered by connection and then by start."""
        return [stream for record in self.speakings for stream in record.streams]

    @property
    def cancelled_at(self) -> list[float]:
        """The times, by trio's clock, at which streams of speech were cancelled."""
        return [stream.cancelled_at for stream in self.streams if stream.cancelled_at is not None]

    async def suffer(self, fault: Fault) -> None:
        """Make `fault` happen now, on the connection that was opened last (if the fault names a service, the last
        connection to that service). The fault need not have an `At`.
        """
        for place in sorted(self._living, reverse=True):
            if fault.service in (None, self.connections[place].service):
                await self._living[place].suffer(fault)
                return
        raise ConfigError(f"a scripted peer: expected an open connection for {fault}")

    # --- internal ---

    async def _serve(self, stream: trio.abc.Stream) -> None:
        head = await _head(stream)
        service = PATHS.get(_path(head))
        if service is None:
            await _not_found(stream, head)
            return
        if trio.current_time() < self._away_until.get(service, -math.inf):
            await trio.aclose_forcefully(stream)
            return
        number = sum(record.service is service for record in self.connections) + 1
        record = ConnectionRecord(service, number, trio.current_time())
        place = len(self.connections)
        self.connections.append(record)
        faults = [
            fault for fault in self.faults if fault.connection in (None, number) and fault.service in (None, service)
        ]

        def leave(seconds: float) -> None:
            self._away_until[service] = trio.current_time() + seconds

        self._living[place] = PeerConnection(record, self._how, faults, stream, head, leave)
        try:
            await self._living[place].serve()
        except* LocalProtocolError:
            pass  # trio-websocket answers a ping even while it closes; the client does not receive this answer
        finally:
            del self._living[place]


class PeerInMemory:
    """An in-memory Transport to a scripted peer. The peer's side of each connection ends with the client's side."""

    def __init__(self, peer: SonioxPeer) -> None:
        self._peer = peer

    @asynccontextmanager
    async def connect(self, address: Address) -> AsyncIterator[Socket]:
        with alone():
            async with trio.open_nursery() as nursery:

                async def stream(host: str, port: int, context: ssl.SSLContext | None) -> trio.abc.Stream:
                    await trio.lowlevel.checkpoint()
                    return self._peer.connected(nursery)

                async with TrioWebsocket(stream=stream).connect(address) as socket:
                    yield socket
                nursery.cancel_scope.deadline = trio.current_time() + GOODBYE_S


async def _head(stream: trio.abc.Stream) -> bytes:
    """The first bytes of a request, including its first line; fewer if the client leaves or sends no such line."""
    head = b""
    while b"\n" not in head and len(head) < LONGEST_HEAD:
        try:
            more = await stream.receive_some()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            break
        if not more:
            break
        head += more
    return head


def _path(head: bytes) -> str:
    words = head.partition(b"\n")[0].decode("latin-1").split()
    return words[1].partition("?")[0] if len(words) > 1 else ""


async def _not_found(stream: trio.abc.Stream, head: bytes) -> None:
    async with stream:
        if head:
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                await stream.send_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
