"""Ten full-duplex calls at once: 50 frames a second and five stages in each direction, over websockets on loopback.

`call-cpu` is the CPU time that a second of one call takes in this process; the echo has its own process. The floor
calls its stages directly. `python -m benchmarks.capacity` shows how many such calls one core holds.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from time import process_time
from typing import Any, TypeAlias

import trio
from trio_websocket import WebSocketConnection, open_websocket_url

from benchmarks.case import Case
from benchmarks.echo_peer import echoing
from voicekit.audio.format import PCM16K
from voicekit.audio.frame import AudioFrame
from voicekit.flow import Inlet, Outlet, Pipeline, each, open_link, stage

STAGES = 5
PERIOD_S = 0.02
SAMPLES = 320
CALLS = 10
SETTLES_S = 0.3

Hold: TypeAlias = Callable[[WebSocketConnection, "Clock"], Awaitable[None]]


class Clock:
    """When the frames of a call are due, and how late each came back. Frame n is due back when it is due to be sent."""

    def __init__(self) -> None:
        self.late: list[float] = []
        self._start = trio.current_time()

    async def until_due(self, number: int) -> None:
        await trio.sleep_until(self._start + number * PERIOD_S)

    def came(self) -> None:
        self.late.append(trio.current_time() - self._start - len(self.late) * PERIOD_S)


def pass_on(frame: AudioFrame) -> AudioFrame:
    return frame


async def by_hand(wire: WebSocketConnection, clock: Clock) -> None:
    """Hold a call with two tasks and plain function calls."""

    async def speak() -> None:
        number = 0
        while True:
            await clock.until_due(number)
            frame = AudioFrame(bytes(2 * SAMPLES), number * SAMPLES, PCM16K)
            for _ in range(STAGES):
                frame = pass_on(frame)
            await wire.send_message(frame.pcm)
            number += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(speak)
        while True:
            frame = await _received(wire)
            for _ in range(STAGES):
                frame = pass_on(frame)
            clock.came()


async def by_lines(wire: WebSocketConnection, clock: Clock) -> None:
    """Hold a call with two pipelines, each with two stages and five transforms between them."""

    @stage
    async def source(inbox: Inlet[Any], outbox: Outlet[AudioFrame]) -> None:
        number = 0
        while True:
            await clock.until_due(number)
            await outbox.send(AudioFrame(bytes(2 * SAMPLES), number * SAMPLES, PCM16K))
            number += 1

    @stage
    async def to_wire(inbox: Inlet[AudioFrame], outbox: Outlet[Any]) -> None:
        async for frame in inbox:
            await wire.send_message(frame.pcm)

    @stage
    async def from_wire(inbox: Inlet[Any], outbox: Outlet[AudioFrame]) -> None:
        while True:
            await outbox.send(await _received(wire))

    @stage
    async def sink(inbox: Inlet[AudioFrame], outbox: Outlet[Any]) -> None:
        async for _ in inbox:
            clock.came()

    stages = [each(pass_on)] * STAGES
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_flow, Pipeline(source, *stages, to_wire))
        nursery.start_soon(_flow, Pipeline(from_wire, *stages, sink))


async def _received(wire: WebSocketConnection) -> AudioFrame:
    message = await wire.get_message()
    assert isinstance(message, bytes)
    return AudioFrame(message, 0, PCM16K)


async def _flow(line: Pipeline) -> None:
    before, nothing = open_link(1)
    outlet, after = open_link(1)
    with before, nothing, outlet, after:
        async with line.open() as run:
            await run(nothing, outlet)


async def held(hold: Hold, address: str, calls: int, seconds: float) -> tuple[float, list[float]]:
    """CPU seconds per second of a call, and the lateness of every frame, with `calls` calls at the same time."""
    clocks: list[Clock] = []

    async def one(number: int) -> None:
        await trio.sleep(number * PERIOD_S / calls)
        async with open_websocket_url(address) as wire:
            clocks.append(Clock())
            await hold(wire, clocks[-1])

    async with trio.open_nursery() as nursery:
        for number in range(calls):
            nursery.start_soon(one, number)
        await trio.sleep(SETTLES_S)
        spent, began = process_time(), trio.current_time()
        before = [len(clock.late) for clock in clocks]
        await trio.sleep(seconds)
        spent = (process_time() - spent) / (trio.current_time() - began) / calls
        late = [took for clock, done in zip(clocks, before, strict=True) for took in clock.late[done:]]
        nursery.cancel_scope.cancel()
    return spent, late


cost = Case(
    "call-cpu", "CPU time per second of a call, ten at once over loopback, 5 stages each way", operations=2, rounds=6
)


@cost.floor("two tasks of plain calls")
async def plainly(count: int) -> Sequence[float]:
    with echoing() as address:
        return [(await held(by_hand, address, CALLS, count))[0]]


@cost.subject("two voicekit lines", aim=1.25)
async def with_voicekit(count: int) -> Sequence[float]:
    with echoing() as address:
        return [(await held(by_lines, address, CALLS, count))[0]]
