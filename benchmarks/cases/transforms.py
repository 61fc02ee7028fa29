"""A frame through 1, 5 and 10 pass-through stages: fused transforms in a pipeline, or a chain of tasks and channels.

All subjects have the same source task, which waits for nothing else, and the same drain; only the part between them is
different. Plain calls have no drain at all: they show what the work itself costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import trio

from benchmarks.case import Case
from benchmarks.measure import per_operation
from voicekit.audio.format import PCM16K
from voicekit.audio.frame import AudioFrame
from voicekit.flow import Inlet, Outlet, Pipeline, each, open_link, stage

FRAME = AudioFrame(bytes(640), 0, PCM16K)  # 20 ms
DEPTH = 64  # frames

Sender = trio.MemorySendChannel[AudioFrame]
Receiver = trio.MemoryReceiveChannel[AudioFrame]


def pass_on(frame: AudioFrame) -> AudioFrame:
    return frame


async def async_pass_on(frame: AudioFrame) -> AudioFrame:
    return frame


async def through_channels(stages: int, count: int) -> Sequence[float]:
    channels = [trio.open_memory_channel[AudioFrame](DEPTH) for _ in range(stages + 1)]

    async def source(sender: Sender) -> None:
        async with sender:
            for _ in range(count):
                await sender.send(FRAME)

    async def relay(receiver: Receiver, sender: Sender) -> None:
        async with receiver, sender:
            async for frame in receiver:
                await sender.send(pass_on(frame))

    async def drain(receiver: Receiver) -> None:
        async with receiver:
            async for _ in receiver:
                pass

    relays = [partial(relay, channels[place][1], channels[place + 1][0]) for place in range(stages)]
    return await per_operation(count, partial(source, channels[0][0]), *relays, partial(drain, channels[-1][1]))


async def through_line(stages: int, count: int) -> Sequence[float]:
    @stage
    async def source(inbox: Inlet[Any], outbox: Outlet[AudioFrame]) -> None:
        for _ in range(count):
            await outbox.send(FRAME)

    async def drain(inlet: Inlet[AudioFrame]) -> None:
        async for _ in inlet:
            pass

    silent, nothing = open_link(1)
    outlet, inlet = open_link(DEPTH * FRAME.samples)
    async with Pipeline(source, *[each(pass_on)] * stages).open() as run:

        async def flow() -> None:
            with outlet:
                await run(nothing, outlet)

        with silent, nothing, inlet:
            return await per_operation(count, flow, partial(drain, inlet))


async def by_plain_calls(stages: int, count: int) -> Sequence[float]:
    async def calls() -> None:
        functions = [pass_on] * stages
        for _ in range(count):
            frame = FRAME
            for function in functions:
                frame = function(frame)

    return await per_operation(count, calls)


async def by_async_calls(stages: int, count: int) -> Sequence[float]:
    async def calls() -> None:
        functions = [async_pass_on] * stages
        for _ in range(count):
            frame = FRAME
            for function in functions:
                frame = await function(frame)

    return await per_operation(count, calls)


for number, aim in ((1, None), (5, 0.2), (10, None)):
    case = Case(f"transforms-{number}", f"a 20 ms frame through {number} pass-through stages", operations=1_000)
    case.floor("trio channel and task per stage")(partial(through_channels, number))
    case.subject("one line of fused transforms", aim=aim)(partial(through_line, number))
    case.subject("async calls, no link")(partial(by_async_calls, number))
    case.subject("plain calls, no link")(partial(by_plain_calls, number))
