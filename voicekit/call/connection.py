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

from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import trio

from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame, Gap
from voicekit.call.info import CallEnd, CallInfo, EndReason, Known
from voicekit.call.played import PlayedEstimate
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
    WireMessage,
    WireNotice,
    WireReply,
    WireSound,
)
from voicekit.contracts import Speaker
from voicekit.errors import ConfigError, FormatMismatch, RemoteProtocolError, Unavailable
from voicekit.events import Dtmf, Hangup
from voicekit.flow.groups import alone
from voicekit.flow.link import Inlet, Outlet, open_link
from voicekit.flow.stage import Run
from voicekit.flow.store import Full
from voicekit.flow.transform import Pipeable

START_S = 5.0
"""Seconds in which the wire must say that the call has started; a connection that does not is closed."""

HEARD_S = 0.5
"""The caller's sound that waits in front of a session; beyond it the oldest becomes a gap."""

PENDING_S = 0.4
"""Our sound that waits for the writer: more would be heard after a cut on wires that have no `clear`."""

SEND_S = 5.0
"""A message that the network does not take for this long: the connection is lost."""

GOODBYE_S = 1.0
"""For the last messages and the close, at the end of a call."""

MARK_S = 0.2
"""Sound between two marks: the position is known that exactly. A carrier holds the marks of its lead, no more."""

QUIET_S = 0.5
"""A wire that sends nothing for longer (silence suppressed, a hold) leaves a gap, so that times stay true."""

SERVICE = "call"


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


class CallSource(Pipeable):
    """The caller's sound, once: frames in order, gaps for what never came, keys, and a hang-up at the end."""

    name = "caller"
    live = True
    accepts: AudioFormat | None = None

    def __init__(self, produces: AudioFormat) -> None:
        self.produces = produces
        self._at = 0
        self._began: float | None = None
        self._outlet: Outlet[Any]
        self._inlet: Inlet[Any]
        self._outlet, self._inlet = open_link(produces.samples(HEARD_S), Full.DROP_OLDEST, name="sound of the caller")

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Run[Any, Any]]:
        yield self._run

    async def _run(self, inbox: Inlet[Any], outbox: Outlet[Any]) -> None:
        try:
            while True:
                for item in await self._inlet.receive_all():
                    await outbox.send(item)
        except trio.EndOfChannel:
            return

    def hear(self, pcm: bytes, now: float) -> None:
        """Sound has come: it is placed by the clock if more than QUIET_S is missing before it, else behind the last."""
        samples = len(pcm) // self.produces.sample_bytes
        if self._began is None:
            self._began = now - samples / self.produces.rate
        self.keep_time(now - samples / self.produces.rate)
        self._offer(AudioFrame(pcm, self._at, self.produces))
        self._at += samples

    def keep_time(self, now: float) -> None:
        """Leave a gap where more than QUIET_S of sound should have come by `now` and did not."""
        if self._began is None:
            self._began = now
        missing = self.produces.samples(now - self._began) - self._at
        if missing > self.produces.samples(QUIET_S):
            self._offer(Gap(missing, self._at))
            self._at += missing

    def press(self, digit: str) -> None:
        self._offer(Dtmf(digit))

    def finish(self) -> None:
        """The caller is gone: the session is told, behind what they last said."""
        self._offer(Hangup())
        self._outlet.close()

    def close(self) -> None:
        self._outlet.close()
        self._inlet.close()

    def _offer(self, item: object) -> None:
        with suppress(trio.ClosedResourceError, trio.BrokenResourceError):  # the session has closed its end
            self._outlet.offer(item)


class CallSink:
    """Where a session's sound goes: `voicekit.contracts.Sink` with the wire's own lead."""

    def __init__(self, wire: Wire, spoken: AudioFormat, speaker: CallSpeaker) -> None:
        self.name = wire.name
        self.format = spoken
        self.pausable = False
        self.lead = wire.lead
        self._speaker = speaker

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Speaker]:
        yield self._speaker


