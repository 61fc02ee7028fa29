"""The desk admits calls, runs each in its own nursery, isolates their errors, and closes gracefully.

    desk = Desk(answer, max_calls=20)
    nursery.start_soon(desk.measure)              the brake: no call is admitted while the loop lags
    with desk.place():                            raises CallRefused if draining, full or late
        async with open_call(stream, wire) as call:
            await desk.hold(call)                 asks `answer` for a session and runs it; does not raise their errors
    await desk.drain(patience=300.0, farewell="We are closing. Goodbye.")

Pure trio, without HTTP. A server calls `place` before it accepts a connection, and reports `ready` to its load
balancer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import trio

from voicekit.call.connection import Call
from voicekit.call.info import CallEnd, CallInfo, EndReason

LATE_S = 0.1
"""If the loop is late by this many seconds, smoothed over a second, no further call is admitted."""

STEP_S = 0.05
"""Seconds between two measurements of the loop's lateness."""

FAREWELL_S = 15.0
"""Seconds that a call may take to end after it was asked to speak a farewell; then it is cancelled."""


class Conversation(Protocol):
    """What `answer` returns for a call: a `voicekit.Session`, or anything that runs and ends like one."""

    async def run(self) -> object: ...
    def end(self, *, why: str, farewell: str | None = None) -> None: ...


CallAnswer: TypeAlias = Callable[[Call], Awaitable[Conversation | None]]
"""Makes the conversation for a call, or returns None to refuse the call."""


class CallRefused(Exception):
    """This call can't be admitted now. `reason` is "draining", "full" or "late" (the event loop lags)."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"no call is let in: {reason}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class DeskCounts:
    """How many calls are live, and how many were answered, refused and ended. `ended` counts calls by the reason why
    they ended, `refused_why` by the reason why they were refused ("answer" if `answer` returned None).
    """

    active: int
    answered: int
    refused: int
    ended: Mapping[EndReason, int]
    refused_why: Mapping[str, int]


class Desk:
    """Runs calls. If a call ends with an error, the desk calls `on_error(info, error)`, which must not raise errors."""

    def __init__(
        self,
        answer: CallAnswer,
        *,
        max_calls: int = 20,
        on_error: Callable[[CallInfo, Exception], None] | None = None,
    ) -> None:
        self.max_calls = max_calls
        self.draining = False
        self.lateness = 0.0
        self._answer = answer
        self._on_error = on_error
        self._places = 0
        self._answered = 0
        self._refused: Counter[str] = Counter()
        self._ended: Counter[EndReason] = Counter()
        self._live: dict[Call, tuple[Conversation, trio.CancelScope]] = {}
        self._free = trio.lowlevel.ParkingLot()

    @property
    def ready(self) -> bool:
        """Whether a new call would be admitted now."""
        return self._objection() is None

    @property
    def counts(self) -> DeskCounts:
        return DeskCounts(self._places, self._answered, self._refused.total(), dict(self._ended), dict(self._refused))

    async def measure(self) -> None:
        """Keep measuring how far the event loop lags, until cancelled."""
        while True:
            due = trio.current_time() + STEP_S
            await trio.sleep_until(due)
            self.lateness += (trio.current_time() - due - self.lateness) * STEP_S

    @contextmanager
    def place(self) -> Iterator[None]:
        """Reserve a place for one call. Raises `CallRefused` if there is none. `place` never waits, so two calls can't
        both take the last place.
        """
        objection = self._objection()
        if objection is not None:
            self._refused[objection] += 1
            raise CallRefused(objection)
        self._places += 1
        try:
            yield
        finally:
            self._places -= 1
            self._free.unpark_all()

    def note_end(self, reason: EndReason) -> None:
        """Count a call that, according to the carrier, could not be connected."""
        self._ended[reason] += 1

    async def hold(self, call: Call) -> CallEnd:
        """Run one call to its end. An error in its session ends only this call, and is passed to `on_error`."""
        try:
            with trio.CancelScope() as scope:
                conversation = await self._answer(call)
                if conversation is None:
                    self._refused["answer"] += 1
                    call.finish(CallEnd(EndReason.REFUSED))
                else:
                    self._answered += 1
                    self._live[call] = (conversation, scope)
                    ended = await conversation.run()
                    await call.settle()
                    call.finish(CallEnd(self._reason(ended)))
            if scope.cancelled_caught:
                call.finish(CallEnd(EndReason.DRAINED))
        except Exception as error:  # whatever one call's bot raises, the other calls continue
            call.finish(CallEnd(EndReason.ERROR, type(error).__name__))
            if self._on_error is not None:
                self._on_error(call.info, error)
        finally:
            self._live.pop(call, None)
        end = call.end or CallEnd(EndReason.BOT)
        self._ended[end.reason] += 1
        return end

    def _reason(self, ended: object) -> EndReason:
        """The reason for the end of a conversation that ended by itself."""
        if self.draining:
            return EndReason.DRAINED
        return EndReason.LIMIT if getattr(ended, "limit", False) else EndReason.BOT

    async def drain(self, *, patience: float, farewell: str | None = None) -> None:
        """Refuse new calls, give the current ones `patience` seconds to end, then speak `farewell` to the rest and end
        them.
        """
        self.draining = True
        with trio.move_on_after(patience):
            await self._until_empty()
        for conversation, _ in list(self._live.values()):
            conversation.end(why="the server stops", farewell=farewell)
        with trio.move_on_after(FAREWELL_S):
            await self._until_empty()
        for _, scope in list(self._live.values()):
            scope.cancel()
        await self._until_empty()

    async def _until_empty(self) -> None:
        while self._places:
            await self._free.park()

    def _objection(self) -> str | None:
        if self.draining:
            return "draining"
        if self._places >= self.max_calls:
            return "full"
        return "late" if self.lateness > LATE_S else None
