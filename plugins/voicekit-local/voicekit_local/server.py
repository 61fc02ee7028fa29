"""The server: one port, with a path for speech to text, one for text to speech, and one for the REST API."""

from __future__ import annotations

import sys
import traceback
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import Final
from urllib.parse import urlsplit

import trio

from voicekit.errors import ConfigError
from voicekit.soniox.api import limits
from voicekit.soniox.api.region import Endpoints
from voicekit.soniox.server.account import Account, Service
from voicekit.soniox.server.checks import Offer
from voicekit_local.container import CONTAINERS
from voicekit_local.engines.interface import Recogniser, Synthesiser
from voicekit_local.packing import FORMATS
from voicekit_local.rest import RestService, open_rest
from voicekit_local.speaking import Speaking
from voicekit_local.streams import Replayed
from voicekit_local.studio import EngineFailed, Studio
from voicekit_local.transcribing import Transcribing
from voicekit_local.websocket import MakeService, serve_websocket
from voicekit_local.workers import Workers

HOST: Final = "127.0.0.1"
STT_PATH: Final = "/transcribe-websocket"
TTS_PATH: Final = "/tts-websocket"

CALLS_PER_CORE: Final = 4
"""Sessions of speech to text at the same time, for each core. The engines need a fifth of a core for a call in which
both sides speak, and the calling programs need cores too. Further sessions are refused with the service's own error."""

STREAMS_PER_CALL: Final = 2
"""Streams of text to speech for each session: a long reply begins its next stream before the last one ends."""

REQUESTS_PER_MINUTE: Final = 1_000
"""The limit of requests, ten times the service's: tests make many short requests."""

CONNECTIONS: Final = 256
"""The maximum number of simultaneous connections. Others are closed without an answer, so that we never run out of file
descriptors.
"""

STRANGERS: Final = 64
"""The maximum number of simultaneous connections of clients that have not shown a key; one more closes the oldest."""

HERE: Final = ("localhost", "127.0.0.1", "::1")
"""Hosts whose web pages may use the server: this machine, at any port."""

HEAD_S: Final = 10.0
"""Seconds within which a client must send its request."""

HEAD_BYTES: Final = 16 * 1024
"""The longest request head in bytes, as in common servers."""


def account_for(key: str, workers: Workers, *, legacy: bool = False) -> Account:
    """The account of a local server: it has one key, and allows a fixed number of calls for each core of the machine.

    While the workers are too slow, new calls are rejected, so that the running ones get their results in time.
    """
    calls = CALLS_PER_CORE * workers.slots
    account = Account(
        [key],
        legacy=legacy,
        sessions=calls,
        streams=STREAMS_PER_CALL * calls,
        requests_per_minute=REQUESTS_PER_MINUTE,
    )
    account.full = lambda service, now: service is Service.STT and workers.pressure.pressed(now)
    return account


def offer_of(recogniser: Recogniser, voice: Synthesiser) -> Offer:
    """The service's functions that the engines support. Any voice name works, since bots use the service's names."""
    return Offer(
        stt_formats=(*CONTAINERS, *limits.STT_RAW_FORMATS),
        understood=recogniser.languages,
        translates=False,
        downloads=False,
        clones=False,
        tts_formats=FORMATS,
        tts_languages=voice.languages,
    )


class Strangers:
    """A limited number of places for clients that have not shown an API key."""

    def __init__(self, most: int = STRANGERS) -> None:
        self._most = most
        self._waiting: dict[trio.CancelScope, None] = {}

    @contextmanager
    def place(self) -> Iterator[Callable[[], None]]:
        """Take a place for the `with` block. Until the yielded function is called, a later client may take this place
        over, which cancels the block.
        """
        with trio.CancelScope() as scope:
            self._waiting[scope] = None
            if len(self._waiting) > self._most:
                oldest = next(iter(self._waiting))
                del self._waiting[oldest]
                oldest.cancel()
            try:
                yield lambda: self._waiting.pop(scope, None)
            finally:
                self._waiting.pop(scope, None)


def pages(origins: Collection[str]) -> Callable[[str], bool]:
    """A function that returns whether web pages from an origin may use the server. Only those from this machine and
    from `origins` may.

    >>> [pages(["https://a.example"])(o) for o in ("http://localhost:3000", "https://a.example", "http://evil.example")]
    [True, True, False]
    """

    def may(origin: str) -> bool:
        try:
            return origin in origins or urlsplit(origin).hostname in HERE
        except ValueError:
            return False

    return may


