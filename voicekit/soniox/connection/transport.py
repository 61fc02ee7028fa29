"""The interface to the websocket library: connect, send, receive, ping. All other code in voicekit uses only this
interface.

Three properties of trio-websocket determine how it is used. First, a send that is cancelled half-way leaves half a
frame on the wire and breaks the connection, so only a task that lives until the connection ends may send. Second, pings
are answered only while messages are received, so one task must always be receiving. Third, an error in the library's
reader would end the whole call; see `_Reader`.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, TypeVar, runtime_checkable
from urllib.parse import urlsplit

import h11
import trio
import trio_websocket
import wsproto

from voicekit.errors import ConfigError, redacted
from voicekit.flow.groups import alone
from voicekit.soniox.api.errors import Failed, lost, refused_handshake
from voicekit.soniox.api.region import KEY_SUBPROTOCOL
from voicekit.soniox.api.wire import Message
from voicekit.soniox.connection.proxy import open_tunnel, over_tls, proxy_for
from voicekit.soniox.connection.tcp import RECEIVE_BYTES, open_tcp
from voicekit.soniox.connection.tls import tls_context

CONNECT_S = 4.0
"""Seconds for the connection and its upgrade. A caller is waiting, and a second attempt is better than a long first
one; two attempts fit into the ten seconds within which a session must be open.
"""

OPENING_S = 5.0
"""Seconds within which a new attempt to connect may begin while a session opens. An attempt takes up to CONNECT_S, and
a session waits ten seconds, so an attempt fails before this time is over; its error explains more than a timeout.
"""

CLOSE_S = 0.2
"""Seconds for the closing handshake, on which nothing depends, and which a dead peer never answers."""

LARGEST_MESSAGE = 4 * 2**20
"""The maximum number of bytes in a message: four minutes of 8 kHz speech, far more than has ever been observed. A
larger message closes the connection instead of filling the memory.
"""

MESSAGES = 16
"""The maximum number of messages that may wait for our reader, which itself never waits."""

_OF_READING = (
    trio_websocket.ConnectionRejected,
    trio_websocket.ConnectionClosed,
    wsproto.utilities.ProtocolError,
    h11.ProtocolError,
)
_STATUS_BYTES = 16
_REFUSED = re.compile(rb"HTTP/1\.[01] ([2-5]\d\d)\b")

T = TypeVar("T")


class Disconnected(Exception):
    """Raised if the connection is gone; the message gives the reason."""


class Unconnected(Exception):
    """Raised if the connection could not be opened. `status` is the status of the HTTP answer; None if there was no
    answer.
    """

    def __init__(self, why: str, status: int | None = None) -> None:
        super().__init__(why)
        self.status = status

    def failure(self, service: str) -> Failed:
        """Return the Failed event for this error: the service's error for `status` if there is a status, or else a lost
        connection."""
        if self.status is not None:
            return refused_handshake(self.status, "", service=service)
        return lost(f"can't connect: {self}", service=service)


@dataclass(frozen=True, slots=True)
class Address:
    """Where to connect, and the headers and subprotocols of the handshake, which may contain a key."""

    url: str
    headers: Sequence[tuple[str, str]] = field(default=(), repr=False)
    subprotocols: Sequence[str] = field(default=(), repr=False)

    def redact(self, text: str) -> str:
        """`text` with the handshake's key removed. All text from the peer passes through this method before it is shown
        or logged.
        """
        words = [*(value.split()[-1] for _, value in self.headers), *self.subprotocols]
        return redacted(text, *(word for word in words if word != KEY_SUBPROTOCOL))

    def __repr__(self) -> str:
        return f"Address({redacted(self.url)!r}, ...)"


class Socket(Protocol):
    """An open connection. All three methods raise Disconnected if the connection is gone."""

    async def send(self, *messages: Message) -> None:
        """Send the messages in one write. If `send` is cancelled, the connection breaks."""
        ...

    async def receive(self) -> Message:
        """Wait for the next message; the wait may be cancelled."""
        ...

    async def ping(self) -> None:
        """Ping the peer and wait for its answer; the wait may be cancelled."""
        ...


@runtime_checkable
class PromptSocket(Socket, Protocol):
    """A connection to which any task can send without waiting, so that no other task has to be woken for it."""

    def can_send_now(self) -> bool:
        """Whether `send_now` may be called: the connection is open, and no other message is on its way."""
        ...

    def send_now(self, *messages: Message) -> bool:
        """Take the messages, and send as much of them as the system accepts. If the result is False, the rest goes out
        with the next `send`, which may be called without messages."""
        ...


class WebsocketTransport(Protocol):
    """Opens connections. `connect` raises Unconnected if it can't open one; closing a connection has a time limit."""

    def connect(self, address: Address) -> AbstractAsyncContextManager[Socket]: ...


