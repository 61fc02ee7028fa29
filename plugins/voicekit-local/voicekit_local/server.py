"""The server: one port, on which a path leads to speech to text, text to speech, or the REST API."""

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
"""Sessions of speech to text at once. The engines take a fifth of a core for a call in which both sides speak, and
those who call need cores too; more are refused, in the service's own words."""

STREAMS_PER_CALL: Final = 2
"""Streams of speech for each session: a long reply begins its next stream before the last one ends."""

REQUESTS_PER_MINUTE: Final = 1_000
"""Ten times the service's: tests make many short ones."""

CONNECTIONS: Final = 256
"""At once; further ones are closed without an answer, so that the system's limit of open files is never reached."""

STRANGERS: Final = 64
"""Connections at once of clients that have shown no key, in whatever state: the oldest makes room for the next."""

HERE: Final = ("localhost", "127.0.0.1", "::1")
"""Hosts of web pages that may use the server: those of this machine, at any port."""

HEAD_S: Final = 10.0
"""Seconds in which a client must say what it wants."""

HEAD_BYTES: Final = 16 * 1024
"""The longest request head: as much as common servers take."""


def account_for(key: str, workers: Workers, *, legacy: bool = False) -> Account:
    """The account of a server of one's own: one key, and as many calls as the machine can bear.

    That is a number for each core, and fewer where the workers are too slow: what has begun is better protected than
    what has not.
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
    """What the engines can do of what the service can. Any voice's name will do: bots name the service's."""
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
    """The places of clients that have shown no key."""

    def __init__(self, most: int = STRANGERS) -> None:
        self._most = most
        self._waiting: dict[trio.CancelScope, None] = {}

    @contextmanager
    def place(self) -> Iterator[Callable[[], None]]:
        """A place, which a later client may take away by cancelling what goes on here, until the value is called."""
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
    """Whether the web pages of an origin may use the server: those of this machine, and of `origins`.

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
    """Serves the engines of `studio` to clients with a key of `account`, and to web pages of `origins` among them."""

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
        """How many connections there are."""
        return self._open

    @asynccontextmanager
    async def serving(self, port: int = 0, host: str = HOST) -> AsyncIterator[Endpoints]:
        """Serve on `port` of `host` (0 takes a free one) for as long as this is open; yields the addresses.

        Raises ConfigError where the port can't be had.
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
            pass  # already reported; the client sees that the answer is cut off
        except Exception as error:  # a failed connection must not end the others; it is reported
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
    """All up to the end of a request's head; nothing when it never came to that."""
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
    """Of the web page that asks; that of this machine for a program, which has none."""
    lines = (line.partition(b":") for line in head.split(b"\r\n"))
    found = next((value for name, _, value in lines if name.strip().lower() == b"origin"), b"http://localhost")
    return found.strip().decode("latin-1")


async def _refuse(stream: trio.abc.Stream, status: bytes) -> None:
    with trio.move_on_after(HEAD_S), suppress(trio.BrokenResourceError):
        await stream.send_all(b"HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % status)