class CallSpeaker:
    """The queue in front of the writer, and the position of what left it: `voicekit.contracts.Speaker`."""

    def __init__(self, wire: Wire, spoken: AudioFormat) -> None:
        self._wire = wire
        self._format = spoken
        self._packet = spoken.samples(wire.packet) * spoken.sample_bytes
        self._capacity = max(spoken.samples(PENDING_S) * spoken.sample_bytes, 2 * self._packet)
        self._urgent: deque[WireMessage] = deque()
        self._messages: deque[WireMessage] = deque()  # of the packet that is being sent
        self._pending = bytearray()
        self._unsent = 0  # samples of the packet that is being sent, 0 if none is
        self._padding = 0  # samples of silence at its end
        self._generation = 0
        self._estimate = PlayedEstimate(spoken.rate)
        self._unmarked = 0
        self._before = 0  # samples heard in earlier generations
        self._pads: deque[tuple[int, int]] = deque()  # in this generation: place and size of silence of our own
        self._changed = trio.lowlevel.ParkingLot()
        self._lost = False

    # The session's side.

    async def write(self, frame: AudioFrame) -> None:
        if frame.format != self._format:
            raise FormatMismatch(f"{self._wire.name} plays {self._format}, but was given {frame.format}")
        while True:
            await trio.lowlevel.checkpoint_if_cancelled()
            if self._lost:
                raise Unavailable(f"{self._wire.name}: the call is over", service=SERVICE)
            if not self._pending or len(self._pending) + len(frame.pcm) <= self._capacity:
                self._pending += frame.pcm
                self._changed.unpark_all()
                return
            await self._changed.park()

    @property
    def position(self) -> int:
        heard = self._estimate.heard(trio.current_time())
        return self._before + heard - sum(min(size, max(0, heard - place)) for place, size in self._pads)

    @property
    def position_error(self) -> float:
        """Seconds by which the position may lag behind the ear; with marks, about a mark and half a round trip."""
        return MARK_S + self._wire.packet if "mark" in self._wire.can else 0.3

    def hold(self) -> None:
        raise ConfigError(f"{self._wire.name} can't pause")

    def release(self) -> None:
        """Nothing is held."""

    def discard(self) -> None:
        self._before = self.position
        self._generation += 1
        self._estimate = PlayedEstimate(self._format.rate)
        self._pads.clear()
        self._pending.clear()
        self._messages.clear()
        self._unsent = self._unmarked = self._padding = 0
        self.post(self._wire.clear())

    # The connection's side.

    def post(self, messages: Sequence[WireMessage]) -> None:
        """Send `messages` ahead of all sound."""
        self._urgent.extend(messages)
        self._changed.unpark_all()

    def take_urgent(self) -> Sequence[WireMessage]:
        """What still had to be sent ahead of all sound."""
        urgent = list(self._urgent)
        self._urgent.clear()
        return urgent

    def passed(self, name: str, now: float) -> None:
        generation, _, _ = name.partition(".")
        if generation == str(self._generation):
            self._estimate.passed(name, now)

    def lose(self) -> None:
        """Nothing can be sent any more: `write` raises from now on."""
        self._lost = True
        self._changed.unpark_all()

    async def next_message(self) -> WireMessage | None:
        """What to send next; waits for something. None when the call is over."""
        while not self._lost:
            if self._urgent:
                return self._urgent.popleft()
            if not self._messages:
                self._pack(pad=False)
            if self._messages:
                return self._messages.popleft()
            dry_at = self._estimate.dry_at - 2 * self._wire.packet if self._pending else float("inf")
            with trio.move_on_at(max(dry_at, trio.current_time() + self._wire.packet)) as waiting:
                await self._changed.park()
            if waiting.cancelled_caught:  # the far end has all but run dry: this is the end of what is said
                self._pack(pad=True)
        return None

    def sent(self, now: float) -> None:
        """The last message went out. The sound of a packet counts from its last message on."""
        if self._unsent and not self._messages:
            samples, self._unsent = self._unsent, 0
            self._estimate.send(samples, now)
            if self._padding:
                self._pads.append((self._estimate.sent - self._padding, self._padding))
            self._unmarked += samples
            if self._unmarked >= self._format.samples(MARK_S) or self._padding:
                name = f"{self._generation}.{self._estimate.sent}"
                self._messages.extend(marks := self._wire.mark(name))
                if marks:
                    self._estimate.mark(name)
                self._unmarked = 0
            self._padding = 0
            self._changed.unpark_all()

    def _pack(self, *, pad: bool) -> None:
        """Turn the next packet of what is pending into messages: whole packets, or with `pad` the rest and silence."""
        pcm = bytes(self._pending[: self._packet])
        if not pcm or (len(pcm) < self._packet and not pad):
            return
        del self._pending[: self._packet]
        self._padding = (self._packet - len(pcm)) // self._format.sample_bytes
        pcm += self._format.silence(self._padding)
        self._unsent = self._format.count(pcm)
        self._messages.extend(self._wire.sound(pcm))
