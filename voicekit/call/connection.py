"""A call on a connection: one reader that always drains, one writer that alone sends.

    stream --receive--> reader --Wire.receive--> sound  --link of 0.5 s, drops the oldest--> call.source
                                                 events --> marks, digits, hold, the end
    call.sink.write --> pending sound (at most 0.4 s) --> writer --Wire.sound--> stream
    discard, answers to pings, digits ---------------> ahead of all sound

The reader never waits for a consumer, so pings are answered and the end is seen whatever the session does. A cut is
synchronous: `discard` drops what is pending and puts the wire's `clear` ahead of everything. The writer outlives
every turn, so no cancelled turn leaves half a message on the socket.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import trio

from voicekit.call.caller import QUIET_S, CallSource
from voicekit.call.info import CallEnd, CallInfo, EndReason, Known
from voicekit.call.speaker import SERVICE, CallSink, CallSpeaker
from voicekit.call.tokens import CallFacts
from voicekit.call.wire import (
    CallStarted,
    FarHold,
    MarkPassed,
    MessageStream,
    StreamClosed,
    Wire,
    WireDigit,
    WireEnded,
    WireNotice,
    WireReply,
    WireSound,
    WireTyped,
)
from voicekit.errors import ConfigError, RemoteProtocolError, Unavailable
from voicekit.flow.groups import alone

START_S = 5.0
"""Seconds in which the wire must say that the call has started; a connection that does not is closed."""

SEND_S = 5.0
"""A message that the network does not take for this long: the connection is lost."""

GOODBYE_S = 1.0
"""For the last messages and the close, at the end of a call."""


class Call:
    """One caller: `source` and `sink` for a session, `info` about them, and what can be asked of the wire."""

    def __init__(self, stream: MessageStream, wire: Wire, start: CallStarted) -> None:
        self.info: CallInfo = start.info
        self.end: CallEnd | None = None
        self.held = False
        self._stream = stream
        self._wire = wire
        self._line = CallSpeaker(wire, start.spoken)
        self.source = CallSource(start.heard)
        self.sink = CallSink(wire, start.spoken, self._line)

    @property
    def can(self) -> frozenset[str]:
        """What this wire is able to do, of `transfer`, `digits`, `hang_up`."""
        return self._wire.can

    def join(self, session: object) -> None:
        """Called by the session that this call has got, before it runs: a wire that shows it to the caller watches it.

        Such a wire has `join(session, post)`; `post` sends its messages ahead of all sound.
        """
        join = getattr(self._wire, "join", None)
        if join is not None:
            join(session, self._line.post)

    def hang_up(self, why: str = "") -> None:
        """End the call from our side; returns at once. A second call does nothing."""
        self.finish(CallEnd(EndReason.BOT, why))

    def send_digits(self, digits: str) -> None:
        """Send keys to the far side. ConfigError for a wire that can't, and for what is no key."""
        if "digits" not in self._wire.can:
            raise ConfigError(f"send_digits: {self._wire.name} has no way to send keys on this connection")
        if not digits or set(digits) - set("0123456789*#ABCDabcdw"):
            raise ConfigError("send_digits: expected keys of 0-9, *, #, A-D and w for a pause, got something else")
        self._line.post(self._wire.digits(digits))

    def finish(self, end: CallEnd) -> None:
        """The call is over for this reason; what ended it first stands."""
        if self.end is None:
            self.end = end
            self.source.finish()
            self._line.lose()

    async def _read(self) -> None:
        while self.end is None:
            with trio.move_on_after(QUIET_S) as quiet:
                try:
                    message = await self._stream.receive()
                except StreamClosed as closed:
                    self.finish(self._wire.closed(closed.code).end)
                    return
                try:
                    self.take(self._wire.receive(message))
                except RemoteProtocolError as error:
                    self.finish(CallEnd(EndReason.CARRIER, str(error)))
            if quiet.cancelled_caught:
                self.source.keep_time(trio.current_time())

    def take(self, events: Sequence[object]) -> None:
        """Act on what the wire said; never waits."""
        now = trio.current_time()
        for event in events:
            match event:
                case WireSound(pcm):
                    self.source.hear(pcm, now)
                case MarkPassed(name):
                    self._line.passed(name, now)
                case WireDigit(digit):
                    self.source.press(digit)
                case WireTyped(text):
                    self.source.type(text)
                case WireReply(message):
                    self._line.post([message])
                case FarHold(held):
                    self.held = held
                case WireEnded(end):
                    self.finish(end)
                case WireNotice() | _:
                    pass

    async def _write(self) -> None:
        while message := await self._line.next_message():
            with trio.move_on_after(SEND_S) as late:
                try:
                    await self._stream.send(message)
                except StreamClosed as closed:
                    self.finish(self._wire.closed(closed.code).end)
                    return
            if late.cancelled_caught:
                self.finish(CallEnd(EndReason.LOST, f"no message was taken for {SEND_S:g} s"))
                return
            self._line.sent(trio.current_time())

    async def _say_goodbye(self, code: int) -> None:
        with trio.move_on_after(GOODBYE_S, shield=True):
            try:
                for message in self._line.take_urgent():  # such as the answer to a goodbye
                    await self._stream.send(message)
                if self.end is None or self.end.reason not in (EndReason.CALLER, EndReason.LOST, EndReason.CARRIER):
                    for message in self._wire.hang_up("" if self.end is None else self.end.reason.value):
                        await self._stream.send(message)
            except StreamClosed:
                return
            await self._stream.close(code)


