"""A call on a connection: one reader that never stops reading, and one writer that does all the sending.

    stream --receive--> reader --Wire.receive--> audio  --link of 0.5 s, drops the oldest--> call.source
                                                 events --> marks, digits, hold, the end
    call.sink.write --> pending audio (at most 0.4 s) --> writer --Wire.sound--> stream
    discard, answers to pings, digits ---------------> ahead of all audio

The reader never waits for a consumer, so pings are answered and the end is noticed whatever the session does. A cut is
synchronous: `discard` drops the pending audio and puts the wire's `clear` before everything else. The writer outlives
every turn, so a cancelled turn never leaves half a message on the socket.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from math import inf

import trio

from voicekit.call.caller import QUIET_S, CallSource
from voicekit.call.control import CallControl, check_digits, check_target
from voicekit.call.info import CallEnd, CallInfo, EndReason, Known
from voicekit.call.speaker import SERVICE, CallSink, CallSpeaker
from voicekit.call.tokens import CallFacts
from voicekit.call.wire import (
    CallStarted,
    FarFull,
    FarHold,
    MarkPassed,
    MessageStream,
    PlayedTo,
    StreamClosed,
    Wire,
    WireDigit,
    WireEnded,
    WireNotice,
    WireReply,
    WireSound,
    WireTyped,
)
from voicekit.errors import ConfigError, RemoteProtocolError, Unavailable, VoicekitError
from voicekit.events import AnsweredBy, CallerHeld, Transferred
from voicekit.flow.groups import alone

START_S = 5.0
"""Seconds within which the wire must report the start of the call; otherwise the connection is closed."""

SEND_S = 5.0
"""If the network does not accept a message for this many seconds, the connection counts as lost."""

GOODBYE_S = 1.0
"""Seconds for the last messages and the close, at the end of a call."""


HANG_UP_S = 6.0
"""Seconds for the carrier's answer to a hang-up by REST, at the end of a call."""

THEIR_ENDS = frozenset({EndReason.CALLER, EndReason.CARRIER, EndReason.TRANSFERRED})
"""Ends after which there is no call left to hang up. LOST is not one of them: the caller may still be on the line."""


