"""Compares what a token costs in an asyncio handler and in a trio handler: latency and CPU time, round by round.

    python -m benchmarks.aio_token [TOKENS]

A model gives a token every 5 ms to a consumer in trio. The model is a trio task, or an async generator in asyncio that
is read through `voicekit.aio.iterate`. Latency is the time from the token to its consumer.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from time import perf_counter, process_time

import trio

from benchmarks import machine
from benchmarks.measure import percentile
from voicekit import aio

TOKENS = 300
TOKEN_S = 0.005
ROUNDS = 3


async def native(tokens: int) -> list[float]:
    late = []
    send, receive = trio.open_memory_channel[float](0)

    async def model() -> None:
        async with send:
            for _ in range(tokens):
                await trio.sleep(TOKEN_S)
                await send.send(perf_counter())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(model)
        async for said in receive:
            late.append(perf_counter() - said)
    return late


async def bridged(tokens: int) -> list[float]:
    async def model() -> AsyncIterator[float]:
        for _ in range(tokens):
            await asyncio.sleep(TOKEN_S)
            yield perf_counter()

    late = []
    async with aio.iterate(model()) as items:
        async for said in items:
            late.append(perf_counter() - said)
    return late


async def measure(run: Callable[[int], Awaitable[list[float]]], tokens: int) -> tuple[list[float], float]:
    began = process_time()
    late = await run(tokens)
    return late, (process_time() - began) / tokens


async def main(tokens: int) -> None:
    print(", ".join(f"{what} {value}" for what, value in machine.describe().items()))
    await bridged(10)  # starts the thread of the asyncio loop
    print(f"{'':18}{'p50 ms':>8}{'p95 ms':>8}{'CPU us':>8}   a token, {tokens} tokens a round")
    for number in range(ROUNDS):
        for name, run in (("trio", native), ("asyncio, bridged", bridged)):
            late, cpu = await measure(run, tokens)
            middle, high = percentile(sorted(late), 50), percentile(sorted(late), 95)
            print(f"{number + 1} {name:16}{1e3 * middle:8.3f}{1e3 * high:8.3f}{1e6 * cpu:8.0f}")


if __name__ == "__main__":
    trio.run(main, int(sys.argv[1]) if sys.argv[1:] else TOKENS)
