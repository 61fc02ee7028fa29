"""One connection to the scripted peer: the websocket, its faults, and the service behind it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import trio
import trio_websocket
import wsproto.utilities

from voicekit.errors import ConfigError
from voicekit.soniox.api.region import KEY_SUBPROTOCOL
from voicekit.soniox.api.wire import Message
from voicekit.soniox.server.account import handshake_key
from voicekit.soniox.server.refusal import CloseConnection as Closing
from voicekit.soniox.server.refusal import Refusal
from voicekit.testing.soniox.faults import Change, Close, Fault, Refuse, Reject, SayMessage, WireFault
from voicekit.testing.soniox.faulty import FaultyStream
from voicekit.testing.soniox.record import ConnectionRecord
from voicekit.testing.soniox.services import Answering, Behaviour, answering

UNSENT: Final = 64
"""The maximum number of messages that wait to be sent; with more, the peer stops reading."""
CLOSE_S: Final = 1.0
"""The maximum number of seconds that the closing handshake may take."""
RECEIVE_BYTES: Final = 64 * 1024


class _Keyed(msgspec.Struct):
    api_key: str | None = None


@dataclass(frozen=True, slots=True)
class _Raw:
    """A message that a fault sends, in addition to those of the protocol."""

    message: Message


class PeerConnection:
    """Serves a connection until it ends, and keeps its history in `record`. `head` is what has already been read from
    `stream`.

    If a cut makes the whole service unreachable, `leave` is called with the duration in seconds.
    """

    def __init__(
        self,
        record: ConnectionRecord,
        how: Behaviour,
        faults: Sequence[Fault],
        stream: trio.abc.Stream,
        head: bytes,
        leave: Callable[[float], None],
    ) -> None:
        self.record = record
        self._how = how
        self._faults = [fault for fault in faults if not isinstance(fault, WireFault)]
        self._timed = [fault for fault in faults if fault.at is not None and fault.at.seconds is not None]
        wire = [fault for fault in faults if isinstance(fault, WireFault)]
        self._stream = FaultyStream(stream, head, wire, self._gone, leave)
        self._nursery: trio.Nursery | None = None
        self._service: Answering | None = None
        self._accepted = trio.Event()
        self._closing = False
        self._flushing = trio.Lock()
        self._tick_scope = trio.CancelScope()
        self._outlet, self._inlet = trio.open_memory_channel[tuple[float, Message | _Raw | Closing]](UNSENT)

    async def serve(self) -> None:
        try:
            async with trio.open_nursery() as self._nursery:
                for fault in self._timed:
                    self._nursery.start_soon(self._strike_later, fault)
                await self._talk(self._nursery)
                self._nursery.cancel_scope.cancel()
        except* trio_websocket.ConnectionClosed:
            pass  # the library raises this if the client is gone
        except* wsproto.utilities.LocalProtocolError:
            if not self._closing:
                raise
            # a ping came while the connection was closing, and the library has tried to answer it
        finally:
            if self._service is not None:
                self._service.closed()
            self.record.closed_at = trio.current_time()
            self._outlet.close()
            self._inlet.close()
            await trio.aclose_forcefully(self._stream)

    async def suffer(self, fault: Fault) -> None:
        """Make `fault` happen now, or as soon as possible: a message can be sent only after the connection has been
        accepted."""
        if isinstance(fault, WireFault):
            await self._stream.strike(fault)
            return
        await self._accepted.wait()
        now = trio.current_time()
        match fault:
            case SayMessage(message=message):
                await self._outlet.send((now, _Raw(message)))
            case Close(code=code, reason=reason):
                await self._outlet.send((now, Closing(code, reason)))
            case Refuse(error_type=error_type, message=said, stream=stream) if self._service is not None:
                self._service.refuse(Refusal(error_type, said), stream, now)
                await self._flush(self._service)
            case _:
                raise ConfigError(f"expected a fault that can happen during a connection, got {fault}")

    # --- the handshake ---

    async def _talk(self, nursery: trio.Nursery) -> None:
        request = await trio_websocket.wrap_server_stream(nursery, self._stream, receive_buffer_size=RECEIVE_BYTES)
        self._note_keys(request)
        rejection = next((fault for fault in self._faults if isinstance(fault, Reject)), None)
        if rejection is not None:
            await request.reject(rejection.status, body=rejection.body or None)
            return
        proposed = request.proposed_subprotocols
        subprotocol = KEY_SUBPROTOCOL if proposed[:1] == (KEY_SUBPROTOCOL,) else None
        socket = await request.accept(subprotocol=subprotocol)
        now = trio.current_time()
        self.record.accepted_at = now
        key = self.record.header_key or self.record.subprotocol_key
        self._service = answering(self.record, key, self._how, now)
        self._accepted.set()
        await self._flush(self._service)
        async with trio.open_nursery() as tasks:
            tasks.start_soon(self._read, socket, self._service, tasks.cancel_scope)
            tasks.start_soon(self._write, socket, tasks.cancel_scope)
            tasks.start_soon(self._tick, self._service)

    def _note_keys(self, request: trio_websocket.WebSocketRequest) -> None:
        authorization = next((value for name, value in request.headers if name.lower() == b"authorization"), b"")
        self.record.header_key = handshake_key(authorization.decode())
        self.record.subprotocol_key = handshake_key(None, request.proposed_subprotocols)

    def _gone(self) -> None:
        """Close a connection whose client has left, since the library would wait forever for the rest of its
        request."""
        if self._service is None and self._nursery is not None:
            self._nursery.cancel_scope.cancel()

    # --- the conversation ---

    async def _read(
        self, socket: trio_websocket.WebSocketConnection, service: Answering, scope: trio.CancelScope
    ) -> None:
        while True:
            try:
                message = await socket.get_message()
            except trio_websocket.ConnectionClosed:
                break
            now = trio.current_time()
            self.record.took(message, now)
            self._note_key(message)
            service.receive(message, now)
            await self._flush(service)
            for fault in self._due(received=self.record.received_count):
                await self.suffer(fault)
        if not self._closing:  # otherwise the writer closes the connection
            scope.cancel()

    async def _write(self, socket: trio_websocket.WebSocketConnection, scope: trio.CancelScope) -> None:
        async for due, item in self._inlet:
            await trio.sleep_until(due)
            if isinstance(item, Closing):
                self._closing = True
                with trio.move_on_after(CLOSE_S):
                    await socket.aclose(item.code, item.reason or None)
                break
            await self._send(socket, item)
        scope.cancel()

    async def _send(self, socket: trio_websocket.WebSocketConnection, item: Message | _Raw) -> None:
        message = item.message if isinstance(item, _Raw) else self._changed(item)
        for fault in self._due(sent=self.record.sent_count + 1):
            if isinstance(fault, SayMessage):
                await self._send(socket, _Raw(fault.message))
            elif self._nursery is not None:
                self._nursery.start_soon(self.suffer, fault)
        if message is not None:
            self.record.said(message, trio.current_time())
            await socket.send_message(message)

    async def _tick(self, service: Answering) -> None:
        while True:
            with trio.CancelScope(deadline=service.due_at) as self._tick_scope:
                await trio.sleep_forever()
            service.tick(trio.current_time())
            await self._flush(service)

    async def _flush(self, service: Answering) -> None:
        """Queue the messages that the service has to send; only one task does this at a time, so that they stay in
        order."""
        async with self._flushing:
            due = trio.current_time() + service.latency
            for message in service.outgoing():
                await self._outlet.send((due, message))
            if service.closing is not None and not self._closing:
                self._closing = True
                await self._outlet.send((due, service.closing))
        self._tick_scope.deadline = service.due_at

    def _note_key(self, message: Message) -> None:
        if isinstance(message, str) and '"api_key"' in message:
            try:
                key = msgspec.json.decode(message, type=_Keyed).api_key
            except msgspec.DecodeError:
                return
            self.record.message_keys += [] if key is None else [key]

    # --- faults ---

    def _changed(self, message: Message) -> Message | None:
        """The message to send instead of `message`; None for no message."""
        number = self.record.sent_count + 1
        changes = [fault for fault in self._faults if isinstance(fault, Change)]
        changed: Message | None = message
        for fault in changes:
            if changed is not None and (fault.at is None or fault.at.sent == number):
                changed = fault.change(changed)
                self._faults = [other for other in self._faults if other is not fault or fault.at is None]
        return changed

    def _due(self, *, received: int = 0, sent: int = 0) -> list[Fault]:
        """The faults that are due at the message with this number; each happens only once."""
        due = [
            fault
            for fault in self._faults
            if fault.at is not None
            and not isinstance(fault, Change)
            and (fault.at.received == received > 0 or fault.at.sent == sent > 0)
        ]
        self._faults = [fault for fault in self._faults if fault not in due]
        return due

    async def _strike_later(self, fault: Fault) -> None:
        await trio.sleep(fault.at.seconds if fault.at is not None and fault.at.seconds is not None else math.inf)
        await self.suffer(fault)