class Call:
    """One caller: `source` and `sink` for a session, `info` about the caller, and the wire's actions.

    `held`: whether the far side has put the call on hold. `answered_by`: who answered an outgoing call, once the
    carrier has detected this. `trouble`: the error, if the carrier failed to hang up.
    """

    def __init__(
        self,
        stream: MessageStream,
        wire: Wire,
        start: CallStarted,
        control: CallControl | None = None,
        nursery: trio.Nursery | None = None,
    ) -> None:
        self.info: CallInfo = start.info
        self.end: CallEnd | None = None
        self.held = False
        self.answered_by: AnsweredBy | None = None
        self.trouble: VoicekitError | None = None
        self._stream = stream
        self._sending = trio.CancelScope()
        self._sent_at = inf  # the time since which a message has been waiting to be sent; inf if none is waiting
        self._heard_at = trio.current_time()
        self._wire = wire
        self._control = control
        self._nursery = nursery
        self._transferring = False
        self._line = CallSpeaker(wire, start.spoken)
        self.source = CallSource(start.heard)
        self.sink = CallSink(wire, start.spoken, self._line)

    @property
    def can(self) -> frozenset[str]:
        """Which of the actions `transfer`, `digits`, `hang_up`, `mark` and `clear` are supported."""
        return self._wire.can | (self._control.can if self._control is not None else frozenset())

    def join(self, session: object) -> None:
        """If this wire can show the caller what happens in the session, let it watch `session`. Must be called before
        the session runs.

        Such a wire has `join(session, post)`; `post(messages)` sends messages ahead of all audio.
        """
        join = getattr(self._wire, "join", None)
        if join is not None:
            join(session, self._line.post)

    def hang_up(self, why: str = "") -> None:
        """End the call from our side, and return immediately. Hanging up again has no effect."""
        self.finish(CallEnd(EndReason.BOT, why))

    async def transfer(self, to: str) -> None:
        """Transfer the caller to `to`, a number or a SIP address. Returns when the carrier has made the transfer, which
        ends the call.

        Raises ConfigError if this call can't be transferred or `to` is invalid. Raises ServiceError if the carrier
        refuses; the call then continues. Cancelling `transfer` does not withdraw the request.
        """
        if "transfer" not in self.can or self._control is None:
            raise ConfigError(f"transfer: {self._wire.name} cannot transfer this call")
        target, control = check_target(to), self._control
        self._transferring = True
        try:
            await self._order(lambda: control.transfer(target))
        except VoicekitError:
            self._transferring = False
            raise
        self.finish(CallEnd(EndReason.TRANSFERRED))

    async def send_digits(self, digits: str) -> None:
        """Send `digits` to the far side as key presses. Returns when they are on their way.

        Raises ConfigError if this wire can't send keys or a key is invalid, and ServiceError if the carrier refuses.
        """
        if "digits" not in self.can:
            raise ConfigError(f"send_digits: {self._wire.name} cannot send keys on this connection")
        keys = check_digits(digits)
        if "digits" in self._wire.can:
            self._line.post(self._wire.digits(keys))
            await trio.lowlevel.checkpoint()
        elif self._control is not None:
            control = self._control
            await self._order(lambda: control.send_digits(keys))

    async def _order(self, act: Callable[[], Awaitable[None]]) -> None:
        """Run `act` as the call's own task, so that it completes even if the turn is cancelled."""
        assert self._nursery is not None, "a call that has a control was opened by open_call"
        done, refused = trio.Event(), list[VoicekitError]()

        async def run() -> None:
            try:
                await act()
            except VoicekitError as error:
                refused.append(error)
            finally:
                done.set()

        self._nursery.start_soon(run)
        await done.wait()
        if refused:
            raise refused[0]

    def note_answered(self, who: AnsweredBy) -> None:
        """Pass on the carrier's report of who answered. When an answering machine's greeting has ended, the bot is
        asked what to say.
        """
        self.answered_by = who
        self.source.note(who)

    async def settle(self) -> None:
        """Wait for the caller to hear the last sound, for at most half a second; return immediately if the call has
        ended.

        The wait is needed because the playback position is only an estimate: some audio may not have been played yet,
        and closing the connection would cut it off.
        """
        if self.end is None:
            await self._line.settle()

    def finish(self, end: CallEnd) -> None:
        """End the call for the reason in `end`; only the first reason counts. If the caller leaves or the connection is
        lost during a transfer, the reason is TRANSFERRED, because the stream ends before the transfer request returns.
        """
        if self.end is None:
            gone = self._transferring and end.reason in (EndReason.CALLER, EndReason.LOST)
            self.end = CallEnd(EndReason.TRANSFERRED) if gone else end
            if self.end.reason is EndReason.TRANSFERRED:
                self.source.note(Transferred())
            self.source.finish()
            self._line.lose()

    async def _read(self) -> None:
        while self.end is None:
            try:
                message = await self._stream.receive()
            except StreamClosed as closed:
                self.finish(self._wire.closed(closed.code).end)
                return
            self._heard_at = trio.current_time()
            try:
                self.take(self._wire.receive(message))
            except RemoteProtocolError as error:
                self.finish(CallEnd(EndReason.CARRIER, str(error)))

    async def _watch(self) -> None:
        """Detect a wire that is silent or accepts nothing; a cancel scope for each message would cost more."""
        while True:
            now = trio.current_time()
            if now >= self._heard_at + QUIET_S:
                self._heard_at = now
                self.source.keep_time(now)
            if now >= self._sent_at + SEND_S:
                self._sent_at = inf
                self._sending.cancel()
            await trio.sleep_until(min(self._heard_at + QUIET_S, self._sent_at + SEND_S))

    def take(self, events: Sequence[object]) -> None:
        """Act on events from the wire, without waiting."""
        now = trio.current_time()
        for event in events:
            match event:
                case WireSound(pcm):
                    self.source.hear(pcm, now)
                case MarkPassed(name):
                    self._line.passed(name, now)
                case PlayedTo(samples):
                    self._line.pinned(samples, now)
                case FarFull(full):
                    self._line.keep_back(full)
                case WireDigit(digit):
                    self.source.press(digit)
                case WireTyped(text):
                    self.source.type(text)
                case WireReply(message):
                    self._line.post([message])
                case FarHold(held):
                    self.held = held
                    self.source.note(CallerHeld(held))
                case WireEnded(end):
                    self.finish(end)
                case WireNotice() | _:
                    pass

    async def _write(self) -> None:
        while message := await self._line.next_message():
            self._sent_at = trio.current_time()
            with trio.CancelScope(shield=True) as self._sending:  # messages are numbered, so none may be skipped
                try:
                    await self._stream.send(message)
                except StreamClosed as closed:
                    self.finish(self._wire.closed(closed.code).end)
                    return
            if self._sending.cancelled_caught:
                self.finish(CallEnd(EndReason.LOST, f"no message was taken for {SEND_S:g} s"))
                return
            self._sent_at = inf
            self._line.sent(trio.current_time())

    def _hurry(self) -> None:
        """Limit the message that is being sent to GOODBYE_S more seconds, because the call is over."""
        self._sending.deadline = min(self._sending.deadline, trio.current_time() + GOODBYE_S)

    async def _say_goodbye(self, code: int) -> None:
        await self._hang_up_by_request()
        with trio.move_on_after(GOODBYE_S, shield=True):
            with suppress(StreamClosed):
                for message in self._line.take_urgent():  # urgent messages include the answer to the far side's goodbye
                    await self._stream.send(message)
                if self.end is None or self.end.reason not in (EndReason.CALLER, EndReason.LOST, EndReason.CARRIER):
                    for message in self._wire.hang_up("" if self.end is None else self.end.reason.value):
                        await self._stream.send(message)
        await _close(self._stream, code)

    async def _hang_up_by_request(self) -> None:
        """Hang up, within a time limit, if closing the connection would leave the caller on the line."""
        control = self._control
        ended_by_them = self.end is not None and self.end.reason in THEIR_ENDS
        if control is None or ended_by_them or "hang_up" in self._wire.can or "hang_up" not in control.can:
            return
        with trio.move_on_after(HANG_UP_S, shield=True) as late:
            try:
                await control.hang_up()
            except VoicekitError as error:
                self.trouble = error
        if late.cancelled_caught:
            self.trouble = Unavailable(f"{self._wire.name}: the carrier did not confirm the hang-up", service=SERVICE)


