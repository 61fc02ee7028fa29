"""How much of a reply is still heard after it was cut: the frames that the sink plays after the decision.

A stop-word comes in the middle of a reply. The voice is a stubborn one: it is shielded, and continues for half a second
after it was cancelled. The sink's own position shows how many frames it has played since the decision.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import trio

from benchmarks.case import Case
from benchmarks.no_words import NoWords
from voicekit.audio.format import PCM16K
from voicekit.audio.frame import AudioFrame
from voicekit.contracts import Speaker
from voicekit.events import Audible, Decided, Interim, SessionEvent, SessionStarted, TurnAct, Word
from voicekit.extend import load_plugins
from voicekit.flow.link import Inlet, Outlet
from voicekit.listen.source import SilenceSource
from voicekit.play.sink import NullSink
from voicekit.reply.quiet import QuietTts
from voicekit.session import Session

FRAME = 320
WATCHED_S = 0.6
"""Seconds watched after the decision: longer than playout's lead, and longer than the stubborn voice continues."""
STUBBORN_S = 0.5
PATIENCE_S = 10.0

stale = Case(
    "old-frames", "frames of the old reply played after the decision", operations=1, rounds=4, unit="frames", warm=False
)


class _Ears(NoWords):
    """Hears "stop" when `stop` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.stop = trio.Event()

    async def _run(self, inbox: Inlet[Any], outbox: Outlet[Any]) -> None:
        await self.stop.wait()
        await outbox.send(Interim((Word("stop", 1, 2),)))
        await super()._run(inbox, outbox)


class _Stubborn(QuietTts):
    """A voice that never stops by itself, and speaks for another STUBBORN_S after it was cancelled."""

    async def _run(self, inbox: Inlet[Any], outbox: Outlet[Any]) -> None:
        at = 0
        try:
            while True:
                at = await self._speak(outbox, at)
        finally:
            with trio.move_on_after(STUBBORN_S, shield=True):
                while True:
                    at = await self._speak(outbox, at)

    async def _speak(self, outbox: Outlet[Any], at: int) -> int:
        await outbox.send(AudioFrame(bytes(2 * FRAME), at, PCM16K))
        return at + FRAME


class Watched(NullSink):
    """A sink that keeps its speaker, so that the benchmark can read the position."""

    def __init__(self) -> None:
        super().__init__()
        self.speaker: Speaker | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Speaker]:
        async with super().open() as self.speaker:
            yield self.speaker

    @property
    def played(self) -> int:
        assert self.speaker is not None, "it is open"
        return self.speaker.position


@stale.floor("none, by definition")
async def never(count: int) -> Sequence[float]:
    return [0.0] * count


@stale.subject("a voicekit session", limit=0.0)
async def after_the_decision(count: int) -> Sequence[float]:
    return [await played_after_a_cut(Watched()) for _ in range(count)]


async def played_after_a_cut(sink: Watched) -> float:
    """The number of whole frames played after the decision to cut."""
    ears, started, sounding, cut, at_the_cut = _Ears(), trio.Event(), trio.Event(), trio.Event(), 0

    def note(event: SessionEvent) -> None:
        nonlocal at_the_cut
        if isinstance(event, SessionStarted):
            started.set()
        elif isinstance(event, Audible):
            sounding.set()
        elif isinstance(event, Decided) and event.act is TurnAct.CUT:
            at_the_cut = sink.played
            cut.set()

    session = Session(
        source=SilenceSource(),
        vad=None,
        stt=ears,
        tts=_Stubborn(),
        handler=lambda turn: "on and on" if turn.number == 1 else None,
        sink=sink,
        # smart-turn loads in a thread, and a virtual clock does not wait for threads
        plugins=load_plugins(strict=False, block=["smart-turn"]),
    )
    session.watch(note)
    with trio.fail_after(PATIENCE_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(session.run)
            await started.wait()
            session.type("hello")
            await sounding.wait()
            await trio.sleep(0.1)
            ears.stop.set()
            await cut.wait()
            await trio.sleep(WATCHED_S)
            played = sink.played - at_the_cut
            nursery.cancel_scope.cancel()
    return float(played // FRAME)
