"""Connects a protocol core (of stt or tts) to its socket under trio: one reader, one writer, keepalives, and pings to
check the peer.

The reader never stops reading: it passes each message to the core, and the core's events to `handle`, which must not
wait. Other tasks queue messages in the core and call `flush`, which never waits: a prompt socket takes them at once,
else the writer sends them. The writer lives until the connection ends, so a cancelled turn can't leave half a frame on
the wire.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from math import inf
from typing import Generic, Protocol, TypeVar
from urllib.parse import urlsplit

import trio

from voicekit.flow.groups import alone
from voicekit.flow.link import open_link
from voicekit.flow.store import Full
from voicekit.flow.wire_log import WireLog
from voicekit.soniox.api.wire import Message
from voicekit.soniox.connection.transport import Address, Disconnected, PromptSocket, Socket, WebsocketTransport

PING_EVERY_S = 2.0
PING_ANSWER_S = 3.0
"""Seconds within which a ping must be answered. With a ping every two seconds, a half-open connection is detected
within five seconds, even if it is idle."""

UNSENT = 2**20
"""The maximum number of bytes that may wait for the writer: half a minute of 16 kHz audio. A peer that accepts nothing
for that long is dead.
"""

Event_co = TypeVar("Event_co", covariant=True)
Event = TypeVar("Event")


class Core(Protocol[Event_co]):
    """The protocol code of one connection. It has no socket and no clock, and never waits: see
    `voicekit.soniox.stt.session` and `voicekit.soniox.tts.connection`."""

    @property
    def due_at(self) -> float | None: ...
    def tick(self, now: float) -> Sequence[Event_co]: ...
    def receive(self, message: Message, now: float) -> Sequence[Event_co]: ...
    def closed(self, why: str = ...) -> Sequence[Event_co]: ...
    def outgoing(self) -> list[Message]: ...


class Shell(Generic[Event]):
    """An open connection and its core. Call `flush` after each call to one of the core's methods."""

    def __init__(
        self, core: Core[Event], socket: Socket, handle: Callable[[Event], None], address: Address, log: WireLog | None
    ) -> None:
        self._core = core
        self._socket = socket
        self._handle = handle
        self._redact = address.redact
        self._name = urlsplit(address.url).path.strip("/")
        self._wire_log = log
        # messages for the writer; None stands for the rest of a message that was sent in part
        self._outlet, self._inlet = open_link(UNSENT, Full.WAIT, weigh=_weight, name="messages to the socket")
        self._prompt = socket if isinstance(socket, PromptSocket) else None
        self._running = False
        self._due = trio.CancelScope()
        self._lost = False

    def flush(self) -> None:
        """Send the messages that the core wants to send, or queue them for the writer, and schedule the core's next
        `tick`. This never waits."""
        messages = self._core.outgoing()
        if messages and not self._has_sent(messages):
            for message in messages:
                try:
                    self._outlet.offer(message)
                except trio.WouldBlock:
                    self._gone(f"the peer has taken nothing while {UNSENT} bytes were waiting for it")
                except trio.ClosedResourceError:
                    return  # the connection has ended, and the core has been informed
        if (due := self._due_at()) < self._due.deadline:  # a later deadline is set only once the earlier one has passed
            self._due.deadline = due

    def _has_sent(self, messages: Sequence[Message]) -> bool:
        """Send `messages` without the writer, unless something is waiting before them."""
        socket = self._prompt
        if socket is None or not (self._running and self._outlet.is_below(1) and socket.can_send_now()):
            return False
        for message in messages:
            self._log("sent", message)
        if not socket.send_now(*messages):
            self._outlet.offer(None)
        return True

    async def run(self) -> None:
        """Serve the connection until it is lost; then inform the core, and handle the core's last events."""
        self._log("opened", "")
        with self._outlet, self._inlet, alone():
            self._running = True
            try:
                async with trio.open_nursery() as nursery:
                    for task in (self._read, self._write, self._ping, self._tick):
                        nursery.start_soon(self._until_lost, task, nursery.cancel_scope)
            finally:
                self._running = False

    async def _until_lost(self, task: Callable[[], Awaitable[None]], scope: trio.CancelScope) -> None:
        try:
            await task()
        except Disconnected as lost:
            self._gone(str(lost))
        scope.cancel()

    async def _read(self) -> None:
        while True:
            message = await self._socket.receive()
            self._log("received", message)
            self._told(self._core.receive(message, trio.current_time()))

    async def _write(self) -> None:
        while True:
            queued = await self._inlet.receive_all()
            while queued:  # what is queued meanwhile is sent without letting other tasks run before it
                messages = [message for message in queued if message is not None]
                for message in messages:
                    self._log("sent", message)
                await self._socket.send(*messages)
                queued = self._inlet.receive_all_nowait()

    async def _ping(self) -> None:
        while True:
            await trio.sleep(PING_EVERY_S)
            with trio.move_on_after(PING_ANSWER_S):
                await self._socket.ping()
                continue
            raise Disconnected(f"the peer has not answered a ping within {PING_ANSWER_S:g} s")

    async def _tick(self) -> None:
        while True:
            with trio.CancelScope(deadline=self._due_at()) as self._due:
                await trio.sleep_forever()
            now = trio.current_time()
            if now >= self._due_at():
                self._told(self._core.tick(now))

    def _gone(self, why: str) -> None:
        """Inform the core of the loss, but only once, since both the reader and the writer may notice it."""
        if self._lost:
            return
        self._lost = True
        self._log("lost", why)
        self._told(self._core.closed(self._redact(why)))

    def _told(self, events: Sequence[Event]) -> None:
        for event in events:
            self._handle(event)
        self.flush()

    def _due_at(self) -> float:
        due = self._core.due_at
        return inf if due is None else due

    def _log(self, way: str, message: Message) -> None:
        if self._wire_log is not None:
            self._wire_log(self._name, way, self._redact(message) if isinstance(message, str) else message)


def _weight(message: Message | None) -> int:
    return 1 if message is None else len(message)


@asynccontextmanager
async def open_shell(
    transport: WebsocketTransport,
    address: Address,
    core: Core[Event],
    handle: Callable[[Event], None],
    log: WireLog | None = None,
) -> AsyncIterator[Shell[Event]]:
    """Connect, and run a shell for `core` during the `async with` block. The connection is closed at the end of the
    block, and nothing more is sent.

    Raises Unconnected if the connection can't be opened. If the connection is lost later, this is reported to the core
    and never raised here.
    """
    with alone():
        async with transport.connect(address) as socket, trio.open_nursery() as nursery:
            shell = Shell(core, socket, handle, address, log)
            nursery.start_soon(shell.run)
            shell.flush()
            yield shell
            nursery.cancel_scope.cancel()
