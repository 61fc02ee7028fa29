"""One frame from task to task: a voicekit link, compared with trio's own bounded channel of the same depth.

`send` and `receive` are checkpoints, which make up most of the cost. A sender with many frames, such as the reader of a
socket, can offer them all and wait once for space; a receiver can receive all frames at once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial

import trio

from benchmarks.case import Case
from benchmarks.measure import per_operation
from voicekit.audio.format import PCM16K
from voicekit.audio.frame import AudioFrame
from voicekit.flow import Full, Inlet, Outlet, open_link

FRAME = AudioFrame(bytes(640), 0, PCM16K)  # 20 ms
DEPTH = 64  # frames

hop = Case("link-hop", "a 20 ms frame from one task to another, 64 frames deep", operations=2_000)


@hop.floor("trio memory channel")
async def channel(count: int) -> Sequence[float]:
    sender, receiver = trio.open_memory_channel[AudioFrame](DEPTH)

    async def send() -> None:
        async with sender:
            for _ in range(count):
                await sender.send(FRAME)

    async def receive() -> None:
        async for _ in receiver:
            pass

    async with receiver:
        return await per_operation(count, send, receive)


@hop.subject("link: send, receive", aim=1.2)
async def one_by_one(count: int) -> Sequence[float]:
    return await over_link(count, send, receive)


@hop.subject("link: send, receive_all")
async def received_in_batches(count: int) -> Sequence[float]:
    return await over_link(count, send, _receive_all)


@hop.subject("link: offer, receive_all", aim=0.3)
async def in_batches(count: int) -> Sequence[float]:
    return await over_link(count, _offer, _receive_all)


async def send(outlet: Outlet[AudioFrame], count: int) -> None:
    for _ in range(count):
        await outlet.send(FRAME)


async def _offer(outlet: Outlet[AudioFrame], count: int) -> None:
    for done in range(count):
        if done % DEPTH == 0:
            await outlet.until_below(1)
        outlet.offer(FRAME)


async def receive(inlet: Inlet[AudioFrame]) -> None:
    async for _ in inlet:
        pass


async def _receive_all(inlet: Inlet[AudioFrame]) -> None:
    with suppress(trio.EndOfChannel):
        while True:
            await inlet.receive_all()


async def over_link(
    count: int,
    send: Callable[[Outlet[AudioFrame], int], Awaitable[None]],
    receive: Callable[[Inlet[AudioFrame]], Awaitable[None]],
    full: Full = Full.WAIT,
) -> Sequence[float]:
    outlet, inlet = open_link(DEPTH * FRAME.samples, full)

    async def sending() -> None:
        with outlet:
            await send(outlet, count)

    with inlet:
        return await per_operation(count, sending, partial(receive, inlet))
