"""How late a frame is after five pass-through stages, at 50 frames a second; every frame is a sample."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from time import perf_counter
from typing import Any

import trio

from benchmarks.case import Case
from benchmarks.cases.transforms import DEPTH, FRAME, Receiver, Sender, pass_on
from voicekit.audio.frame import AudioFrame
from voicekit.flow import Inlet, Outlet, Pipeline, each, open_link, stage

PERIOD_S = 0.02


class _Lateness:
    """Notes how late each frame is: frame n is due n periods after the first frame."""

    def __init__(self) -> None:
        self.start = perf_counter()
        self.taken: list[float] = []

    async def until_due(self, number: int) -> None:
        wait = self.start + number * PERIOD_S - perf_counter()
        await trio.sleep(max(0.0, wait))

    def note(self) -> None:
        self.taken.append(perf_counter() - self.start - len(self.taken) * PERIOD_S)


async def through_channels(stages: int, count: int) -> Sequence[float]:
    channels = [trio.open_memory_channel[AudioFrame](DEPTH) for _ in range(stages + 1)]
    late = _Lateness()

    async def source(sender: Sender) -> None:
        async with sender:
            for number in range(count):
                await late.until_due(number)
                await sender.send(FRAME)

    async def relay(receiver: Receiver, sender: Sender) -> None:
        async with receiver, sender:
            async for frame in receiver:
                await sender.send(pass_on(frame))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(source, channels[0][0])
        for place in range(stages):
            nursery.start_soon(relay, channels[place][1], channels[place + 1][0])
        async with channels[-1][1] as last:
            async for _ in last:
                late.note()
    return late.taken


async def through_line(stages: int, count: int) -> Sequence[float]:
    late = _Lateness()

    @stage
    async def source(inbox: Inlet[Any], outbox: Outlet[AudioFrame]) -> None:
        for number in range(count):
            await late.until_due(number)
            await outbox.send(FRAME)

    silent, nothing = open_link(1)
    outlet, inlet = open_link(DEPTH * FRAME.samples)
    async with Pipeline(source, *[each(pass_on)] * stages).open() as run, trio.open_nursery() as nursery:

        async def flow() -> None:
            with outlet:
                await run(nothing, outlet)

        with silent, nothing, inlet:
            nursery.start_soon(flow)
            async for _ in inlet:
                late.note()
    return late.taken


for number in (1, 5, 10):
    what = f"lateness of a frame through {number} stages at 50 fps (p99 is that of the frames)"
    case = Case(f"paced-{number}", what, operations=50, rounds=4)
    case.floor("trio channel and task per stage")(partial(through_channels, number))
    case.subject("one line of fused transforms")(partial(through_line, number))
