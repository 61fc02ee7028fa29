"""The floor for transports: a websocket client on the sans-IO core of `websockets`, with nothing around it.

It does only what a call on loopback needs: the task that wants a message reads, pings are answered, and errors end the
connection. This core is the fastest of the well-maintained ones, so no other core would save more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import trio
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

from voicekit.flow.groups import alone
from voicekit.soniox.api.wire import Message
from voicekit.soniox.connection.transport import (
    CLOSE_S,
    LARGEST_MESSAGE,
    RECEIVE_BYTES,
    Address,
    Disconnected,
    Socket,
    Unconnected,
    open_stream,
)


class BareWebsocket:
    """A transport for ws:// addresses."""

    @asynccontextmanager
    async def connect(self, address: Address) -> AsyncIterator[Socket]:
        where = urlsplit(address.url)
        assert where.hostname is not None
        assert where.port is not None
        core = ClientProtocol(parse_uri(address.url), max_size=LARGEST_MESSAGE)
        request = core.connect()
        for name, value in address.headers:
            request.headers[name] = value
        core.send_request(request)
        stream = await open_stream(where.hostname, where.port, None)
        with alone():
            async with stream, trio.open_nursery() as nursery:
                socket = _BareSocket(core, stream, nursery)
                await socket.shake_hands()
                try:
                    yield socket
                finally:
                    with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_S):
                        await socket.say_goodbye()
                    nursery.cancel_scope.cancel()


class _BareSocket:
    def __init__(self, core: ClientProtocol, stream: trio.abc.Stream, nursery: trio.Nursery) -> None:
        self._core = core
        self._stream = stream
        self._nursery = nursery
        self._writing = trio.Lock()
        self._received: deque[Message] = deque()
        self._pings: deque[trio.Event] = deque()

    async def shake_hands(self) -> None:
        await self._flush()
        while not self._core.events_received():
            await self._read()
        if self._core.handshake_exc is not None:
            raise Unconnected(str(self._core.handshake_exc))

    async def send(self, *messages: Message) -> None:
        for message in messages:
            if isinstance(message, str):
                self._core.send_text(message.encode())
            else:
                self._core.send_binary(message)
        await self._flush()

    async def receive(self) -> Message:
        while not self._received:
            await self._read()
            for event in self._core.events_received():
                if isinstance(event, Frame):
                    self._take(event)
        return self._received.popleft()

    async def ping(self) -> None:
        answered = trio.Event()
        self._pings.append(answered)
        self._core.send_ping(b"")
        await self._flush()
        await answered.wait()

    async def say_goodbye(self) -> None:
        with suppress(Disconnected):
            self._core.send_close(1000)
            await self._flush()
            while True:
                await self._read()

    def _take(self, frame: Frame) -> None:
        """Take a whole message: our peers on loopback send no fragments."""
        if frame.opcode is Opcode.TEXT:
            self._received.append(bytes(frame.data).decode())
        elif frame.opcode is Opcode.BINARY:
            self._received.append(bytes(frame.data))
        elif frame.opcode is Opcode.PING:
            self._nursery.start_soon(self._flush)
        elif frame.opcode is Opcode.PONG:
            self._pings.popleft().set()

    async def _read(self) -> None:
        try:
            data = await self._stream.receive_some(RECEIVE_BYTES)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise Disconnected(str(error)) from None
        if not data:
            raise Disconnected("the connection ended")
        self._core.receive_data(bytes(data))

    async def _flush(self) -> None:
        """Write the core's data, after any other task that is writing."""
        try:
            self._writing.acquire_nowait()  # acquire() is a checkpoint, which costs as much as the core
        except trio.WouldBlock:
            await self._writing.acquire()
        try:
            await self._stream.send_all(b"".join(self._core.data_to_send()))
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise Disconnected(str(error)) from None
        finally:
            self._writing.release()
