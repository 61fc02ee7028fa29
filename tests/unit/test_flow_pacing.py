"""Loops on an absolute schedule: late rounds are caught up, nothing drifts."""

from __future__ import annotations

import pytest
import trio

from voicekit.flow import periodic


async def test_rounds_are_due_at_multiples_of_the_period(autojump_clock):
    """Round n is due n periods after the start; the first one at once."""
    start = trio.current_time()
    due: list[float] = []
    async for n in periodic(0.02):
        due.append(trio.current_time() - start)
        if n == 1_000:
            break
    assert due == pytest.approx([0.02 * n for n in range(1_001)])


async def test_a_late_round_does_not_delay_those_after_it(autojump_clock):
    """After a round that took too long, the missed ones come at once and the schedule is as before."""
    start = trio.current_time()
    seen: list[tuple[int, float]] = []
    async for n in periodic(1):
        seen.append((n, round(trio.current_time() - start, 6)))
        if n == 2:
            await trio.sleep(3.5)
        if n == 7:
            break
    assert seen == [(0, 0), (1, 1), (2, 2), (3, 5.5), (4, 5.5), (5, 5.5), (6, 6), (7, 7)]


async def test_the_start_may_be_given(autojump_clock):
    """A start in the future is waited for; one in the past is caught up."""
    now = trio.current_time()
    async for _ in periodic(1, start=now + 5):
        break
    assert trio.current_time() == pytest.approx(now + 5)
    times = [trio.current_time() async for n in _first(3, periodic(1, start=now + 4))]
    assert times == pytest.approx([now + 5, now + 5, now + 6])


async def _first(count: int, rounds):
    async for n in rounds:
        yield n
        if n == count - 1:
            return


async def test_a_cancelled_wait_loses_no_round(autojump_clock):
    """A loop that goes on after a cancelled wait waits for the same round."""
    rounds = periodic(2)
    await anext(rounds)
    with trio.move_on_after(1) as scope:
        await anext(rounds)
    assert scope.cancelled_caught
    assert await anext(rounds) == 1


async def test_a_loop_that_is_always_late_still_lets_others_run(autojump_clock):
    """Every round is a checkpoint, so it can be cancelled even when it never sleeps."""
    with trio.move_on_after(0) as scope:
        async for _ in periodic(0.001, start=trio.current_time() - 10**6):
            pass
    assert scope.cancelled_caught
