"""AudioSocket as a transport of a server: a separate TCP listener, and the announcement that admits a call.

    POST /audiosocket/call   key=..., caller=..., called=..., other facts     from the dialplan -> a UUID, or "" if full
    AudioSocket(UUID,127.0.0.1:9092)                                          within 15 s, once

AudioSocket has no password and no TLS: the listener is for loopback or a tunnel, and a UUID that was not announced is
rejected. The key is in VOICEKIT_ASTERISK_KEY. If this variable is not set, nothing can be announced, and only the UUIDs
in `uuids=` are admitted.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from hmac import compare_digest
from uuid import UUID

import trio

from voicekit.call.tokens import CallFacts
from voicekit.call.transport import Route, Site, Webhook, WebhookAnswer, WebhookRoute
from voicekit.call.wire import MessageStream, StreamClosed
from voicekit.errors import ConfigError, RemoteProtocolError, Unavailable
from voicekit_asterisk.announced import AnnouncedCalls
from voicekit_asterisk.audiosocket import HANGUP, AudioSocketWire, frame, identity_of, rate_of
from voicekit_asterisk.audiosocket_stream import AudioSocketStream

KEY = "VOICEKIT_ASTERISK_KEY"

IDENTITY_S = 2.0
"""Seconds within which a connection must send its UUID."""

FIRST_SOUND_S = 0.3
"""Seconds to wait for Asterisk's first audio frame, which shows its rate. If none comes in time, the rate is 8 kHz."""

UNKNOWN = 32
"""The number of connections that may be open without having sent their UUID; any more are closed."""

log = logging.getLogger("voicekit.asterisk")


class AudioSocket:
    """The transport at `address`, a port or host:port. The UUIDs in `uuids`, joined with +, need no announcement."""

    name = "audiosocket"

    def __init__(self, address: str = "9092", *, uuids: tuple[str, ...] = (), key: str | None = None) -> None:
        self.host, self.port = read_address(address)
        self.bound_port = self.port
        """The listener's port, once it is open. If `address` has port 0, the system chooses this port."""
        self._key = key or os.environ.get(KEY)
        self._announced = AnnouncedCalls(map(_uuid, uuids))
        self._unknown = 0
        if not self._key and not uuids:
            raise ConfigError(f"transport audiosocket: expected a key in {KEY}, or uuids=..., got neither")

    def expect(self, facts: dict[str, str]) -> UUID:
        """Return a UUID that admits one call, with these `facts`; it is valid for 15 s."""
        return self._announced.announce(facts, trio.current_time())

    def routes(self, site: Site) -> Sequence[Route]:
        async def announce(request: Webhook) -> WebhookAnswer:
            if not self._key or not compare_digest(request.field("key").encode(), self._key.encode()):
                return WebhookAnswer("expected the key", status=403)
            if not site.ready:
                return WebhookAnswer("")
            return WebhookAnswer(str(self.expect({name: value for name, value in request.form if name != "key"})))

        return [WebhookRoute("/audiosocket/call", announce)]

    async def listen(self, site: Site, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Admit calls until cancelled. Reports `started` as soon as it is listening."""
        listeners = await trio.open_tcp_listeners(self.port, host=self.host)
        self.bound_port = listeners[0].socket.getsockname()[1]

        async def serve(stream: trio.SocketStream) -> None:
            await self._serve(site, stream)

        async with trio.open_nursery() as calls:
            await calls.start(trio.serve_listeners, serve, listeners)
            task_status.started()

    async def _serve(self, site: Site, tcp: trio.abc.Stream) -> None:
        """Serve one connection to its end. Any error ends only this connection."""
        stream = AudioSocketStream(tcp)
        try:
            if self._unknown >= UNKNOWN:
                return
            self._unknown += 1
            try:
                facts, wire = await self._identified(stream)
            finally:
                self._unknown -= 1
            async with trio.open_nursery() as nursery:
                nursery.start_soon(stream.pace, wire.silence())
                await site.hold(Arrival(stream), wire, facts)
                nursery.cancel_scope.cancel()
        except (StreamClosed, RemoteProtocolError, Unavailable, trio.TooSlowError) as error:
            log.warning("refused a connection over audiosocket: %s", type(error).__name__)
        finally:
            with trio.move_on_after(1.0, shield=True):
                await stream.close()

    async def _identified(self, stream: AudioSocketStream) -> tuple[CallFacts, AudioSocketWire]:
        """The facts announced for the connection's UUID, and a wire for the rate of its audio."""
        with trio.fail_after(IDENTITY_S):
            first = await stream.receive()
        facts = self._announced.take(identity_of(first), trio.current_time())
        if facts is None:
            await stream.send(frame(HANGUP))
            raise Unavailable("audiosocket: expected a UUID that was announced, got an unknown one", service="call")
        frames, rate = [first], None
        with trio.move_on_after(FIRST_SOUND_S):
            while rate is None:
                message = await stream.receive()
                frames.append(message)
                rate = rate_of(message) if isinstance(message, bytes) else None
        stream.put_back(*(each for each in frames if isinstance(each, bytes)))
        return facts, AudioSocketWire(rate or 8_000)


class Arrival:
    """A `voicekit.call.transport.Arrival` whose connection is already open; refusing the call closes the connection."""

    def __init__(self, stream: MessageStream, goodbye: bytes | str | None = frame(HANGUP)) -> None:
        self._stream = stream
        self._goodbye = goodbye

    async def accept(self, subprotocol: str | None = None) -> MessageStream:
        return self._stream

    async def refuse(self, status: int) -> None:
        if self._goodbye is not None:
            await self._stream.send(self._goodbye)
        await self._stream.close()


def read_address(text: str) -> tuple[str, int]:
    """The host and the port in "9092", ":9092" or "10.0.0.1:9092"; the default host is loopback."""
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or not 0 <= int(port) <= 65_535:
        raise ConfigError(f"transport audiosocket: expected a port such as 9092, or host:port, got {text!r}")
    return host.strip("[]") or "127.0.0.1", int(port)


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise ConfigError("transport audiosocket: uuids: expected UUIDs, joined with +, got something else") from None
