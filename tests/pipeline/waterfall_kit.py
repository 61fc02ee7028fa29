"""Calls of which every delay is known, with the sound of both sides: what a waterfall must explain.

The caller and the agent sound like noise over the hiss of a line. All delays are slept in virtual time, so they are
exact to the microsecond, and nothing here knows of milestones.
"""

from __future__ import annotations

import io
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import soundfile
import trio
from trio.testing import MockClock

from voicekit.audio.format import PCM16K, AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.events import Endpoint, Final, Word
from voicekit.flow.link import Inlet, Outlet
from voicekit.flow.threads import inline
from voicekit.flow.transform import Pipeable
from voicekit.listen.vad import EnergyVad
from voicekit.play.sink import RecordingSink
from voicekit.reply import sentences
from voicekit.session import Session
from voicekit.session.callfolder import open_call_folder
from voicekit.session.eventlog import read_events
from voicekit.session.trace.bars import Waterfall, waterfall
from voicekit.session.trace.reading import read_turns
from voicekit.session.trace.taps import open_trace
from voicekit.turn.policy import Policy

RATE = PCM16K.rate
FRAME = 320
LOUD = 300
"""What the detector takes for sound; the hiss stays below, speech lies far above."""


@dataclass(frozen=True)
class Delays:
    """What a call waits for, in seconds, and when its caller speaks."""

    final: float = 0.26
    endpoint: float = 0.7
    think: float = 0.2
    sentence: float = 0.1
    voice: float = 0.15
    silence: float = 0.05
    device: float = 0.03
    speech: tuple[tuple[float, float], ...] = ((0.5, 1.5), (5.0, 6.2))

    @classmethod
    def seeded(cls, seed: int) -> Delays:
        dice = Random(seed)
        final = dice.uniform(0.1, 0.5)
        first, second = dice.uniform(0.3, 1.0), dice.uniform(5.0, 6.0)
        return cls(
            final=final,
            endpoint=final + dice.uniform(0.05, 0.6),
            think=dice.uniform(0.0, 0.8),
            sentence=dice.uniform(0.0, 0.3),
            voice=dice.uniform(0.05, 0.5),
            silence=dice.uniform(0.0, 0.25),
            device=dice.uniform(0.0, 0.12),
            speech=((first, first + dice.uniform(0.4, 1.5)), (second, second + dice.uniform(0.4, 1.5))),
        )


@dataclass
class Held:
    """A call that was held: its waterfalls from the event log, and the sound of both sides as a WAV file."""

    falls: list[Waterfall] = field(default_factory=list)
    wav: bytes = b""


def hold(delays: Delays, folder: Path, *, endpoints: bool = True, policy: Policy | None = None) -> Held:
    """Hold a traced call with these delays; its event log and its sound are left in `folder`."""
    source, sink = _Caller(delays), RecordingSink(latency=delays.device)
    session = _session(delays, source, sink, endpoints, policy)
    log = folder / "events.jsonl"
    ends = trio.run(_hold, session, log, clock=MockClock(autojump_threshold=0))
    falls = [waterfall(turn) for turn in read_turns(read_events(log))]
    held = Held([fall for fall in falls if fall is not None], _wav(source, sink, ends))
    (folder / "sound.wav").write_bytes(held.wav)
    return held


def record(delays: Delays, folder: Path) -> None:
    """Hold a call with these delays in a call folder, as any program does that records its calls."""

    async def call() -> None:
        inline.set(True)
        async with open_call_folder(folder) as recorder:
            session = _session(delays, _Caller(delays), RecordingSink(latency=delays.device))
            recorder.record(session)
            await session.run()

    trio.run(call, clock=MockClock(autojump_threshold=0))


