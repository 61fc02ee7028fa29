"""An asyncio program's websocket as the connection of a call in trio: `host.wire(websocket)`.

    asyncio                                           trio
    websocket.receive ─▶ reader ──run_sync_soon──▶ 256 messages, the oldest dropped ─▶ stream.receive
    websocket.send ◀── writer ◀─call_soon_threadsafe── at most 8 that are still unsent ◀─ stream.send

The websocket comes from Starlette or FastAPI and has been accepted; any object with the methods of `AsgiWebSocket` will
do.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from typing import Any, Protocol

import trio

from voicekit.aio.plain_wire import PlainWire
from voicekit.call.wire import StreamClosed, Wire, WireMessage

INBOX = 256
"""The number of messages that may wait while trio is blocked: five seconds of sound. Then the oldest is dropped."""

UNSENT = 8
"""The number of messages that may be on their way to the socket: 160 ms of sound. Then the call's writer waits."""


class AsgiWebSocket(Protocol):
    """The methods that voicekit calls on a Starlette or FastAPI WebSocket."""

    async def receive(self) -> MutableMapping[str, Any]: ...
    async def send_text(self, data: str) -> None: ...
    async def send_bytes(self, data: bytes) -> None: ...
    async def close(self, code: int = 1000) -> None: ...


class HostedWire:
    """One websocket and its protocol, for `Host.run`. `dropped` counts the messages that were dropped because the call
    was too slow.

    It serves one call. On trio's side it is a `voicekit.call.wire.MessageStream`.
    """

    def __init__(self, websocket: AsgiWebSocket, wire: Wire | None = None) -> None:
        self.wire: Wire = PlainWire() if wire is None else wire
        self.dropped = 0
        self._websocket = websocket
        self._inbox: deque[WireMessage] = deque()
        if isinstance(self.wire, PlainWire):
            self._inbox.append(b"")  # a call begins with its first message; the handshake counts as a message
        self._closed: StreamClosed | None = None
        self._changed = trio.lowlevel.ParkingLot()
        self._unsent = 0
        self._outbox: asyncio.Queue[WireMessage | int]
        self._loop: asyncio.AbstractEventLoop
        self._cross: Callable[..., None]

    # asyncio's side

    def attach(self, loop: asyncio.AbstractEventLoop, cross: Callable[..., None]) -> list[asyncio.Task[None]]:
        """Start moving messages on `loop`; `cross(function, ...)` makes trio call `function` soon."""
        self._loop, self._cross = loop, cross
        self._outbox = asyncio.Queue()  # the sender limits this queue to UNSENT messages
        return [loop.create_task(self._read()), loop.create_task(self._write())]

    async def _read(self) -> None:
        code: int | None = None
        try:
            while (message := await self._websocket.receive())["type"] == "websocket.receive":
                text = message.get("text")
                self._cross(self._take, text if text is not None else message["bytes"])
            code = message.get("code")
        except (RuntimeError, OSError):  # Starlette raises RuntimeError for a socket that our side has closed
            code = None
        finally:
            self._cross(self._end, code)

    async def _write(self) -> None:
        with suppress(Exception):  # the server may raise any error for a lost socket; the reader reports the loss
            while True:
                message = await self._outbox.get()
                if isinstance(message, int):
                    await self._websocket.close(message)
                elif isinstance(message, str):
                    await self._websocket.send_text(message)
                else:
                    await self._websocket.send_bytes(message)
                self._cross(self._sent)
                if isinstance(message, int):
                    return
        self._cross(self._end, None)

    # trio's side

    async def receive(self) -> WireMessage:
        await trio.lowlevel.checkpoint_if_cancelled()
        while not self._inbox:
            if self._closed is not None:
                raise self._closed
            await self._changed.park()
        return self._inbox.popleft()

    async def send(self, message: WireMessage) -> None:
        await self._wait_below(UNSENT)
        if self._closed is not None:
            raise self._closed
        self._post(message)

    async def close(self, code: int = 1000) -> None:
        """Close the websocket after sending everything that is queued. Returns when it is closed."""
        if self._closed is None:
            self._post(code)
            await self._wait_below(1)
            self._end(code)

    def _post(self, message: WireMessage | int) -> None:
        self._unsent += 1
        try:
            self._loop.call_soon_threadsafe(self._outbox.put_nowait, message)
        except RuntimeError:  # the program's loop is closed
            self._end(None)

    async def _wait_below(self, most: int) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()
        while self._unsent >= most and self._closed is None:
            await self._changed.park()

    def _take(self, message: WireMessage) -> None:
        if len(self._inbox) >= INBOX:
            self._inbox.popleft()
            self.dropped += 1
        self._inbox.append(message)
        self._changed.unpark_all()

    def _sent(self) -> None:
        self._unsent -= 1
        self._changed.unpark_all()

    def _end(self, code: int | None) -> None:
        if self._closed is None:
            self._closed = StreamClosed(code)
        self._changed.unpark_all()