@asynccontextmanager
async def open_call(
    stream: MessageStream, wire: Wire, facts: CallFacts | None = None, *, start_timeout: float = START_S
) -> AsyncIterator[Call]:
    """The call that begins on `stream`; at the end of the block it is over, in bounded time, and the stream closed.

    `facts` are what a signed webhook said of it: they replace what the wire only claims, and a call that says it is
    another one is closed. Raises RemoteProtocolError if the wire is not spoken, and Unavailable if no call starts in
    `start_timeout` seconds or the connection ends before one does.
    """
    start, rest = await _started(stream, wire, start_timeout)
    if facts is not None:
        if start.info.call_id.value != facts.call_id:
            await _close(stream, 1008)
            raise Unavailable(
                f"{wire.name}: the socket's call is not the one that its webhook announced", service=SERVICE
            )
        start = replace(start, info=_signed(start.info, facts))
    call = Call(stream, wire, start)
    code = 1011
    try:
        with alone():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(call._read)
                nursery.start_soon(call._write)
                call.take(rest)
                yield call
                code = 1000
                nursery.cancel_scope.cancel()
    finally:
        call.source.close()
        await call._say_goodbye(code)


async def _started(stream: MessageStream, wire: Wire, timeout: float) -> tuple[CallStarted, Sequence[object]]:
    try:
        with trio.fail_after(timeout):
            while True:
                events = wire.receive(await stream.receive())
                for n, event in enumerate(events):
                    if isinstance(event, CallStarted):
                        return event, events[n + 1 :]
                    if isinstance(event, WireReply):
                        await stream.send(event.message)
                    elif isinstance(event, WireEnded):
                        raise Unavailable(f"{wire.name}: the call ended before it started", service=SERVICE)
    except (trio.TooSlowError, StreamClosed, Unavailable, RemoteProtocolError) as error:
        await _close(stream, 1008)
        if isinstance(error, RemoteProtocolError | Unavailable):
            raise
        what = f"within {timeout:g} s" if isinstance(error, trio.TooSlowError) else "before the connection closed"
        raise Unavailable(f"{wire.name}: expected a call to start {what}, got none", service=SERVICE) from None


async def _close(stream: MessageStream, code: int) -> None:
    with trio.move_on_after(GOODBYE_S, shield=True):
        await stream.close(code)


def _signed(info: CallInfo, facts: CallFacts) -> CallInfo:
    """`info` with what a signed webhook knew in the place of claims."""
    known = {name: Known(value, "signed") for name, value in facts.facts.items()}
    return replace(
        info,
        call_id=Known(facts.call_id, "signed"),
        caller=known.pop("caller", info.caller),
        called=known.pop("called", info.called),
        parameters={**info.parameters, **known},
    )