OpenStream: TypeAlias = Callable[[str, int, ssl.SSLContext | None], Awaitable[trio.abc.Stream]]


async def open_stream(host: str, port: int, context: ssl.SSLContext | None) -> trio.abc.Stream:
    """Open a connection: through a proxy if the environment names one, and with TLS if a TLS context is given."""
    proxy = proxy_for("http" if context is None else "https", host, port)
    stream = await open_tcp(host, port) if proxy is None else await open_tunnel(proxy, host, port)
    if context is None:
        return stream
    try:
        return await over_tls(stream, context, host)
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise


class TrioWebsocket:
    """The default transport. `ssl_context` replaces the system's context for wss addresses. For proxies, see
    `connection.proxy`.

    `stream` opens the byte stream for a connection; the test kit uses in-memory streams.
    """

    def __init__(self, *, ssl_context: ssl.SSLContext | None = None, stream: OpenStream = open_stream) -> None:
        self._ssl_context = ssl_context
        self._stream = stream

    @asynccontextmanager
    async def connect(self, address: Address) -> AsyncIterator[Socket]:
        deadline = trio.current_time() + CONNECT_S
        stream = await reach(address.url, self._ssl_context, self._stream, deadline)
        try:
            with alone():
                async with trio.open_nursery() as nursery:
                    reader = _Reader(nursery)
                    socket = await _shake_hands(stream, address, reader, deadline)
                    try:
                        yield _TrioSocket(socket, stream)
                    finally:
                        with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_S):
                            await socket.aclose()
                        nursery.cancel_scope.cancel()
        finally:
            await trio.aclose_forcefully(stream)  # the library leaves the stream open if the connection was lost


async def reach(url: str, given: ssl.SSLContext | None, opens: OpenStream, deadline: float) -> WatchedStream:
    """Open the byte stream to the host of `url` with `opens`, by `deadline`. For wss, `given` replaces the system's TLS
    context.

    Raises ConfigError if `url` is not a websocket address, and Unconnected if its host can't be reached.
    """
    where = urlsplit(url)
    if where.scheme not in ("ws", "wss") or where.hostname is None:
        raise ConfigError(f"expected a websocket address (ws:// or wss://), got {redacted(url)!r}")
    context = (given or await tls_context()) if where.scheme == "wss" else None
    port = where.port or (80 if context is None else 443)
    try:
        with trio.move_on_at(deadline):
            return WatchedStream(await opens(where.hostname, port, context))
    except (OSError, trio.BrokenResourceError, ssl.SSLError) as error:
        why = _deepest(error)
        raise Unconnected(f"{type(why).__name__}: {why}") from error
    raise Unconnected(f"{where.hostname} could not be reached within {CONNECT_S:g} s")


def no_handshake(stream: WatchedStream, *, late: bool) -> Unconnected:
    """The error for a handshake that has failed; `late` is whether there was no complete answer in time."""
    if stream.status is not None:
        return Unconnected(f"it answered HTTP {stream.status}", stream.status)
    return Unconnected(f"no handshake within {CONNECT_S:g} s" if late else "it ended the handshake early")


