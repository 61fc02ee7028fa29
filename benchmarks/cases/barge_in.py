"""How soon an agent is silent when it is interrupted: by a recorded voice, and by the words of a recogniser.

`barge-in` plays a recording over the agent's speech in real time, and measures from the first frame of the recording's
first word. The floor is webrtcvad alone, which waits for three voiced windows in a row. `barge-words` measures from the
recogniser's words on the wire to the command on the wire that stops the voice. Both run with default settings, but with
webrtcvad; the figure with `confirmed`, the default where voicekit-silero is installed, is beside it.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any

import soundfile
import trio
import webrtcvad

from benchmarks.agents import Agent, ByHand, NotingSink, WithVoicekit
from benchmarks.case import Case
from benchmarks.no_words import NoWords
from benchmarks.stub import Stub
from voicekit.audio.format import PCM16K
from voicekit.audio.frame import AudioFrame
from voicekit.events import Audible
from voicekit.extend import load_plugins
from voicekit.flow.link import Inlet, Outlet
from voicekit.flow.stage import Run
from voicekit.flow.transform import Pipeable
from voicekit.reply.quiet import QuietTts
from voicekit.session import Session

SPEECH = Path(__file__).parents[2] / "tests" / "data" / "speech"
CLIP = "cards-004"
FRAME, FRAME_S = 320, 0.02
HISS_FRAMES = 15
"""Frames of hiss before the word, from which the detector learns the noise of the room."""
CONTENT = 3
"""The number of voiced windows in a row for which the floor waits."""
PATIENCE_S = 10.0

barge = Case("barge-in", "first frame of a caller's word -> the agent is silent", operations=2, rounds=6)


class _Interrupter(Pipeable):
    """Hisses, and plays the clip when `speak` is set. `spoke` is the time at which the clip's first frame was sent."""

    name = "interrupter"
    accepts = None
    produces = PCM16K
    live = True

    def __init__(self) -> None:
        self.speak = trio.Event()
        self.spoke = 0.0
        self._hiss, self._clip = _sound()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Run[Any, Any]]:
        yield self._run

    async def _run(self, inbox: Inlet[Any], outbox: Outlet[Any]) -> None:
        due, said = trio.current_time(), 0
        for number in range(round(PATIENCE_S / FRAME_S)):
            due += FRAME_S
            await trio.sleep_until(due)
            pcm = self._hiss
            if self.speak.is_set():
                pcm = self._clip[said : said + 2 * FRAME] or self._hiss
                self.spoke = self.spoke or perf_counter()
                said += len(pcm)
            await outbox.send(AudioFrame(pcm, number * FRAME, PCM16K))


@barge.floor("webrtcvad by hand")
async def by_hand(count: int) -> Sequence[float]:
    return [await _detected() for _ in range(count)]


@barge.subject("a voicekit session", aim=2.0, limit=0.15)
async def with_voicekit(count: int) -> Sequence[float]:
    return [await _interrupted("webrtc") for _ in range(count)]


if find_spec("voicekit_silero") is not None:

    @barge.subject("a voicekit session, vad confirmed")
    async def with_silero(count: int) -> Sequence[float]:
        return [await _interrupted("confirmed") for _ in range(count)]


async def _detected() -> float:
    hiss, clip = _sound()
    detector, voiced, spoke = webrtcvad.Vad(2), 0, 0.0
    due = trio.current_time()
    for at in range(-HISS_FRAMES * 2 * FRAME, len(clip), 2 * FRAME):
        due += FRAME_S
        await trio.sleep_until(due)
        spoke = spoke or (perf_counter() if at >= 0 else 0.0)
        heard = detector.is_speech(hiss if at < 0 else clip[at : at + 2 * FRAME], PCM16K.rate)
        voiced = voiced + 1 if heard and at >= 0 else 0
        if voiced == CONTENT:
            return perf_counter() - spoke
    raise RuntimeError("the recording was not taken for speech")


async def _interrupted(vad: str) -> float:
    """Seconds from the first frame of a word to silence."""
    source, sink, sounding = _Interrupter(), NotingSink(), trio.Event()
    session = Session(
        source=source,
        vad=vad,
        stt=NoWords(),
        tts=QuietTts(),
        handler="This is a long answer that nobody has the patience to listen to from its beginning to its very end.",
        sink=sink,
        plugins=load_plugins(strict=False),
    )
    session.watch(lambda event: sounding.set() if isinstance(event, Audible) else None)
    with trio.fail_after(PATIENCE_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(session.run)
            await trio.sleep(HISS_FRAMES * FRAME_S)
            session.type("hello")
            await sounding.wait()
            source.speak.set()
            await sink.silent.wait()
            nursery.cancel_scope.cancel()
    return sink.silenced - source.spoke


def _sound() -> tuple[bytes, bytes]:
    """A frame of hiss, and the recording from the beginning of its speech."""
    start = json.loads((SPEECH / "labels.json").read_text(encoding="utf-8"))[CLIP]["speech"][0][0]
    sound, rate = soundfile.read(SPEECH / f"{CLIP}.flac", dtype="int16")
    dice = Random(1)
    hiss = array("h", [dice.randrange(-20, 21) for _ in range(FRAME)]).tobytes()
    clip = sound[round(start * rate) :].tobytes()
    return hiss, clip[: len(clip) // (2 * FRAME) * 2 * FRAME]


words = Case("barge-words", "first words on the wire -> the order to stop on the wire", operations=5, rounds=8)


@words.floor("a trio client by hand")
async def words_by_hand(count: int) -> Sequence[float]:
    return await _cancelled(ByHand(0.0, 1.0), count)


@words.subject("a voicekit session", aim=1.5)
async def words_with_voicekit(count: int) -> Sequence[float]:
    return await _cancelled(WithVoicekit(0.0), count)


async def _cancelled(agent: Agent, count: int) -> Sequence[float]:
    stub, taken = Stub(1.0, endless=True), []
    with trio.fail_after(30 + count):
        async with stub.serve() as endpoints, trio.open_nursery() as nursery:
            nursery.start_soon(agent.run, endpoints)
            await stub.hearing.wait()
            await trio.sleep(0.2)
            for _ in range(count):
                await stub.end_turn()
                await trio.sleep(0.15)
                agent.ended, stub.stopped = trio.Event(), trio.Event()
                await stub.interrupt()
                await stub.stopped.wait()
                taken.append(stub.cancelled - stub.asked)
                await agent.ended.wait()
            nursery.cancel_scope.cancel()
    return taken
