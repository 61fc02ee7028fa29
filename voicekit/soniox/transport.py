"""The seam to the websocket library: connect, send, receive, ping. Everything else of voicekit knows only this.

Two traps of trio-websocket decide how it is used. A send that is cancelled half-way leaves half a frame on the wire
and kills the connection, so only a task that lives as long as the connection may send. And a reader that is not
drained stops answering pings, so somebody must always be receiving.
"""

from __future__ import annotations

import math
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias
from urllib.parse import urlsplit

import trio
import trio_websocket

from voicekit.errors import ConfigError
from voicekit.flow.groups import alone

CONNECT_S = 5.0
"""Seconds for the connection and its upgrade: a caller is waiting, and a second attempt is better than a long one."""

CLOSE_S = 0.2
"""Seconds for the closing handshake: nothing depends on it, and a dead peer never answers it."""

LARGEST_MESSAGE = 4 * 2**20
"""Bytes: four minutes of 8 kHz speech in one message, far more than any that was ever seen. Larger ones close the
connection instead of filling the memory."""

RECEIVE_BYTES = 64 * 2**10
"""Bytes asked of the socket at once: the library's own 4 KiB is a fraction of one message with sound."""

_STATUS_BYTES = 16
_REFUSED = re.compile(rb"HTTP/1\.[01] ([2-5]\d\d)\b")

Message: TypeAlias = str | bytes


class Disconnected(Exception):
    """The connection is gone; the message says how."""


class Unconnected(Exception):
    """The connection did not come about. `status` is that of the HTTP answer, None where there was none."""

    def __init__(self, why: str, status: int | None = None) -> None:
        super().__init__(why)
        self.status = status


@dataclass(frozen=True, slots=True)
class Address:
    """Where to connect, and what to say in the handshake; the headers and subprotocols may hold a key."""

    url: str
    headers: Sequence[tuple[str, str]] = field(default=(), repr=False)
    subprotocols: Sequence[str] = field(default=(), repr=False)


class Socket(Protocol):
    """An open connection. All three raise Disconnected once it is gone."""

    async def send(self, message: Message) -> None:
        """Send one message. If it is cancelled, the connection is broken."""
        ...

    async def receive(self) -> Message:
        """The next message; may be cancelled."""
        ...

    async def ping(self) -> None:
        """Ask for a sign of life and wait for it; may be cancelled while waiting."""
        ...


class Transport(Protocol):
    """Makes connections; `connect` raises Unconnected when it can't, and closes in bounded time when it is left."""

    def connect(self, address: Address) -> AbstractAsyncContextManager[Socket]: ...


OpenStream: TypeAlias = Callable[[str, int, ssl.SSLContext | None], Awaitable[trio.abc.Stream]]


async def open_stream(host: str, port: int, context: ssl.SSLContext | None) -> trio.abc.Stream:
    """A TCP connection, with TLS where there is a context for it."""
    if context is None:
        return await trio.open_tcp_stream(host, port)
    stream = await trio.open_ssl_over_tcp_stream(host, port, ssl_context=context, https_compatible=True)
    async with _closed_on_failure(stream):
        await stream.do_handshake()
    return stream