def _deepest(error: BaseException) -> BaseException:
    """The innermost cause of `error`. trio's sockets have one cause for each address that was tried; the first is
    returned."""
    cause = error.__cause__
    while isinstance(cause, BaseExceptionGroup):
        cause = cause.exceptions[0]
    return error if cause is None else cause


async def _shake_hands(
    stream: WatchedStream, address: Address, reader: _Reader, deadline: float
) -> trio_websocket.WebSocketConnection:
    where = urlsplit(address.url)
    with trio.CancelScope(deadline=deadline) as reader.shaking:
        socket = await trio_websocket.wrap_client_stream(
            reader,  # type: ignore[arg-type]  # only its start_soon is used
            stream,  # type: ignore[arg-type]  # according to the library, any stream will do
            where.netloc.rpartition("@")[2],
            (where.path or "/") + (f"?{where.query}" if where.query else ""),
            subprotocols=address.subprotocols or None,
            extra_headers=[(name.encode(), value.encode()) for name, value in address.headers],
            message_queue_size=MESSAGES,
            max_message_size=LARGEST_MESSAGE,
            receive_buffer_size=RECEIVE_BYTES,
        )
        reader.shaking = None
        return socket
    raise no_handshake(stream, late=reader.running)


class _Reader:
    """Replaces the nursery in which the library would run its reader, so that the end of the reader does not affect the
    call.

    Otherwise, the library would wait forever if the reader ended during the handshake, and any error of the reader
    would end the call: a rejection, an invalid handshake, a connection that is lost while garbage is answered, or a
    ping that comes during the close.
    """

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self.shaking: trio.CancelScope | None = None  # the scope of the handshake, cancelled when the reader ends
        self.running = True

    def start_soon(self, read: Callable[[], Awaitable[None]]) -> None:
        self._nursery.start_soon(self._run, read)

    async def _run(self, read: Callable[[], Awaitable[None]]) -> None:
        with suppress(*_OF_READING):
            await read()
        self.running = False
        if self.shaking is not None:
            self.shaking.cancel()


class _TrioSocket:
    def __init__(self, socket: trio_websocket.WebSocketConnection, stream: WatchedStream) -> None:
        self._socket = socket
        self._stream = stream

    async def send(self, *messages: Message) -> None:
        for left in range(len(messages), 0, -1):
            self._stream.corked = left > 1
            await _connected(self._socket.send_message(messages[-left]))

    async def receive(self) -> Message:
        return await _connected(self._socket.get_message())

    async def ping(self) -> None:
        await _connected(self._socket.ping())


async def _connected(work: Awaitable[T]) -> T:
    try:
        return await work
    except trio_websocket.ConnectionClosed as closed:
        raise Disconnected(_why(closed)) from None


def _why(closed: trio_websocket.ConnectionClosed) -> str:
    reason = closed.reason
    if reason is None:
        return "the connection was closed"
    said = f": {reason.reason}" if reason.reason else ""
    return f"the connection was closed with code {reason.code} ({reason.name}){said}"


class WatchedStream(trio.abc.Stream):
    """A stream that remembers the first bytes received, because the library forgets the status of an incomplete answer.

    Bytes that are sent while the stream is `corked` go out in one write, together with the bytes that are sent
    afterwards.
    """

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._head = b""
        self._held = b""
        self.corked = False

    @property
    def status(self) -> int | None:
        """The status of the HTTP answer; None if it was an upgrade, or if no answer has arrived."""
        found = _REFUSED.match(self._head)
        return None if found is None else int(found[1])

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        data = await self._stream.receive_some(max_bytes)
        if len(self._head) < _STATUS_BYTES:
            self._head += data[:_STATUS_BYTES]
        return data

    @property
    def send_now(self) -> Callable[[bytes], bool] | None:
        """The stream's method to send without waiting, if it has one."""
        return getattr(self._stream, "send_now", None)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        if self._held:
            data, self._held = self._held + data, b""
        if self.corked:
            self._held = bytes(data)
        else:
            await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self._stream.aclose()
