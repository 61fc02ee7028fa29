"""Checks the Stage contract (`voicekit.flow.stage`), which applies to sources, transcribers, handlers and voices."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import trio

from voicekit.testing.contracts.opening import awaits_of, cancelled_at, check_opening, open_part, spread
from voicekit.testing.contracts.promise import bench, check_members, promise
from voicekit.testing.contracts.stream import CheckedStream, Plan, anything, stream

MANY = 1_000
"""A number of items that no stage may take while its output is not read."""

STUCK = 60.0
"""Seconds for which the stage's output is not read."""


async def check_stage(
    make: Callable[[], Any], items: Sequence[Any] = (), *, within: float = 60.0, waits: bool = True
) -> None:
    """Check the stages that `make` returns, with a stream of `items`. Raises an AssertionError that names the broken
    promise.

    A stage must end within `within` seconds of the end of its inbox. It must be cancellable at any await while it
    opens, runs or closes, and must then end within half a second. After a cancellation or a normal end, it must be able
    to run again; after closing, it must be able to open again. It must leave the ends of its links open, let errors
    propagate, and end when the far end of its outbox is closed. If `waits` is true, it must also stop taking items
    while its output is not read; if it emits only with `offer`, which never waits, pass `waits=False`.
    """
    part = make()
    async with bench(part):
        check_members("stage", part)
        plan = Plan(items, within=within)
        await check_streams(make, plan)
        await check_empty(make(), plan)
        if waits and items:
            await check_waits(make(), [item for _ in range(MANY) for item in items][:MANY])


async def check_streams(
    make: Callable[[], Any],
    plan: Plan,
    *,
    before_cancel: Callable[[Any], object] = lambda part: None,
    once: bool = False,
) -> None:
    """Check all promises that hold for any kind of items, with streams that follow `plan`.

    `before_cancel(part)` is called before each cancellation that leaves the stage open. If `once` is true, each stage
    is run with only one stream.
    """

    @asynccontextmanager
    async def equip(part: Any) -> AsyncIterator[Callable[[Any], Awaitable[None]]]:
        async with stream(part, plan) as held:
            yield held.run_through

    await (_runs_once(make, plan) if once else _runs_again(make(), plan, before_cancel))
    await check_opening(make, equip, once=once)
    await _ends_when_nobody_listens(make(), plan)


async def check_empty(part: Any, plan: Plan) -> None:
    """Check that the stage ends even if its stream has no items."""
    await run_once(part, replace(plan, items=(), judge=anything))


async def check_waits(part: Any, items: Sequence[Any]) -> None:
    """Check that the stage stops taking items while its output is not read, so that senders must wait."""

    def look(held: CheckedStream) -> None:
        greedy = held.fed_all and held.backed_up
        promise(not greedy, part, f"took all of {len(items)} items while its output was not read: it must wait")

    await run_unread(part, Plan(items, ends=False, room=1), STUCK, look)


async def run_once(part: Any, plan: Plan) -> CheckedStream:
    """Open the stage, run one stream through it, and judge the result."""
    async with stream(part, plan) as held, open_part(part) as run:
        await held.run_through(run)
    plan.judge(held)
    return held


async def run_unread(part: Any, plan: Plan, seconds: float, look: Callable[[CheckedStream], object]) -> None:
    """Run the stage without reading its output, and call `look` after `seconds` seconds, unless the stage ends before
    that."""
    plan = replace(plan, within=2 * seconds)
    async with stream(part, plan, reads=False) as held, open_part(part) as run, trio.open_nursery() as nursery:

        async def look_and_end() -> None:
            await trio.sleep(seconds)
            look(held)
            nursery.cancel_scope.cancel()

        nursery.start_soon(look_and_end)
        await held.run_through(run)
        nursery.cancel_scope.cancel()


async def _runs_again(part: Any, plan: Plan, before_cancel: Callable[[Any], object]) -> None:
    """Open a stage once and run it many times: after a normal end, and after cancellations at many points."""
    async with open_part(part) as run:
        async with stream(part, plan) as held:
            awaits = await awaits_of(partial(held.run_through, run))
        plan.judge(held)
        for place in spread(awaits):
            async with stream(part, plan) as held:
                if await cancelled_at(part, place, partial(held.run_through, run), partial(before_cancel, part)):
                    await held.stay_silent()
            async with stream(part, plan) as held:
                await held.run_through(run)
            plan.judge(held)


async def _runs_once(make: Callable[[], Any], plan: Plan) -> None:
    """Run one stream to its normal end, and others that are cancelled at many points, each time with a new stage."""
    part = make()
    async with stream(part, plan) as held, open_part(part) as run:
        awaits = await awaits_of(partial(held.run_through, run))
    plan.judge(held)
    for place in spread(awaits):
        part = make()
        async with stream(part, plan) as held, open_part(part) as run:
            if await cancelled_at(part, place, partial(held.run_through, run)):
                await held.stay_silent()


async def _ends_when_nobody_listens(part: Any, plan: Plan) -> None:
    async with stream(part, plan, reads=False) as held, open_part(part) as run:
        held.stop_listening()
        await held.run_through(run)