class TrioWebsocket:
    """The default transport. `ssl_context` replaces the system's for wss addresses; proxies are not supported.

    `stream` opens the byte stream underneath; the test kit puts streams in memory there.
    """

    def __init__(self, *, ssl_context: ssl.SSLContext | None = None, stream: OpenStream = open_stream) -> None:
        self._ssl_context = ssl_context
        self._stream = stream

    @asynccontextmanager
    async def connect(self, address: Address) -> AsyncIterator[Socket]:
        with _rejections(), alone():
            async with trio.open_nursery() as nursery:
                socket, stream = await self._opened(address, nursery)
                try:
                    yield _TrioSocket(socket)
                finally:
                    with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_S):
                        await socket.aclose()
                    with trio.CancelScope(shield=True):
                        await trio.aclose_forcefully(stream)  # which the library leaves open when it was lost
                    nursery.cancel_scope.cancel()

    async def _opened(
        self, address: Address, nursery: trio.Nursery
    ) -> tuple[trio_websocket.WebSocketConnection, trio.abc.Stream]:
        where = urlsplit(address.url)
        if where.scheme not in ("ws", "wss") or where.hostname is None:
            raise ConfigError(f"expected a websocket address (ws:// or wss://), got {address.url!r}")
        secure = where.scheme == "wss"
        port = where.port or (443 if secure else 80)
        context = (self._ssl_context or ssl.create_default_context()) if secure else None
        scope = trio.CancelScope(deadline=trio.current_time() + CONNECT_S)
        stream: _Watched | None = None
        with scope:
            try:
                stream = _Watched(await self._stream(where.hostname, port, context), scope.cancel)
                async with _closed_on_failure(stream):
                    socket = await trio_websocket.wrap_client_stream(
                        nursery,
                        stream,  # type: ignore[arg-type]  # any stream will do, the library says so
                        where.hostname if where.port is None else f"{where.hostname}:{port}",
                        (where.path or "/") + (f"?{where.query}" if where.query else ""),
                        subprotocols=address.subprotocols or None,
                        extra_headers=[(name.encode(), value.encode()) for name, value in address.headers],
                        message_queue_size=16,
                        max_message_size=LARGEST_MESSAGE,
                        receive_buffer_size=RECEIVE_BYTES,
                    )
                return socket, stream
            except (OSError, trio.BrokenResourceError, trio_websocket.HandshakeError, ssl.SSLError) as error:
                raise Unconnected(f"{type(error).__name__}: {error}") from error
            finally:
                scope.deadline = math.inf
        status = None if stream is None else stream.status
        if status is not None:
            raise Unconnected(f"it answered HTTP {status}", status)
        raise Unconnected(f"there was no answer within {CONNECT_S:g} s, or the connection broke during the handshake")


@asynccontextmanager
async def _closed_on_failure(stream: trio.abc.Stream) -> AsyncIterator[None]:
    """What does not come about, or is cancelled on the way, leaves no socket behind."""
    try:
        yield
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise


@contextmanager
def _rejections() -> Iterator[None]:
    """The library raises a rejection out of its reader's nursery, not where the connection is waited for."""
    try:
        yield
    except trio_websocket.ConnectionRejected as error:
        raise Unconnected(f"it answered HTTP {error.status_code}", error.status_code) from error


class _TrioSocket:
    def __init__(self, socket: trio_websocket.WebSocketConnection) -> None:
        self._socket = socket

    async def send(self, message: Message) -> None:
        try:
            await self._socket.send_message(message)
        except trio_websocket.ConnectionClosed as closed:
            raise Disconnected(_why(closed)) from None

    async def receive(self) -> Message:
        try:
            return await self._socket.get_message()
        except trio_websocket.ConnectionClosed as closed:
            raise Disconnected(_why(closed)) from None

    async def ping(self) -> None:
        try:
            await self._socket.ping()
        except trio_websocket.ConnectionClosed as closed:
            raise Disconnected(_why(closed)) from None


def _why(closed: trio_websocket.ConnectionClosed) -> str:
    reason = closed.reason
    if reason is None:
        return "the connection was closed"
    said = f": {reason.reason}" if reason.reason else ""
    return f"the connection was closed with code {reason.code} ({reason.name}){said}"


class _Watched(trio.abc.Stream):
    """A stream that says when it is gone, and how it began.

    The library waits for ever when it is gone during the handshake, and forgets the status of an answer without an end.
    """

    def __init__(self, stream: trio.abc.Stream, gone: Callable[[], Any]) -> None:
        self._stream = stream
        self._gone = gone
        self._head = b""

    @property
    def status(self) -> int | None:
        """The status of an HTTP answer that was no upgrade."""
        found = _REFUSED.match(self._head)
        return None if found is None else int(found[1])

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        try:
            data = await self._stream.receive_some(max_bytes)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._gone()
            raise
        if not data:
            self._gone()
        if len(self._head) < _STATUS_BYTES:
            self._head += data[:_STATUS_BYTES]
        return data

    async def aclose(self) -> None:
        await self._stream.aclose()
