"""Opening in order, closing in reverse, each in bounded time, whatever fails or is cancelled meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.unit.flow_kit import passing
from voicekit.errors import DeviceError, Unavailable
from voicekit.flow import Pipeline, opened
from voicekit.flow.opened import CLOSE_TIMEOUT


async def nothing() -> None:
    """What a device does to open or close that takes no time."""


class Device:
    """Notes when it opens and closes; `opening`, `closing` and `background` are what it does then and meanwhile."""

    def __init__(
        self,
        name: str,
        log: list[str],
        *,
        opening: Callable[[], Awaitable[object]] = nothing,
        closing: Callable[[], Awaitable[object]] = nothing,
        background: Callable[[], Awaitable[object]] = nothing,
    ) -> None:
        self.name = name
        self.log = log
        self.opening = opening
        self.closing = closing
        self.background = background

    @asynccontextmanager
    async def open(self):
        async with trio.open_nursery() as nursery:
            await self.opening()
            nursery.start_soon(self.background)
            self.log.append(f"{self.name} open")
            try:
                yield passing.run
                self.log.append(f"{self.name} closing")
                await self.closing()
            finally:
                self.log.append(f"{self.name} closed")
                nursery.cancel_scope.cancel()


def sleeping(seconds: float) -> Callable[[], Awaitable[None]]:
    return partial(trio.sleep, seconds)


def failing(error: Exception, after: float = 0.0) -> Callable[[], Awaitable[None]]:
    async def fail() -> None:
        await trio.sleep(after)
        raise error

    return fail


def elapsed_since(start: float) -> float:
    return round(trio.current_time() - start, 3)


async def test_things_open_in_order_and_close_in_reverse(autojump_clock):
    """The next one is opened when the one before is ready; the body gets what each has yielded."""
    log: list[str] = []
    async with opened(Device("a", log, opening=sleeping(1)), Device("b", log)) as values:
        assert values == [passing.run] * 2
        log.append("body")
    assert log == ["a open", "b open", "body", "b closing", "b closed", "a closing", "a closed"]


async def test_a_line_opens_who_receives_before_who_sends(autojump_clock):
    """The last stage opens first and closes last."""
    log: list[str] = []
    async with Pipeline(*(Device(name, log) for name in ("source", "ear", "sink"))).open():
        assert log == ["sink open", "ear open", "source open"]
        log.clear()
    assert [said for said in log if said.endswith("closed")] == ["source closed", "ear closed", "sink closed"]


async def test_an_open_that_takes_too_long_is_unavailable_by_name(autojump_clock):
    """The limit holds for each one; what was open already is closed again."""
    log: list[str] = []
    start = trio.current_time()
    slow = Device("slow service", log, opening=sleeping(4))
    stuck = Device("stuck service", log, opening=trio.sleep_forever)
    with pytest.raises(Unavailable, match=r"'stuck service' did not open within 5 s") as caught:
        async with opened(slow, stuck, timeout=5):
            log.append("body")
    assert (caught.value.service, caught.value.retryable) == ("stuck service", True)
    assert log == ["slow service open", "slow service closing", "slow service closed"]
    assert elapsed_since(start) == 9


async def test_a_line_bounds_the_opening_of_its_stages(autojump_clock):
    """`open_timeout` of a line is the limit of each stage; it is 10 s where nothing is said."""
    stuck = Device("stuck", [], opening=trio.sleep_forever)
    for arguments, limit in (({}, 10), ({"open_timeout": 2}, 2)):
        start = trio.current_time()
        with pytest.raises(Unavailable, match=f"'stuck' did not open within {limit} s"):
            async with Pipeline(passing, stuck, **arguments).open():
                pass
        assert elapsed_since(start) == limit


async def test_an_open_that_swallows_its_time_limit_is_too_late_all_the_same(autojump_clock):
    """What comes of it after the limit is closed and not used."""
    log: list[str] = []

    async def stubborn() -> None:
        try:
            await trio.sleep_forever()
        except trio.Cancelled:
            log.append("swallowed")

    with pytest.raises(Unavailable, match="'stubborn' did not open"):
        async with opened(Device("stubborn", log, opening=stubborn), timeout=3):
            log.append("body")
    assert log == ["swallowed", "stubborn open", "stubborn closing", "stubborn closed"]


async def test_an_open_that_fails_is_reported_alone_with_its_name(autojump_clock):
    """Its own error, with a note; what was open already is closed again, in reverse."""
    log: list[str] = []
    device = Device("microphone", log, opening=failing(DeviceError("unplugged")))
    with pytest.raises(DeviceError, match="unplugged") as caught:
        async with opened(Device("a", log), Device("b", log), device):
            log.append("body")
    assert caught.value.__notes__ == ["in stage 'microphone'"]
    assert log == ["a open", "b open", "b closing", "b closed", "a closing", "a closed"]


async def test_exits_that_hang_are_cut_together_after_half_a_second(autojump_clock):
    """Half a second for all of them, so that every call ends."""
    log: list[str] = []
    start = trio.current_time()
    async with opened(*(Device(name, log, closing=trio.sleep_forever) for name in "abc")):
        pass
    assert elapsed_since(start) == CLOSE_TIMEOUT == 0.5
    assert [said for said in log if said.endswith("closed")] == ["c closed", "b closed", "a closed"]


async def test_an_exit_may_take_a_moment_also_when_everything_is_cancelled(autojump_clock):
    """Cancelling the body leaves the order of closing, and the time for it, as they are."""
    log: list[str] = []
    start = trio.current_time()
    with trio.move_on_after(1) as scope:
        async with opened(*(Device(name, log, closing=sleeping(0.2)) for name in "ab")):
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert log == ["a open", "b open", "b closing", "b closed", "a closing", "a closed"]
    assert elapsed_since(start) == 1.4


async def test_a_background_task_that_fails_cancels_the_body_and_is_reported_alone(autojump_clock):
    """The error says whose it was; everything is closed, in order."""
    log: list[str] = []
    bad = Device("bad", log, background=failing(DeviceError("gone"), after=2))
    with pytest.raises(DeviceError, match="gone") as caught:
        async with opened(Device("a", log), bad, Device("c", log)):
            await trio.sleep_forever()
    assert caught.value.__notes__ == ["in stage 'bad'"]
    assert log[-2:] == ["a closing", "a closed"]
    assert trio.current_time() == 2


async def test_an_error_of_the_body_comes_out_as_it_is(autojump_clock):
    """The very same object, un-grouped, without a stage's name, after everything is closed."""
    log: list[str] = []
    error = ValueError("mine")
    with pytest.raises(ValueError, match="mine") as caught:
        async with opened(Device("a", log), Device("b", log)):
            raise error
    assert caught.value is error
    assert not hasattr(error, "__notes__")
    assert log[-1] == "a closed"


