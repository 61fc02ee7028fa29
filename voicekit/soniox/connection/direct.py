"""A transport without a task of its own: `websockets` makes and parses the frames, and this module moves the bytes.

The reader of a connection reads the socket itself, so a message reaches it without another task and another queue.
`websockets` is used without its own input and output (https://websockets.readthedocs.io/en/stable/howto/sansio.html).
Its log would contain the headers and the caller's words, so it is switched off.
"""

from __future__ import annotations

import logging
import ssl
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import trio

try:
    from websockets.client import ClientProtocol
    from websockets.frames import Close, CloseCode, Frame, Opcode
    from websockets.protocol import State
    from websockets.typing import Subprotocol
    from websockets.uri import WebSocketURI
except ImportError as error:
    raise ImportError("DirectWebsocket needs the package websockets: pip install 'voicekit[websockets]'") from error

from voicekit.soniox.api.wire import Message
from voicekit.soniox.connection.tcp import RECEIVE_BYTES
from voicekit.soniox.connection.transport import (
    CLOSE_S,
    CONNECT_S,
    LARGEST_MESSAGE,
    Address,
    Disconnected,
    OpenStream,
    Socket,
    WatchedStream,
    no_handshake,
    open_stream,
    reach,
)

AT_ONCE = 4
"""How many messages are received without letting other tasks run; each takes up to 0.3 ms."""

_WHOLE = (Opcode.TEXT, Opcode.BINARY)
_NAMED = frozenset(CloseCode)
_UNSAID = logging.Logger("voicekit.unsaid", logging.CRITICAL + 1)


class DirectWebsocket:
    """A transport that costs less than TrioWebsocket, with the same arguments; needs the package `websockets`.

    Pass it to both parts: `SonioxStt(transport=DirectWebsocket())` and `SonioxTts(transport=DirectWebsocket())`.
    """

    def __init__(self, *, ssl_context: ssl.SSLContext | None = None, stream: OpenStream = open_stream) -> None:
        self._ssl_context = ssl_context
        self._stream = stream

    @asynccontextmanager
    async def connect(self, address: Address) -> AsyncIterator[Socket]:
        deadline = trio.current_time() + CONNECT_S
        stream = await reach(address.url, self._ssl_context, self._stream, deadline)
        try:
            socket = _DirectSocket(await _shake_hands(stream, address, deadline), stream)
            try:
                yield socket
            finally:
                with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_S):
                    await socket.close()
        finally:
            await trio.aclose_forcefully(stream)


async def _shake_hands(stream: WatchedStream, address: Address, deadline: float) -> ClientProtocol:
    protocol = _asked_for(address)
    with trio.CancelScope(deadline=deadline) as scope:
        try:
            await stream.send_all(b"".join(protocol.data_to_send()))
            while protocol.state is State.CONNECTING and protocol.handshake_exc is None:
                data = await stream.receive_some(RECEIVE_BYTES)
                if not data:
                    break
                protocol.receive_data(data)
        except (trio.BrokenResourceError, ssl.SSLError):
            pass  # the peer has gone
    if protocol.state is State.CONNECTING:
        raise no_handshake(stream, late=scope.cancelled_caught)
    return protocol


def _asked_for(address: Address) -> ClientProtocol:
    where = urlsplit(address.url)
    secure = where.scheme == "wss"
    uri = WebSocketURI(secure, where.hostname or "", where.port or (443 if secure else 80), where.path, where.query)
    subprotocols = [Subprotocol(name) for name in address.subprotocols] or None
    protocol = ClientProtocol(uri, subprotocols=subprotocols, max_size=LARGEST_MESSAGE, logger=_UNSAID)
    request = protocol.connect()
    for name, value in address.headers:
        request.headers[name] = value
    protocol.send_request(request)
    return protocol


