"""The watchdog over the event loop."""

from __future__ import annotations

from time import perf_counter

import trio

from tests.machine import Machine
from voicekit.flow import each, open_link, pipeline, stage
from voicekit.flow.watchdog import watching_the_loop


def compute(seconds: float) -> None:
    end = perf_counter() + seconds
    while perf_counter() < end:
        pass


@stage
async def hasty(inbox, outbox):
    async for _ in inbox:
        compute(0.3)


async def test_who_blocks_the_loop_is_named_with_the_time_it_took(machine: Machine):
    """The report names the stage; stages that only wait are not in it."""
    seen: list[tuple[str, float]] = []
    outlet, inlet = open_link(4)
    outbox, nobody = open_link(4)
    with (
        watching_the_loop(lambda task, seconds: seen.append((task, seconds)), longest=0.2),
        outlet,
        inlet,
        outbox,
        nobody,
    ):
        outlet.offer("x")
        outlet.close()
        async with pipeline(each(str.upper), hasty).open() as run:
            await run(inlet, outbox)
    assert dict(seen)["stage 'hasty'"] >= 0.3
    if machine.keeps_time(within=0.1):
        assert [task for task, _ in seen] == ["stage 'hasty'"]
        assert seen[0][1] < 1.0


async def test_waiting_is_not_blocking(machine: Machine):
    """A task that sleeps keeps nobody from working."""
    seen: list[tuple[str, float]] = []
    with watching_the_loop(lambda task, seconds: seen.append((task, seconds)), longest=0.2):
        await trio.sleep(0.5)
    if machine.keeps_time(within=0.1):
        assert seen == []
