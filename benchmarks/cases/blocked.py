"""How much memory grows, in MiB, while a consumer takes nothing.

Twenty times as many frames as in a call are sent to a consumer that has stopped taking them. Once this is on the
caller's side, where the transcriber hangs, and once on the agent's side: the sink hangs, and the voice makes sound as
fast as it is taken. The first second does not count, because the links fill up in it; after that, an unbounded link
would grow by 2 MiB.
"""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import trio

from benchmarks.case import Case
from benchmarks.idle_agent import resident
from benchmarks.no_words import NoWords
from voicekit.audio.format import PCM16K
from voicekit.audio.frame import AudioFrame
from voicekit.contracts import Speaker
from voicekit.extend import load_plugins
from voicekit.flow.link import Inlet, Outlet
from voicekit.flow.pacing import periodic
from voicekit.flow.stage import Run
from voicekit.flow.transform import Pipeable
from voicekit.listen.source import SilenceSource
from voicekit.play.sink import NullSink
from voicekit.reply.quiet import QuietTts
from voicekit.session import Session

FPS = 1_000
FILLS_S = 1.0
"""Seconds to wait until the links, which hold 5 s of sound, are certainly full."""
FRAME = 320

growth = Case(
    "blocked-consumer",
    "growth while a consumer stands still, at 1,000 fps",
    operations=3,
    rounds=3,
    unit="MiB",
    warm=False,
)


class Hurried(Pipeable):
    """A live source that is twenty times as fast as real time."""

    name = "hurried"
    accepts = None
    produces = PCM16K
    live = True

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Run[Any, Any]]:
        yield self._run

    async def _run(self, inbox: Inlet[Any], outbox: Outlet[Any]) -> None:
        async for number in periodic(1 / FPS):
            await outbox.send(AudioFrame(bytes(2 * FRAME), number * FRAME, PCM16K))


class _HangingSink(NullSink):
    """A device that takes nothing."""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Speaker]:
        async with super().open() as speaker:
            speaker.hold()
            yield speaker


@growth.floor("trio memory channel, bounded")
async def channel(count: int) -> Sequence[float]:
    sender, receiver = trio.open_memory_channel[AudioFrame](5 * FPS // 20)
    with sender, receiver:

        async def push() -> None:
            async for number in periodic(1 / FPS):
                try:
                    sender.send_nowait(AudioFrame(bytes(2 * FRAME), number * FRAME, PCM16K))
                except trio.WouldBlock:
                    continue

        return await _grown(push, count)


@growth.subject("a session whose transcriber hangs", limit=1.0)
async def ears(count: int) -> Sequence[float]:
    return await _grown(_session(Hurried(), NoWords(hangs=True), NullSink()).run, count)


@growth.subject("a session whose sink hangs", limit=1.0)
async def mouth(count: int) -> Sequence[float]:
    session = _session(SilenceSource(), None, _HangingSink())

    async def run() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(session.run)
            await trio.sleep(0.1)
            session.type("go on for ever")

    return await _grown(run, count)


def _session(source: Any, stt: Any, sink: Any) -> Session:
    async def for_ever(turn: Any, say: Any) -> None:
        while True:
            await say("word after word after word ")

    return Session(
        source=source,
        vad=None,
        stt=stt,
        tts=QuietTts(per_character=0.005),
        handler=for_ever,
        sink=sink,
        plugins=load_plugins(strict=False),
    )


async def _grown(task: Any, seconds: int) -> list[float]:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(task)
        await trio.sleep(FILLS_S)
        gc.collect()
        before = resident()
        await trio.sleep(seconds)
        gc.collect()
        grown = resident() - before
        nursery.cancel_scope.cancel()
    return [max(0.0, grown)]
