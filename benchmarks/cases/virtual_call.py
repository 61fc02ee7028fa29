"""A whole call in virtual time: real seconds for each second of the call, with all parts except the services.

The floor steps through the same frames with one channel hop each, which is the least that a caller's sound needs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from time import perf_counter

import trio
from trio.testing import MockClock

from benchmarks.case import Case
from voicekit.audio.format import PCM16K
from voicekit.extend import load_plugins
from voicekit.testing import Script, hold_call

EXCHANGE_S = 5
FRAMES_PER_SECOND = 50

whole = Case("virtual-call", "a whole call in virtual time, per second of the call", operations=60, rounds=6)


@whole.floor("20 ms frames over one channel")
async def frames(count: int) -> Sequence[float]:
    async def call() -> None:
        sender, receiver = trio.open_memory_channel[bytes](10)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_drain, receiver)
            async with sender:
                for _ in range(count * FRAMES_PER_SECOND):
                    await trio.sleep(1 / FRAMES_PER_SECOND)
                    await sender.send(bytes(PCM16K.samples(1 / FRAMES_PER_SECOND) * 2))

    def run() -> None:
        trio.run(call, clock=MockClock(autojump_threshold=0))

    return await _timed(run, count)


@whole.subject("a voicekit call with an exchange every 5 s")
async def calls(count: int) -> Sequence[float]:
    script = Script()
    for number in range(max(1, count // EXCHANGE_S)):
        script.says("what is the weather like", at=0.5 + number * EXCHANGE_S, for_=1.0)
    script.stays(until=count)
    plugins = load_plugins(strict=False)

    return await _timed(partial(hold_call, "It is rather warm.", script, plugins=plugins), count)


async def _drain(receiver: trio.MemoryReceiveChannel[bytes]) -> None:
    async with receiver:
        async for _ in receiver:
            pass


async def _timed(call: Callable[[], object], count: int) -> Sequence[float]:
    """Time the calls in a thread with its own event loop, because a loop can't run inside another."""

    def run() -> float:
        began = perf_counter()
        call()
        return (perf_counter() - began) / count

    return [await trio.to_thread.run_sync(run)]
