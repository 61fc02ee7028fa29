"""One websocket of the server: a reader, a writer and a timer around a service.

The service is one of the server's roles (stt or tts) and the engine behind it. Nothing accumulates: the service waits
while its client is not reading, and a client that sends too fast must wait.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

import h11
import trio
import trio_websocket
import wsproto

from voicekit.soniox.api.region import KEY_SUBPROTOCOL
from voicekit.soniox.api.wire import MESSAGE_BYTES, Message
from voicekit.soniox.server.account import handshake_key
from voicekit.soniox.server.refusal import CloseConnection

HANDSHAKE_S: Final = 5.0
"""Seconds for the rest of the upgrade after the request has arrived."""

CLOSE_S: Final = 1.0
"""Seconds for the closing handshake."""

STALLED_S: Final = 20.0
"""Seconds within which a client must accept one message; otherwise it counts as lost."""

UNSENT: Final = 32
"""The maximum number of messages that may wait to be sent."""

UNREAD: Final = 4
"""The maximum number of messages that may wait to be read; any more wait in the network."""

RECEIVE_BYTES: Final = 64 * 1024

LARGEST: Final = 2 * MESSAGE_BYTES
"""Bytes of the longest message that we read; a longer one closes the connection with code 1009. A message between
MESSAGE_BYTES and this limit gets the same answer as from the service.
"""

LOST: Final = (
    trio_websocket.ConnectionClosed,
    trio_websocket.HandshakeError,
    wsproto.utilities.ProtocolError,
    h11.ProtocolError,
    trio.BrokenResourceError,
    trio.ClosedResourceError,
)
"""The library's errors if a client has left, or has never spoken the protocol."""


class Core(Protocol):
    """What the server roles for speech to text and for text to speech have in common."""

    @property
    def closing(self) -> CloseConnection | None: ...
    @property
    def due_at(self) -> float | None: ...

    known: bool

    def outgoing(self) -> list[Message]: ...


class Line:
    """The connection to one client: `flush`, which any task may call, sends the messages of `core`.

    If a task is cancelled in `flush`, the next call to `flush`, from whichever task, sends the remaining messages.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._unsent: deque[Message] = deque()  # messages that have been taken from the core but not sent
        self._outlet, self._inlet = trio.open_memory_channel[Message | CloseConnection](UNSENT)
        self._flushing = trio.Lock()
        self._closing = False
        self._timer = trio.CancelScope()

    async def flush(self) -> None:
        """Send the core's messages in order. Waits if the client reads slowly."""
        async with self._flushing:
            while self._take():
                await self._outlet.send(self._unsent[0])  # if this is cancelled, nothing has been sent
                self._unsent.popleft()
            if self._core.closing is not None and not self._closing:
                await self._outlet.send(self._core.closing)
                self._closing = True
        self._timer.deadline = self._due_at

    def _take(self) -> bool:
        """Whether there are messages to send, including new ones from the core."""
        self._unsent.extend(self._core.outgoing())
        return bool(self._unsent)

    @property
    def closing(self) -> bool:
        """Whether the last message has been queued."""
        return self._closing

    @property
    def _due_at(self) -> float:
        due = self._core.due_at
        return math.inf if due is None else due

    async def until_due(self) -> None:
        """Wait until the core's `tick` is due."""
        with trio.CancelScope(deadline=self._due_at) as self._timer:
            await trio.sleep_forever()

    async def write(self, socket: trio_websocket.WebSocketConnection) -> None:
        """Send the messages as they are flushed, and close the connection after the last one."""
        async for item in self._inlet:
            if isinstance(item, CloseConnection):
                with trio.move_on_after(CLOSE_S):
                    await socket.aclose(item.code, item.reason or None)
                return
            with trio.move_on_after(STALLED_S) as stalled:
                await socket.send_message(item)
            if stalled.cancelled_caught:
                return


class Service(Protocol):
    """One of the server's roles (stt or tts) and the engine behind it, serving one connection."""

    @property
    def core(self) -> Core: ...
    async def receive(self, message: Message, now: float) -> None:
        """Take a message from the client. Waits if too much work is queued."""
        ...

    def tick(self, now: float) -> None:
        """Do what is due. Called at the time `core.due_at`."""
        ...

    def closed(self) -> None:
        """Record that the connection is closed."""
        ...

    async def run(self, line: Line) -> None:
        """Do the work, and call `flush` when there are messages. Cancelled when the connection ends."""
        ...


class MakeService(Protocol):
    def __call__(self, key: str | None, now: float) -> Service: ...


async def serve_websocket(stream: trio.abc.Stream, make: MakeService, welcome: Callable[[], object]) -> None:
    """Serve the client at the other end of `stream`, from its request on, until either side ends the connection.

    `welcome` is called when the client has shown a valid key; it may be called more than once.
    """
    try:
        async with trio.open_nursery() as nursery:
            nursery.cancel_scope.deadline = trio.current_time() + HANDSHAKE_S
            request = await trio_websocket.wrap_server_stream(
                nursery,
                stream,
                message_queue_size=UNREAD,
                max_message_size=LARGEST,
                receive_buffer_size=RECEIVE_BYTES,
            )
            socket = await request.accept(subprotocol=_subprotocol(request))
            nursery.cancel_scope.deadline = math.inf
            await _talk(socket, make(_key(request), trio.current_time()), welcome)
            nursery.cancel_scope.cancel()
    except* LOST:
        pass  # the peer is gone


def _subprotocol(request: trio_websocket.WebSocketRequest) -> str | None:
    return KEY_SUBPROTOCOL if tuple(request.proposed_subprotocols[:1]) == (KEY_SUBPROTOCOL,) else None


def _key(request: trio_websocket.WebSocketRequest) -> str | None:
    authorization = next((value for name, value in request.headers if name.lower() == b"authorization"), b"")
    return handshake_key(authorization.decode("latin-1"), request.proposed_subprotocols)


async def _talk(socket: trio_websocket.WebSocketConnection, service: Service, welcome: Callable[[], object]) -> None:
    line = Line(service.core)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_read, socket, service, line, nursery.cancel_scope, welcome)
            nursery.start_soon(_tick, service, line)
            nursery.start_soon(service.run, line)
            await line.write(socket)
            nursery.cancel_scope.cancel()
    finally:
        service.closed()


async def _read(
    socket: trio_websocket.WebSocketConnection,
    service: Service,
    line: Line,
    scope: trio.CancelScope,
    welcome: Callable[[], object],
) -> None:
    await line.flush()
    while True:
        if service.core.known:
            welcome()
        try:
            message = await socket.get_message()
        except trio_websocket.ConnectionClosed:
            break
        await service.receive(message, trio.current_time())
        await line.flush()
    if not line.closing:  # otherwise the writer closes the connection
        scope.cancel()


async def _tick(service: Service, line: Line) -> None:
    while True:
        await line.until_due()
        service.tick(trio.current_time())
        await line.flush()
