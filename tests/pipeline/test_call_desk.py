"""The desk: admission, errors kept apart, drain; in virtual time, over memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from voicekit.audio.format import AudioFormat
from voicekit.call.connection import Call
from voicekit.call.desk import CallRefused, Desk
from voicekit.call.info import CallEnd, CallInfo, EndReason, Known
from voicekit.call.wire import CallStarted

FORMAT = AudioFormat(8000, "mulaw")


class NoWire:
    """Enough of a wire for a call that nobody connects."""

    name = "test"
    can: frozenset[str] = frozenset()
    packet = 0.02
    lead = 0.2


def a_call() -> Call:
    info = CallInfo("test", Known("c-1"), caller=Known("+15550001"))
    return Call(None, NoWire(), CallStarted(info, FORMAT, FORMAT))  # type: ignore[arg-type]


class Talk:
    """A conversation of `seconds`, which an `end` shortens to what its farewell takes; or one that raises."""

    def __init__(self, seconds: float, *, error: Exception | None = None, farewell_s: float = 1.0) -> None:
        self.seconds = seconds
        self.error = error
        self.farewell_s = farewell_s
        self.farewell: str | None = None
        self._over = trio.Event()

    async def run(self) -> None:
        with trio.move_on_after(self.seconds):
            await self._over.wait()
            await trio.sleep(self.farewell_s)
        if self.error is not None:
            raise self.error

    def end(self, *, why: str, farewell: str | None = None) -> None:
        self.farewell = farewell
        self._over.set()


def held(use: Callable[[], Awaitable[Any]]) -> Any:
    return trio.run(use, clock=MockClock(autojump_threshold=0))


async def run_one(desk: Desk, ends: list[CallEnd] | None = None) -> None:
    with desk.place():
        call = a_call()
        try:
            end = await desk.hold(call)
        finally:
            call.source.close()
    if ends is not None:
        ends.append(end)


def test_the_call_beyond_the_last_place_is_refused_and_counted() -> None:
    """Two places, three calls: the third is refused before anything is accepted, and a place that is left is free."""

    async def use() -> None:
        async def answer(call: Call) -> Talk:
            return Talk(5.0)

        desk = Desk(answer, max_calls=2)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run_one, desk)
            nursery.start_soon(run_one, desk)
            await trio.sleep(1.0)
            assert not desk.ready
            with pytest.raises(CallRefused, match="full"):
                await run_one(desk)
        assert desk.ready
        assert (desk.counts.active, desk.counts.answered, desk.counts.refused) == (0, 2, 1)
        assert desk.counts.ended == {EndReason.BOT: 2}

    held(use)


def test_the_error_of_one_call_ends_that_call_alone() -> None:
    """The neighbour goes on to its end; the error reaches `on_error` with what is known of the call, and no number."""
    told: list[tuple[CallInfo, Exception]] = []
    ends: list[CallEnd] = []

    async def use() -> None:
        talks = [Talk(2.0, error=KeyError("menu")), Talk(5.0)]

        async def answer(call: Call) -> Talk:
            return talks.pop(0)

        desk = Desk(answer, on_error=lambda info, error: told.append((info, error)))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run_one, desk, ends)
            await trio.sleep(0.1)
            nursery.start_soon(run_one, desk, ends)

    held(use)
    assert [end.reason for end in ends] == [EndReason.ERROR, EndReason.BOT]
    assert isinstance(told[0][1], KeyError)
    assert "+15550001" not in repr(told)


def test_an_answer_of_none_refuses_the_call() -> None:
    """No session is made, and the call ends as refused."""
    ends: list[CallEnd] = []

    async def use() -> None:
        async def answer(call: Call) -> None:
            return None

        await run_one(Desk(answer), ends)

    held(use)
    assert [end.reason for end in ends] == [EndReason.REFUSED]


def test_a_drain_waits_says_farewell_and_cancels_what_stays() -> None:
    """Within the patience a call ends by itself; then the farewell is ordered; who does not end is cancelled."""
    ends: list[CallEnd] = []

    async def use() -> float:
        talks = [Talk(8.0), Talk(100.0, farewell_s=2.0), Talk(1000.0, farewell_s=500.0)]
        made = list(talks)

        async def answer(call: Call) -> Talk:
            return talks.pop(0)

        desk = Desk(answer)
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(run_one, desk, ends)
                await trio.sleep(0.01)
            began = trio.current_time()
            await desk.drain(patience=10.0, farewell="Goodbye.")
            took = trio.current_time() - began
            assert [talk.farewell for talk in made] == [None, "Goodbye.", "Goodbye."]
            with pytest.raises(CallRefused, match="draining"):
                await run_one(desk)
        return took

    assert held(use) == pytest.approx(25.0, abs=0.1)
    assert [end.reason for end in ends] == [EndReason.DRAINED] * 3


def test_while_the_loop_is_late_nobody_is_let_in() -> None:
    """A lateness above the limit refuses calls, and an even loop lets them in again."""

    async def use() -> None:
        async def answer(call: Call) -> Talk:
            return Talk(1.0)

        desk = Desk(answer)
        desk.lateness = 0.2
        with pytest.raises(CallRefused, match="late"):
            await run_one(desk)
        with trio.move_on_after(5.0):
            await desk.measure()
        await run_one(desk)
        assert desk.counts.refused == 1

    held(use)
