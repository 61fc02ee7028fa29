"""The same seed gives the same call, to the byte, and much faster than it would take."""

from __future__ import annotations

import gc
import os
import sys
import time
from pathlib import Path

import pytest
import trio

from tests.counts import count
from tests.pipeline.seeded_call import hold, timeline
from voicekit.events import Audible, Interim, TurnEnded

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SEED = 1
SECONDS = 300
PROCESSES = count(20)
AT_ONCE = 2


async def logs_of_processes() -> list[bytes]:
    """The event log of the same call from each of up to 20 processes that hash strings differently."""
    logs: list[bytes] = []
    limit = trio.CapacityLimiter(AT_ONCE)

    async def hold_one(number: int) -> None:
        command = [sys.executable, "-m", "tests.pipeline.seeded_call", str(SEED), str(SECONDS)]
        environment = {**os.environ, "PYTHONHASHSEED": str(number)}
        async with limit:
            done = await trio.run_process(command, capture_stdout=True, cwd=ROOT, env=environment)
        logs.append(done.stdout)

    async with trio.open_nursery() as nursery:
        for number in range(PROCESSES):
            nursery.start_soon(hold_one, number)
    return logs


@pytest.mark.full_counts
@pytest.mark.timeout(1_800)  # 100 minutes of calls
def test_the_same_seed_gives_the_same_event_log_in_every_process():
    """Neither the order of hashes nor trio's shuffling of tasks shows in what happens, or when."""
    logs = trio.run(logs_of_processes)
    assert len(logs) == PROCESSES
    assert set(logs) == {timeline(hold(SEED, SECONDS)).encode()}


def test_five_minutes_of_a_call_take_a_few_seconds():
    """A lively call takes at most a tenth of its time on any processor; the benchmark virtual-call has the figure."""
    gc.collect()
    gc.freeze()  # excludes the objects of other tests from this call's garbage collection
    try:
        began = time.process_time()
        call = hold(SEED, SECONDS)
        taken = time.process_time() - began
    finally:
        gc.unfreeze()
    happened = [type(event) for _, event in call.events]
    assert call.seconds >= SECONDS
    assert happened.count(TurnEnded) > 20
    assert happened.count(Audible) > 20
    assert happened.count(Interim) > 100
    assert taken < SECONDS / 10