@asynccontextmanager
async def open_call(
    stream: MessageStream,
    wire: Wire,
    facts: CallFacts | None = None,
    *,
    control: CallControl | None = None,
    start_timeout: float = START_S,
) -> AsyncIterator[Call]:
    """Wait until a call begins on `stream`, and yield it. After the block, the call is ended within a time limit, and
    the stream is closed.

    `facts` come from a signed webhook, and replace the wire's own claims. `control` carries out our requests to the
    carrier. Raises RemoteProtocolError if the peer violates the protocol. Raises Unavailable if the connection ends, or
    `start_timeout` seconds pass, before a call starts, or if the call claims an id other than the one in `facts`. With
    some carriers, such as Vonage, the call claims no id; the token in the socket's address identifies it.
    """
    start, rest = await _started(stream, wire, start_timeout)
    if facts is not None:
        if start.info.call_id.value not in ("", facts.call_id):
            await _close(stream, 1008)
            raise Unavailable(
                f"{wire.name}: the call on the socket differs from the one that the webhook announced", service=SERVICE
            )
        start = replace(start, info=_signed(start.info, facts))
    call: Call | None = None
    code = 1011
    try:
        with alone():
            async with trio.open_nursery() as nursery:
                call = Call(stream, wire, start, control, nursery)
                nursery.start_soon(call._read)
                nursery.start_soon(call._write)
                nursery.start_soon(call._watch)
                call.take(rest)
                try:
                    yield call
                    await call.settle()
                    code = 1000
                finally:
                    call._hurry()
                nursery.cancel_scope.cancel()
    finally:
        if call is not None:
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
        raise Unavailable(f"{wire.name}: expected a call to start {what}, but none did", service=SERVICE) from None


async def _close(stream: MessageStream, code: int) -> None:
    with trio.move_on_after(GOODBYE_S, shield=True):
        await stream.close(code)


def _signed(info: CallInfo, facts: CallFacts) -> CallInfo:
    """`info` with a signed webhook's facts in place of the wire's claims."""
    known = {name: Known(value, "signed") for name, value in facts.facts.items() if name != "direction"}
    return replace(
        info,
        direction="outbound" if facts.facts.get("direction") == "outbound" else info.direction,
        call_id=Known(facts.call_id, "signed"),
        caller=known.pop("caller", info.caller),
        called=known.pop("called", info.called),
        parameters={**info.parameters, **known},
    )
