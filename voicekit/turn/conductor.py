"""The conductor: a thin trio driver that carries out the turn machine's commands and runs the replies.

It waits only for the machine's deadline: signals are judged in the same step in which they are sent, and every command
is carried out synchronously. So the conductor can't be late, and a cut takes effect the moment it is decided. The
conductor knows nothing about voices or handlers: to it, a reply is an object that can be run, confirmed, cut, held and
released.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

import trio
from trio.lowlevel import ParkingLot

from voicekit.contracts import Reply
from voicekit.errors import VoicekitError
from voicekit.events import (
    AmendTurn,
    CallerHeld,
    Confirm,
    CutReply,
    Discard,
    EarCommand,
    End,
    Finalize,
    HeardSoFar,
    HoldOutput,
    ReleaseOutput,
    ReplyDone,
    ReplyFailed,
    ScorePause,
    SessionEvent,
    Signal,
    Speculate,
    StartReply,
    Trouble,
    TurnAct,
    TurnCommand,
    TurnCommitted,
    TurnEnded,
)
from voicekit.flow.groups import alone
from voicekit.flow.link import Inlet, Outlet, Taker
from voicekit.turn.ending import GracefulEnd
from voicekit.turn.history import History
from voicekit.turn.machine import TurnMachine, TurnState

UNWIND = 1.0
"""Seconds that the tasks of a cut reply may take to end. If they take longer, the second reply after it fails instead
of starting."""


CROWD = 8
"""How many replies may be unwinding before further signals wait; this limits how many replies a burst of typed lines
can start."""


class Performance(Protocol):
    """A reply that can be performed. `run` waits; the other members act immediately and may be called at any time.

    A guessed reply makes no sound before `confirm`, which also passes on the final spelling of the caller's words.
    """

    @property
    def reply(self) -> Reply: ...
    @property
    def queued(self) -> float:
        """How many seconds of audio have been produced but not heard yet."""
        ...

    async def run(self) -> None: ...
    def confirm(self, text: str) -> None: ...
    def cut(self) -> None: ...
    def hold(self) -> None: ...
    def release(self) -> None: ...


class _Live:
    """A performance, with the scope in which it runs; whether it is committed, and whether its tasks have ended."""

    def __init__(self, performance: Performance, *, committed: bool) -> None:
        self.performance = performance
        self.committed = committed
        self.reply = performance.reply
        self.scope = trio.CancelScope()
        self.unwound = trio.Event()


class Conductor:
    """Drives the turn machine `machine` until the machine is closed.

    `begin` makes the performance for a StartReply or a Speculate. `report` is called with every session event, and must
    not wait. `failed` judges an error in a reply: it returns signals with which the call continues, or None if the
    error must end the call. `ask` must not wait either; it passes commands to the listening side, which answers with
    signals.
    """

    def __init__(
        self,
        machine: TurnMachine,
        history: History,
        *,
        signals: Inlet[Signal],
        outlet: Outlet[Signal],
        begin: Callable[[StartReply | Speculate], Performance],
        report: Callable[[SessionEvent], None],
        failed: Callable[[Reply, Exception], Sequence[Signal] | None],
        end_within: float,
        ask: Callable[[EarCommand], None],
    ) -> None:
        self._machine = machine
        self._history = history
        self._signals = signals
        self._outlet = outlet
        self._begin = begin
        self._report = report
        self._failed = failed
        self._ask = ask
        self._live: _Live | None = None
        self._guess: _Live | None = None  # a reply that was begun before the turn was committed
        self._unwinding: deque[_Live] = deque()
        self._ending = GracefulEnd(end_within)
        self._alarm = trio.CancelScope()
        self._taker: Taker | None = None
        self._free = ParkingLot()
        self._holds = ParkingLot()  # wakes tasks that wait for the far side to hold or resume the call
        self.why = "cancelled"

    async def until_caller_is_done(self) -> None:
        """Wait until the caller is not speaking, and all recognised words have been answered."""
        while self._machine.caller_has_floor:
            await self._free.park()

    async def spend(self, seconds: float) -> None:
        """Wait for `seconds`, not counting any time during which the far side has put the call on hold."""
        while seconds > 0:
            while self._machine.held:
                await self._holds.park()
            began = trio.current_time()
            with trio.move_on_after(seconds) as spent:
                await self._holds.park()
            if spent.cancelled_caught:
                return  # a subtraction could leave a remainder too small to advance the clock
            seconds -= trio.current_time() - began

    async def run(self) -> None:
        """Drive the machine until it is closed. When this returns, no sound is playing, and the tasks of all replies
        have ended."""
        try:
            with alone():
                async with trio.open_nursery() as self._nursery:
                    try:
                        self._told()
                        with self._signals.hand_to(self._hear, self._keeps_up) as self._taker:
                            await self._conduct(self._taker)
                    finally:
                        if self._live is not None:
                            self._over(self._live, cut=True)
                        self._discard()
                    self._nursery.cancel_scope.cancel()
        finally:
            self._tell_failures()

    async def _conduct(self, taker: Taker) -> None:
        while not self._closed:
            with trio.CancelScope(deadline=self._due_at()) as self._alarm:
                await taker.ended()
            self._look_at_clock()

    def _hear(self, signal: Signal) -> None:
        now = trio.current_time()
        self._take(signal, now)
        self._after(now)

    def _keeps_up(self) -> bool:
        return len(self._unwinding) < CROWD

    def _look_at_clock(self) -> None:
        now = trio.current_time()
        if not self._closed and self._machine.deadline <= now:
            self._obey(self._machine.due(now), now)
        self._after(now)

    def _after(self, now: float) -> None:
        """Do what follows from each step, and set the alarm for the next one."""
        if self._free and not self._machine.caller_has_floor:
            self._free.unpark_all()
        self._ending.listen(self._reply, now)
        if self._ending.deadline <= now and self._ending.is_over(self._queued(), self._reply, now):
            self._take(End(False, self._ending.why), now)
        if self._closed:
            self._alarm.cancel()
        elif (due := self._due_at()) < self._alarm.deadline:  # an alarm that is too early is set anew when it rings
            self._alarm.deadline = due

    def _due_at(self) -> float:
        return min(self._machine.deadline, self._ending.deadline)

    def _take(self, signal: Signal, now: float) -> None:
        if self._closed:
            self._tell_failure(signal)
            return
        self._report(signal)
        if isinstance(signal, HeardSoFar):
            self._follow(signal.turn, signal.said_to, now)
        elif isinstance(signal, ReplyDone | ReplyFailed):
            self._finished(signal, now)
        self._obey(self._machine.handle(signal, now), now)
        if isinstance(signal, CallerHeld):
            self._holds.unpark_all()

    def _obey(self, commands: Sequence[TurnCommand], now: float) -> None:
        if self._machine.ending is not None:
            self._ending.order(self._queued(), self._reply, now, self._machine.ending)
        self._told()
        for command in commands:
            match command:
                case StartReply():
                    self._commit(self._set_off(command))
                case Speculate():
                    self._guess = self._set_off(command)
                case Confirm():
                    self._confirm(command)
                case Discard():
                    self._discard()
                case AmendTurn(turn, text):
                    self._history.amend(turn, text)
                case CutReply():
                    if self._live is not None:
                        self._over(self._live, cut=True)
                case Finalize() | ScorePause():
                    self._ask(command)
                case HoldOutput():
                    if self._live is not None:
                        self._live.performance.hold()
                case ReleaseOutput():
                    if self._live is not None:
                        self._live.performance.release()

    def _told(self) -> None:
        for decision in self._machine.take_decisions():
            self._report(decision)
            if decision.act is TurnAct.CLOSE:
                self.why = self._ending.why or decision.why

    def _set_off(self, command: StartReply | Speculate) -> _Live:
        live = _Live(self._begin(command), committed=isinstance(command, StartReply))
        self._unwinding.append(live)
        self._nursery.start_soon(self._perform, live)
        return live

    def _confirm(self, command: Confirm) -> None:
        live, self._guess = self._guess, None
        if live is None:  # the guessed reply has failed, so the handler is called again
            live = self._set_off(StartReply(command.turn, command.text))
        else:
            live.committed = True
            live.performance.confirm(command.text)
        self._commit(live)

    def _commit(self, live: _Live) -> None:
        self._live, reply = live, live.reply
        self._history.begin(reply.turn, reply.text, reply.reason)
        self._report(TurnCommitted(reply.turn, reply.text, reply.reason))

    def _discard(self) -> None:
        """Discard a guess; since it never was a turn, it leaves nothing in the history."""
        live, self._guess = self._guess, None
        if live is not None:
            try:
                live.performance.cut()
            finally:
                live.scope.cancel()

    def _follow(self, turn: int, said_to: int, now: float) -> None:
        """Tell the machine which words the caller is hearing, so that it can distinguish their echo from the caller's
        words."""
        if self._live is not None and self._live.reply.turn == turn:
            self._machine.follow(self._live.reply.said, said_to, now)

    def _finished(self, signal: ReplyDone | ReplyFailed, now: float) -> None:
        live = self._live
        if live is None or live.reply.turn != signal.turn:
            return
        self._follow(signal.turn, len(live.reply.said), now)
        if isinstance(signal, ReplyDone):
            # all text counts as heard, including punctuation after the last word
            live.reply.heard_to = len(live.reply.said)
        else:
            live.performance.cut()  # the reply's tasks have ended, but some of its sound may still be in the device
        self._over(live, cut=False)

    def _over(self, live: _Live, *, cut: bool) -> None:
        """End the reply; its tasks may take a moment longer."""
        self._live = None
        reply = live.reply
        try:
            if cut:
                live.performance.cut()
        finally:
            reply.cut = cut
            live.scope.cancel()  # even if the reply was played: the handler may run longer than the voice
            self._history.end(reply.turn, said=reply.said, heard=reply.heard, cut=cut)
            self._report(TurnEnded(reply.turn, reply.said, reply.heard, cut))

    def _tell_failures(self) -> None:
        """Report errors that replies raised while they were ending; nothing else is done about them."""
        with suppress(trio.WouldBlock):
            while True:
                self._tell_failure(self._signals.receive_nowait())

    def _tell_failure(self, signal: Signal) -> None:
        if isinstance(signal, ReplyFailed):
            self._report(signal)

    @property
    def _closed(self) -> bool:
        return self._machine.state is TurnState.CLOSED

    @property
    def _reply(self) -> Reply | None:
        return self._live.reply if self._live is not None else None

    def _queued(self) -> float:
        return self._live.performance.queued if self._live is not None else 0.0

    async def _perform(self, live: _Live) -> None:
        try:
            with alone(), live.scope:
                await self._after_the_one_before_the_last(live)
                await live.performance.run()
        except Exception as error:  # each error is judged here, and nowhere else: it becomes signals, or is raised
            if not live.committed:
                return self._guess_failed(live, error)
            signals = self._failed(live.reply, error)
            if signals is None:
                raise
            for signal in signals:
                self._outlet.offer(signal)
        finally:
            live.unwound.set()
            self._unwinding.remove(live)
            if self._taker is not None:
                self._taker.resume()

    def _guess_failed(self, live: _Live, error: Exception) -> None:
        """Discard a guessed reply that has failed. If a reply to the same words is needed, the handler is called
        again."""
        self._report(Trouble("speculation", error))
        if live is self._guess:
            self._discard()

    async def _after_the_one_before_the_last(self, live: _Live) -> None:
        """Wait until at most one earlier reply is still unwinding."""
        while len(self._unwinding) > 2 and self._unwinding[0] is not live:
            oldest = self._unwinding[0]
            with trio.move_on_after(UNWIND):
                await oldest.unwound.wait()
                continue
            raise VoicekitError(f"reply {oldest.reply.turn} was cut, but its tasks did not end within {UNWIND:g} s")
