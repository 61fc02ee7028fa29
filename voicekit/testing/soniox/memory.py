"""Lets clients, including httpx, connect to a simulated service: over loopback, or in memory through bounded
streams."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import httpcore
import httpx
import trio
from trio.testing import memory_stream_pair

from voicekit.errors import ConfigError
from voicekit.flow.groups import alone
from voicekit.soniox.api.region import Endpoints

HOST: Final = "soniox.test"
"""The host name of an in-memory double; no such host exists."""
STT_PATH: Final = "/transcribe-websocket"
TTS_PATH: Final = "/tts-websocket"

WINDOW_BYTES: Final = 64 * 1024
"""The maximum number of bytes in transit in one direction before the sender waits, as in a small socket buffer."""


def stream_pair(window: int = WINDOW_BYTES) -> tuple[trio.abc.Stream, trio.abc.Stream]:
    """Make a pair of streams, like `trio.testing.memory_stream_pair` but with bounded buffers."""
    one, other = memory_stream_pair()
    there, back = _Window(window), _Window(window)
    return _End(one, there, back), _End(other, back, there)


class _Window:
    """The bytes in transit in one direction."""

    def __init__(self, limit: int) -> None:
        self._room = limit
        self._open = True
        self._waiting = trio.lowlevel.ParkingLot()

    async def sent(self, count: int) -> None:
        self._room -= count
        while self._room < 0 and self._open:
            await self._waiting.park()
        if not self._open:
            raise trio.BrokenResourceError("the other end is closed")

    def taken(self, count: int) -> None:
        self._room += count
        self._waiting.unpark_all()

    def close(self) -> None:
        self._open = False
        self._waiting.unpark_all()


class _End(trio.abc.Stream):
    def __init__(self, stream: trio.abc.Stream, out: _Window, into: _Window) -> None:
        self._stream = stream
        self._out = out
        self._into = into

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)
        await self._out.sent(len(data))

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        data = await self._stream.receive_some(max_bytes)
        self._into.taken(len(data))
        return data

    async def aclose(self) -> None:
        self._out.close()
        self._into.close()
        await self._stream.aclose()


class InMemoryHttp(httpx.AsyncHTTPTransport):
    """An httpx transport over streams that `connect` makes. If `connect` raises ConnectionRefusedError, the connection
    is refused.
    """

    def __init__(self, connect: Callable[[], trio.abc.Stream]) -> None:
        # httpx's own constructor is bypassed, because it does not accept a network backend.
        self._pool = httpcore.AsyncConnectionPool(network_backend=_Backend(connect))


class _Backend(httpcore.AsyncNetworkBackend):
    def __init__(self, connect: Callable[[], trio.abc.Stream]) -> None:
        self._connect = connect

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        await trio.lowlevel.checkpoint()
        try:
            return _Stream(self._connect())
        except ConnectionRefusedError as error:
            raise httpcore.ConnectError(str(error)) from error


class _Stream(httpcore.AsyncNetworkStream):
    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with _translated(httpcore.ReadTimeout, httpcore.ReadError), trio.fail_after(_seconds(timeout)):
            return bytes(await self._stream.receive_some(max_bytes))

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        with _translated(httpcore.WriteTimeout, httpcore.WriteError), trio.fail_after(_seconds(timeout)):
            await self._stream.send_all(buffer)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        raise httpcore.ConnectError("an in-memory connection has no TLS")

    def get_extra_info(self, info: str) -> Any:
        return None


@contextmanager
def _translated(slow: type[Exception], broken: type[Exception]) -> Iterator[None]:
    try:
        yield
    except trio.TooSlowError as error:
        raise slow(str(error)) from error
    except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
        raise broken(str(error)) from error


def _seconds(timeout: float | None) -> float:
    return float("inf") if timeout is None else timeout


class Doors:
    """The base class of simulated services: their addresses, and the nursery in which `_serve` serves connections."""

    _nursery: trio.Nursery | None = None

    @property
    def endpoints(self) -> Endpoints:
        """Addresses for in-memory connections."""
        return _endpoints(HOST)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """While this is open, in-memory connections can be made."""
        with alone():
            async with trio.open_nursery() as self._nursery:
                yield
                self._nursery.cancel_scope.cancel()
        self._nursery = None

    @asynccontextmanager
    async def serve(self, port: int = 0) -> AsyncIterator[Endpoints]:
        """Serve on a port of 127.0.0.1, and yield the addresses to connect to."""
        listeners = await trio.open_tcp_listeners(port, host="127.0.0.1")
        async with self.listening():
            await self._group.start(trio.serve_listeners, self._serve, listeners)
            yield _endpoints(f"127.0.0.1:{listeners[0].socket.getsockname()[1]}")

    def connected(self, nursery: trio.Nursery | None = None) -> trio.abc.Stream:
        """Return the client's end of a new in-memory connection; the other end is served in `nursery` if one is given,
        and otherwise by `listening`, for as long as that is open.
        """
        group = nursery or self._group
        ours, theirs = stream_pair()
        group.start_soon(self._serve, ours)
        return theirs

    @property
    def _group(self) -> trio.Nursery:
        if self._nursery is None:
            raise ConfigError(f"{type(self).__name__}: connections work only inside `async with peer.listening()`")
        return self._nursery

    async def _serve(self, stream: trio.abc.Stream) -> None:
        raise NotImplementedError


def _endpoints(host: str) -> Endpoints:
    web = f"http://{host}"
    return Endpoints(rest=web, stt=f"ws://{host}{STT_PATH}", tts=f"ws://{host}{TTS_PATH}", tts_rest=web)
