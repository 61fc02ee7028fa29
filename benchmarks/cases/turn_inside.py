"""What a turn costs inside the process: from the recogniser's endpoint to the voice's first text, and to the sink.

The recogniser, the handler and the voice are in memory and take no time. The floor has one task for each of the three,
passes the turn from task to task over trio's channels, and decides nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from time import perf_counter
from typing import Any

import trio

from benchmarks.agents import NotingSink
from benchmarks.case import Case
from voicekit.audio.format import PCM16K, AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.contracts import Text
from voicekit.events import Endpoint, Final, TurnEnded, Word
from voicekit.extend import load_plugins
from voicekit.flow.link import Inlet, Outlet
from voicekit.flow.stage import Run
from voicekit.flow.transform import Pipeable
from voicekit.listen.source import SilenceSource
from voicekit.session import Session

ANSWER = "It is ten."
FRAME = 320
QUIET_S = 0.005
"""Seconds between two turns."""


class Times:
    """When the last turn was asked, and when its first text reached the voice and its first frame reached the sink."""

    def __init__(self) -> None:
        self.asked = self.text = self.sound = 0.0


class _Ears(Pipeable):
    """A recogniser that emits a question whenever it gets a number."""

    name = "ears"
    accepts = PCM16K
    produces = None
    endpoints = True

    def __init__(self, times: Times) -> None:
        self.questions, self._questions = trio.open_memory_channel[int](1)
        self._times = times

    def negotiate(self, offered: AudioFormat) -> AudioFormat:
        return PCM16K

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Run[Any, Any]]:
        yield self._run

    async def _run(self, inbox: Inlet[Any], outbox: Outlet[Any]) -> None:
        async for number in self._questions:
            at = number * PCM16K.rate
            self._times.asked = perf_counter()
            await outbox.send(Final((Word(" what", at + 1, at + 100),)))
            await outbox.send(Endpoint(at + 100))


class _Voice(Pipeable):
    """A voice that emits one frame for each text."""

    name = "voice"
    accepts = None
    produces = PCM16K

    def __init__(self, times: Times) -> None:
        self._times = times

    def negotiate(self, wanted: AudioFormat) -> AudioFormat:
        return PCM16K

    def cut(self) -> None:
        """Nothing to do: the voice has no work in the background."""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Run[Any, Any]]:
        yield self._run

    async def _run(self, inbox: Inlet[Any], outbox: Outlet[Any]) -> None:
        at = 0
        async for text in inbox:
            self._times.text = self._times.text or perf_counter()
            if isinstance(text, Text) and text.text:
                await outbox.send(AudioFrame(bytes(2 * FRAME), at, PCM16K))
                at += FRAME


async def in_a_session(pick: Callable[[Times], float], count: int) -> Sequence[float]:
    times, ended = Times(), trio.Event()
    ears, sink = _Ears(times), NotingSink()
    session = Session(
        source=SilenceSource(),
        vad=None,
        stt=ears,
        tts=_Voice(times),
        handler=ANSWER,
        sink=sink,
        plugins=load_plugins(strict=False),
    )
    session.watch(lambda event: ended.set() if isinstance(event, TurnEnded) else None)
    taken = []
    with trio.fail_after(30 + count):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(session.run)
            for number in range(count):
                ended, times.text, sink.first = trio.Event(), 0.0, 0.0
                await ears.questions.send(number)
                await ended.wait()
                times.sound = sink.first
                taken.append(pick(times))
                await trio.sleep(QUIET_S)
            nursery.cancel_scope.cancel()
    return taken


async def over_channels(pick: Callable[[Times], float], count: int) -> Sequence[float]:
    times, ended, taken = Times(), trio.Event(), []
    channels = [trio.open_memory_channel[Any](8) for _ in range(4)]
    questions, turns, texts, sounds = channels

    async def ears() -> None:
        async for _ in questions[1]:
            times.asked = perf_counter()
            await turns[0].send("what")

    async def handler() -> None:
        async for _ in turns[1]:
            await texts[0].send(ANSWER)

    async def voice() -> None:
        async for _ in texts[1]:
            times.text = perf_counter()
            await sounds[0].send(AudioFrame(bytes(2 * FRAME), 0, PCM16K))

    async def sink() -> None:
        async for _ in sounds[1]:
            times.sound = perf_counter()
            ended.set()

    async with trio.open_nursery() as nursery:
        for task in (ears, handler, voice, sink):
            nursery.start_soon(task)
        for number in range(count):
            ended = trio.Event()
            await questions[0].send(number)
            await ended.wait()
            taken.append(pick(times))
            await trio.sleep(QUIET_S)
        nursery.cancel_scope.cancel()
    return taken


def _text(times: Times) -> float:
    return times.text - times.asked


def _sound(times: Times) -> float:
    return times.sound - times.asked


for name, what, pick in (
    ("inside-text", "endpoint -> first text at the voice, all in memory", _text),
    ("inside-sound", "endpoint -> first frame at the sink, all in memory", _sound),
):
    case = Case(name, what, operations=20, rounds=8)
    case.floor("a task each, and trio channels")(partial(over_channels, pick))
    case.subject("a voicekit session")(partial(in_a_session, pick))