class _DirectSocket:
    """One task receives, others send and ping. Bytes go out in order, whoever sends them."""

    def __init__(self, protocol: ClientProtocol, stream: WatchedStream) -> None:
        self._protocol = protocol
        self._stream = stream
        self._send_now = stream.send_now
        self._messages: deque[Message] = deque()
        self._kind = Opcode.TEXT  # that of the message of which `_begun` is the beginning
        self._begun = bytearray()
        self._received = 0
        self._pings: dict[bytes, trio.Event] = {}  # those without an answer, by their data
        self._pinged = 0
        self._sending = False
        self._sent = trio.lowlevel.ParkingLot()
        self._is_left = False  # whether the stream still holds data that `send_now` could not send
        self._is_cut = False  # whether half a frame may have been sent, so that nothing can be sent after it
        self._take(protocol.events_received())  # frames may have come with the answer to the handshake

    async def send(self, *messages: Message) -> None:
        self._check()
        self._make(messages)
        await self._flush()

    def can_send_now(self) -> bool:
        protocol = self._protocol
        busy = self._sending or self._is_cut or self._is_left or protocol.writes
        return self._send_now is not None and not busy and protocol.state is State.OPEN

    def send_now(self, *messages: Message) -> bool:
        assert self._send_now is not None, "the calling code must ask `can_send_now` first"
        self._make(messages)
        self._is_left = not self._send_now(b"".join(self._protocol.data_to_send()))
        return not self._is_left

    async def receive(self) -> Message:
        if self._messages:
            self._received += 1
            if self._received % AT_ONCE == 0:
                await trio.lowlevel.checkpoint()
        while not self._messages:
            if self._protocol.state is not State.OPEN:
                self._end_pings()
                raise self._gone()
            await self._read()
        return self._messages.popleft()

    async def ping(self) -> None:
        self._check()
        self._pinged += 1
        data = self._pinged.to_bytes(8, "big")
        self._pings[data] = answered = trio.Event()
        try:
            self._protocol.send_ping(data)
            await self._flush()
            await answered.wait()
            if data in self._pings:
                raise self._gone()
        finally:
            self._pings.pop(data, None)

    async def close(self) -> None:
        """Say goodbye, and wait until the peer has answered; the connection may already be gone."""
        protocol = self._protocol
        with suppress(Disconnected):
            if protocol.state is State.OPEN and not self._is_cut:
                protocol.send_close(CloseCode.NORMAL_CLOSURE)
            await self._flush()
            while protocol.state is State.CLOSING and protocol.close_rcvd is None and protocol.parser_exc is None:
                await self._read()

    async def _read(self) -> None:
        """Take what the peer has sent, and answer its pings and its goodbye."""
        try:
            data = await self._stream.receive_some(RECEIVE_BYTES)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            data = b""
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        self._take(self._protocol.events_received())
        if self._protocol.writes:
            with suppress(Disconnected):  # what has been received comes first
                await self._flush()

    def _take(self, events: Iterable[Any]) -> None:
        for event in events:
            if not isinstance(event, Frame):
                continue  # the answer to the handshake
            if event.opcode is Opcode.PONG:
                if (answered := self._pings.pop(bytes(event.data), None)) is not None:
                    answered.set()
            elif event.opcode in _WHOLE and event.fin:
                self._add(event.opcode, event.data)
            elif event.opcode in _WHOLE:
                self._kind, self._begun = event.opcode, bytearray(event.data)
            elif event.opcode is Opcode.CONT:
                self._begun += event.data
                if event.fin:
                    self._add(self._kind, self._begun)

    def _add(self, kind: Opcode, data: bytes | bytearray | memoryview) -> None:
        """Add a whole message."""
        if kind is Opcode.BINARY:
            self._messages.append(bytes(data))
            return
        try:
            self._messages.append(str(data, "utf-8"))
        except UnicodeDecodeError:
            self._protocol.fail(CloseCode.INVALID_DATA, "expected UTF-8")

    def _make(self, messages: Iterable[Message]) -> None:
        """Make the frames of `messages`."""
        for message in messages:
            if isinstance(message, str):
                self._protocol.send_text(message.encode())
            else:
                self._protocol.send_binary(message)

    async def _flush(self) -> None:
        while self._sending:
            await self._sent.park()
        data = b"".join(self._protocol.data_to_send())
        if self._is_cut or not (data or self._is_left):
            return
        self._sending, self._is_left, self._is_cut = True, False, True
        try:
            await self._stream.send_all(data)
            self._is_cut = False
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise self._gone() from None
        finally:
            self._sending = False
            self._sent.unpark_all()

    def _check(self) -> None:
        if self._protocol.state is not State.OPEN or (self._is_cut and not self._sending):
            raise self._gone()

    def _end_pings(self) -> None:
        for answered in self._pings.values():
            answered.set()

    def _gone(self) -> Disconnected:
        protocol = self._protocol
        close = protocol.close_rcvd
        if close is None and not isinstance(protocol.parser_exc, EOFError):
            close = protocol.close_sent
        if close is None:
            close = Close(CloseCode.ABNORMAL_CLOSURE, "")
        name = CloseCode(close.code).name if close.code in _NAMED else "private"
        return Disconnected(f"the connection was closed with code {close.code} ({name}): {close.reason}".rstrip(": "))