class LocalServer:
    """Serves the engines of `studio` to clients with a key of `account`, including web pages from `origins`."""

    def __init__(
        self, studio: Studio, account: Account, *, connections: int = CONNECTIONS, origins: Collection[str] = ()
    ) -> None:
        self.account = account
        self._may = pages(origins)
        self._strangers = Strangers()
        self._connections = connections
        self._open = 0
        self._studio = studio
        self._offer = offer = offer_of(studio.recogniser, studio.voice)
        self._services: dict[str, MakeService] = {
            STT_PATH: partial(Transcribing, studio, account, offer),
            TTS_PATH: partial(Speaking, studio, account, offer),
        }

    @property
    def open(self) -> int:
        """The number of open connections."""
        return self._open

    @asynccontextmanager
    async def serving(self, port: int = 0, host: str = HOST) -> AsyncIterator[Endpoints]:
        """Serve on `port` of `host` until the block ends, and yield the addresses; port 0 picks a free port.

        Raises ConfigError if the port is not available.
        """
        listeners = await _listen(port, host)
        async with (
            open_rest(self._studio, self.account, self._offer, self._may) as rest,
            trio.open_nursery() as nursery,
        ):
            await nursery.start(trio.serve_listeners, partial(self._serve, rest), listeners)
            yield endpoints(host, listeners[0].socket.getsockname()[1])
            nursery.cancel_scope.cancel()

    async def _serve(self, rest: RestService, stream: trio.SocketStream) -> None:
        if self._open >= self._connections:
            await trio.aclose_forcefully(stream)
            return
        self._open += 1
        try:
            with self._strangers.place() as welcome:
                await self._answer(rest, stream, welcome)
        except EngineFailed:
            pass  # this has already been reported; the client sees an incomplete answer
        except Exception as error:  # a failed connection is reported, and must not end the others
            traceback.print_exception(error, file=sys.stderr)
        finally:
            self._open -= 1
            await trio.aclose_forcefully(stream)

    async def _answer(self, rest: RestService, stream: trio.SocketStream, welcome: Callable[[], object]) -> None:
        head = b""
        with trio.move_on_after(HEAD_S), suppress(trio.BrokenResourceError):
            head = await _head(stream)
        if not head:
            return
        make = self._services.get(_path(head))
        if make is None:
            await rest.serve(Replayed(stream, head), welcome)
        elif b"upgrade" not in head.lower():
            await _refuse(stream, b"426 Upgrade Required")
        elif not self._may(_origin(head)):
            await _refuse(stream, b"403 Forbidden")
        else:
            await serve_websocket(Replayed(stream, head), make, welcome)


def endpoints(host: str, port: int) -> Endpoints:
    """The four addresses of a server at `host` and `port`."""
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    web = f"http://{where}"
    return Endpoints(rest=web, stt=f"ws://{where}{STT_PATH}", tts=f"ws://{where}{TTS_PATH}", tts_rest=web)


async def _listen(port: int, host: str) -> list[trio.SocketListener]:
    try:
        return await trio.open_tcp_listeners(port, host=host)
    except OSError as error:
        raise ConfigError(f"port {port} of {host}: {error}") from None


async def _head(stream: trio.abc.Stream) -> bytes:
    """Everything up to the end of a request's head; empty if the head is never complete."""
    head = b""
    while b"\r\n\r\n" not in head and len(head) <= HEAD_BYTES:
        more = await stream.receive_some()
        if not more:
            return b""
        head += more
    return head


def _path(head: bytes) -> str:
    words = head.partition(b"\r\n")[0].decode("latin-1").split()
    return words[1].partition("?")[0] if len(words) > 1 else ""


def _origin(head: bytes) -> str:
    """The origin of the web page that makes the request; for a program, which has no origin, that of this machine."""
    lines = (line.partition(b":") for line in head.split(b"\r\n"))
    found = next((value for name, _, value in lines if name.strip().lower() == b"origin"), b"http://localhost")
    return found.strip().decode("latin-1")


async def _refuse(stream: trio.abc.Stream, status: bytes) -> None:
    with trio.move_on_after(HEAD_S), suppress(trio.BrokenResourceError):
        await stream.send_all(b"HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % status)
