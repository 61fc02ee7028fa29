"""The watchdog over the event loop."""

from __future__ import annotations

from time import perf_counter

import trio

from voicekit.flow import each, open_link, pipeline, stage
from voicekit.flow.watchdog import watching_the_loop


def compute(seconds: float) -> None:
    end = perf_counter() + seconds
    while perf_counter() < end:
        pass


@stage
async def hasty(inbox, outbox):
    async for _ in inbox:
        compute(0.03)


async def test_who_blocks_the_loop_is_named_with_the_time_it_took():
    """The report names the stage; stages that only wait are not in it."""
    seen: list[tuple[str, float]] = []
    outlet, inlet = open_link(4)
    outbox, nobody = open_link(4)
    with (
        watching_the_loop(lambda task, seconds: seen.append((task, seconds)), longest=0.02),
        outlet,
        inlet,
        outbox,
        nobody,
    ):
        outlet.offer("x")
        outlet.close()
        async with pipeline(each(str.upper), hasty).open() as run:
            await run(inlet, outbox)
    assert [task for task, _ in seen] == ["stage 'hasty'"]
    assert 0.03 <= seen[0][1] < 1.0


async def test_waiting_is_not_blocking():
    """A task that sleeps keeps nobody from working."""
    seen: list[tuple[str, float]] = []
    with watching_the_loop(lambda task, seconds: seen.append((task, seconds)), longest=0.02):
        await trio.sleep(0.05)
    assert seen == []