def gaps(wav: bytes) -> list[float]:
    """What a detector measures that sees only the sound: from each last loud sample of the caller to the agent's first.

    The agent begins where its channel is loud after half a second in which it was not.
    """
    sound, rate = soundfile.read(io.BytesIO(wav), dtype="int16", always_2d=True)
    caller, agent = (np.flatnonzero(np.abs(sound[:, channel].astype(int)) > LOUD) for channel in (0, 1))
    begins = agent[np.diff(agent, prepend=-rate) > rate // 2]
    return [float(begin - caller[caller < begin][-1] - 1) / rate for begin in begins]


def _session(
    delays: Delays, source: _Caller, sink: RecordingSink, endpoints: bool = True, policy: Policy | None = None
) -> Session:
    return Session(
        source=source,
        vad=EnergyVad(-30.0),
        stt=_Ears(delays, endpoints),
        handler=_handler(delays),
        tts=[sentences(), _Voice(delays)],
        sink=sink,
        policy=policy,
    )


async def _hold(session: Session, log: Path) -> float:
    inline.set(True)
    async with open_trace(log, session):
        await session.run()
    return trio.current_time()


def _wav(source: _Caller, sink: RecordingSink, ends: float) -> bytes:
    seconds = ends - source.began
    agent = np.frombuffer(sink.track(source.began, seconds), dtype="<i2")
    caller = np.zeros(len(agent), dtype="<i2")
    spoken = np.array(source.pcm[: len(agent)], dtype="<i2")
    caller[: len(spoken)] = spoken
    file = io.BytesIO()
    soundfile.write(file, np.stack([caller, agent], axis=1), RATE, format="WAV", subtype="PCM_16")
    return file.getvalue()


def _noise(samples: int, loudness: int, seed: int) -> array[int]:
    """Noise whose first and last sample are as loud as any."""
    dice = np.random.default_rng(seed)
    sound = dice.integers(-loudness, loudness + 1, samples)
    sound[[0, -1]] = loudness
    return array("h", sound.astype("<i2").tobytes())


class _Caller(Pipeable):
    """Speaks as the script says, over a hiss, in 20 ms frames."""

    name = "caller"
    accepts = None
    produces = PCM16K
    live = True

    def __init__(self, delays: Delays) -> None:
        self.pcm = _noise(round((delays.speech[-1][1] + 4.0) * RATE), 20, 1)
        for number, (start, end) in enumerate(delays.speech):
            first, last = round(start * RATE), round(end * RATE)
            self.pcm[first:last] = _noise(last - first, 9_000, number + 2)
        self.began = 0.0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Any]:
        yield self._run

    async def _run(self, inbox: Inlet[Any], outbox: Outlet[Any]) -> None:
        self.began = trio.current_time()
        for at in range(0, len(self.pcm) - FRAME, FRAME):
            await trio.sleep_until(self.began + (at + FRAME) / RATE)
            await outbox.send(AudioFrame(self.pcm[at : at + FRAME].tobytes(), at, PCM16K))


class _Ears(Pipeable):
    """Says what the caller has said, so long after the last sample of it."""

    name = "ears"
    accepts = PCM16K
    produces = None

    def __init__(self, delays: Delays, endpoints: bool) -> None:
        self.endpoints = endpoints
        self._delays = delays

    def negotiate(self, offered: AudioFormat) -> AudioFormat:
        return PCM16K

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Any]:
        yield self._run

    async def _run(self, inbox: Inlet[Any], outbox: Outlet[Any]) -> None:
        to_come = [(round(start * RATE), round(end * RATE)) for start, end in self._delays.speech]
        async with trio.open_nursery() as nursery:
            async for item in inbox:
                if to_come and isinstance(item, AudioFrame) and item.end >= to_come[0][1]:
                    start, end = to_come.pop(0)
                    spoken = trio.current_time() - (item.end - end) / RATE
                    nursery.start_soon(self._say, start, end, spoken, outbox)

    async def _say(self, start: int, end: int, spoken: float, outbox: Outlet[Any]) -> None:
        await trio.sleep_until(spoken + self._delays.final)
        await outbox.send(Final((Word(" what time is it", start, end),)))
        if self.endpoints:
            await trio.sleep_until(spoken + self._delays.endpoint)
            await outbox.send(Endpoint(end))


def _handler(delays: Delays) -> Any:
    async def handler(turn: Any, say: Any) -> None:
        await trio.sleep(delays.think)
        await say("It is")
        await trio.sleep(delays.sentence)
        await say(" ten. ")
        await say("Or so.")

    return handler


class _Voice(Pipeable):
    """Makes half a second of noise of each text, after some time, the first with silence before it."""

    name = "voice"
    accepts = None
    produces = PCM16K

    def __init__(self, delays: Delays) -> None:
        self._delays = delays

    def negotiate(self, wanted: AudioFormat) -> AudioFormat:
        return PCM16K

    def cut(self) -> None:
        """Nothing goes on behind its back."""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Any]:
        yield self._run

    async def _run(self, inbox: Inlet[Any], outbox: Outlet[Any]) -> None:
        at = 0
        async for text in inbox:
            sound = _noise(RATE // 2, 9_000, at)
            if not at:
                await trio.sleep(self._delays.voice)
                sound = array("h", bytes(2 * round(self._delays.silence * RATE))) + sound
            for place in range(0, len(sound) if text.text else 0, FRAME):
                pcm = sound[place : place + FRAME].tobytes()
                await outbox.send(AudioFrame(pcm, at, PCM16K))
                at += len(pcm) // 2