async def test_an_error_while_closing_is_reported_and_the_others_are_closed(autojump_clock):
    """One exit that fails does not keep the others open; two errors are both told."""
    log: list[str] = []
    bad = Device("bad", log, closing=failing(DeviceError("stuck")))
    with pytest.raises(DeviceError, match="stuck") as caught:
        async with opened(Device("a", log), bad):
            pass
    assert caught.value.__notes__ == ["in stage 'bad'"]
    assert log[-1] == "a closed"
    with pytest.raises(ExceptionGroup) as group:
        async with opened(bad):
            raise ValueError
    assert {type(error) for error in group.value.exceptions} == {ValueError, DeviceError}


async def test_cancelling_while_opening_closes_what_is_open(autojump_clock):
    """The one that was about to open is given up, the others are closed, and the cancellation goes on."""
    log: list[str] = []
    with trio.move_on_after(1) as scope:
        async with opened(Device("a", log), Device("b", log, opening=trio.sleep_forever)):
            log.append("body")
    assert scope.cancelled_caught
    assert log == ["a open", "a closing", "a closed"]
    assert trio.current_time() == 1


async def test_a_cancellation_in_the_instant_in_which_something_is_ready_is_not_lost(autojump_clock):
    """Opened and cancelled at once: it is closed again, nothing waits for ever."""
    for first in ("ready", "cancelled"):
        log: list[str] = []
        ready = trio.Event()
        scope = trio.CancelScope()

        async def use(ready=ready, scope=scope, log=log) -> None:
            with scope:
                async with opened(Device("a", log, opening=ready.wait)):
                    await trio.sleep_forever()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(use)
            await wait_all_tasks_blocked()
            for act in (ready.set, scope.cancel) if first == "ready" else (scope.cancel, ready.set):
                act()
        assert scope.cancelled_caught
        assert log in ([], ["a open", "a closed"])


async def test_an_open_that_swallows_a_cancellation_from_outside_is_closed_again(autojump_clock):
    """A stage that makes light of being cancelled still does not get to run."""
    log: list[str] = []

    async def stubborn() -> None:
        with pytest.raises(trio.Cancelled):
            await trio.sleep_forever()

    with trio.move_on_after(1) as scope:
        async with opened(Device("a", log, opening=stubborn)):
            log.append("body")
    assert scope.cancelled_caught
    assert log == ["a open", "a closed"]
