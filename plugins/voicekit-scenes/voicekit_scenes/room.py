"""The room where caller and bot meet: the sound at the caller's microphone, and the bot's sound as the caller hears it.

The source is the microphone: it hears the caller's own sounds, a backdrop, the echo of the bot, and the noise of the
room. The sink is the loudspeaker. Both use PCM16 mono at RATE. The room has no clock except its frames.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
import trio

from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.events import SpeechStarted, Transcript
from voicekit.flow.link import Inlet, Outlet
from voicekit.flow.stage import Run
from voicekit.flow.transform import Pipeable
from voicekit.play.sink import RecordingSink
from voicekit_scenes import noises
from voicekit_scenes.director import BotHeard, Director
from voicekit_scenes.noises import RATE
from voicekit_scenes.replay import MESSAGES, Replay, Track
from voicekit_scenes.scene import Backdrop, CallerAct, Scene
from voicekit_scenes.sounds import pcm16, sound
from voicekit_scenes.voice import Utterance

if TYPE_CHECKING:
    from voicekit_scenes.noises import Samples

FRAME: Final = RATE // 50
PCM: Final = AudioFormat(RATE)

ECHO_DELAY: Final = round(0.12 * RATE)
"""The delay in samples after which the microphone hears the loudspeaker, as in a hands-free telephone."""

LOUD: Final = 200
"""A piece counts as sound if its largest sample is above this level; the maximum is 32,767."""

BOT_PAUSE_S: Final = 0.75
"""Seconds of silence after which the bot's next sound counts as another utterance."""

DECODES_S: Final = 0.35
"""While a sound continues, messages about it come at most this many seconds after it."""

KEPT_S: Final = 1_200.0
"""Seconds of the bot's sound that are kept: twice as many as the longest scene has."""

LONGEST_S: Final = 25.0
"""The scene ends this many seconds after the caller's last sound at the latest: a bot may answer its own echo for
ever."""


class Speaks(Protocol):
    """A voice that keeps a record of its utterances."""

    said: list[Utterance]


@dataclass(frozen=True, slots=True)
class Placed:
    """A sound that the caller made, beginning at sample `start` of the stream."""

    act: CallerAct
    start: int
    samples: int


class Room:
    """The room of one scene. `frame(at)` lets the caller act, and returns the microphone's next frame."""

    def __init__(self, scene: Scene, voice: Speaks, *, replays: bool = True, messages: str = MESSAGES) -> None:
        self.scene = scene
        self.voice = voice
        self.sink = RecordingSink(PCM, keep=KEPT_S)
        acts = scene.acts * scene.rounds
        self.director = Director(acts, [len(sound(act.sound)) / RATE for act in acts])
        self.placed: list[Placed] = []
        self.replay = Replay(replays, messages)
        self.caller = bytearray()
        """The caller's sound alone, as long as the stream."""
        self._start: float | None = None
        self._bot: BotHeard | None = None
        self._seen = 0  # the number of pieces of the loudspeaker's sound examined so far
        self._echo = _Echo(self.replay, scene.echo_db)
        self._backdrop_at = 0

    def begin(self, now: float) -> None:
        """Begin the call; its first sample is heard at `now`, by trio's clock."""
        self._start = now

    @property
    def start(self) -> float:
        assert self._start is not None, "the source has begun"
        return self._start

    def frame(self, at: int) -> bytes | None:
        """The microphone's sound: the FRAME samples from `at` on, which have just passed; None after the scene."""
        now = (at + FRAME) / RATE
        self._listen(now)
        if self._over(now):
            return None
        for _, act in self.director.look(now, self._bot):
            self._place(act, at + FRAME)
        if self.scene.backdrop is not None:
            self._loop(self.scene.backdrop, at)
        alone = self._caller(at)
        self.caller += pcm16(alone)
        return pcm16(alone + noises.floor(at, FRAME) + self._behind(at))

    # --- the sound that the caller hears ---

    def _listen(self, now: float) -> None:
        for piece in self.sink.heard[self._seen :]:
            samples = np.frombuffer(piece.pcm, "<i2")
            start = piece.start - self.start
            if self.voice.said:
                self._echo.play(self.voice.said[-1], round(start * RATE), len(samples))
            if samples.size and np.abs(samples).max() > LOUD:
                self._hear(start, start + len(samples) / RATE)
        self._seen = len(self.sink.heard)
        self._echo.look(round(now * RATE))

    def _hear(self, start: float, end: float) -> None:
        if self._bot is None or start - self._bot.sounded > BOT_PAUSE_S:
            said = self.voice.said[-1] if self.voice.said else None
            self._bot = BotHeard(start, end, None if said is None else said.seconds)
        else:
            self._bot = BotHeard(self._bot.began, end, self._bot.length)

    def _over(self, now: float) -> bool:
        if not self.director.over:
            return False
        if now - self.director.free_at > LONGEST_S + self.scene.stays:
            return True
        quiet = max(self.director.free_at, 0.0 if self._bot is None else self._bot.sounded)
        return now - quiet > self.scene.stays

    # --- the sound that the microphone hears ---

    def _place(self, act: CallerAct, start: int) -> None:
        samples = len(sound(act.sound))
        self.placed.append(Placed(act, start, samples))
        self.replay.begin(start, act.sound, act.level_db, samples)

    def _caller(self, at: int) -> Samples:
        mixed = np.zeros(FRAME)
        for placed in self.placed[-2:]:
            first, last = max(at, placed.start), min(at + FRAME, placed.start + placed.samples)
            if first < last:
                piece = sound(placed.act.sound)[first - placed.start : last - placed.start]
                mixed[first - at : last - at] += piece * 10 ** (placed.act.level_db / 20)
        return mixed

    def _behind(self, at: int) -> Samples:
        """The sound of the backdrop and of the echo, without the caller's."""
        mixed = np.zeros(FRAME)
        if (backdrop := self.scene.backdrop) is not None:
            whole = sound(backdrop.sound)
            mixed += whole[(at + np.arange(FRAME)) % len(whole)] * 10 ** (backdrop.level_db / 20)
        if self.scene.echo_db is not None:
            mixed += self._bot_sound(at - ECHO_DELAY) * 10 ** (self.scene.echo_db / 20)
        return mixed

    def _loop(self, backdrop: Backdrop, at: int) -> None:
        if at >= self._backdrop_at:
            self.replay.overhear(self._backdrop_at, backdrop.sound, backdrop.level_db)
            self._backdrop_at += len(sound(backdrop.sound))

    def _bot_sound(self, at: int) -> Samples:
        """The loudspeaker's sound in the FRAME samples from `at` on."""
        mixed = np.zeros(FRAME)
        for piece in reversed(self.sink.heard):
            start = round((piece.start - self.start) * RATE)
            samples = np.frombuffer(piece.pcm, "<i2")
            if start + len(samples) <= at:
                break
            first, last = max(at, start), min(at + FRAME, start + len(samples))
            if first < last:
                mixed[first - at : last - at] += samples[first - start : last - start] / 32_768
        return mixed


class _Echo:
    """What the recogniser hears of the bot's own voice: the messages of an answer, up to the sound already played."""

    def __init__(self, replay: Replay, level_db: float | None) -> None:
        self._replay = replay
        self._level_db = level_db
        self._utterance: Utterance | None = None
        self._track: Track | None = None
        self._played = 0
        self._last = 0

    def play(self, utterance: Utterance, start: int, samples: int) -> None:
        """Record that the loudspeaker played `samples` samples of `utterance`, from sample `start` of the stream on."""
        if self._level_db is None:
            return
        if utterance is not self._utterance:
            self._end(start)
            self._utterance, self._played = utterance, 0
            if utterance.name is not None:
                self._track = self._replay.overhear(start + ECHO_DELAY, f"bot-{utterance.name}", self._level_db)
        if self._track is not None:
            self._track.start = start - self._played + ECHO_DELAY
            self._played += samples
            self._last = start + samples
            whole = 2 * self._played >= len(utterance.pcm)
            self._track.limit = None if whole else self._track.start + self._played + round(DECODES_S * RATE)

    def look(self, now: int) -> None:
        """Count the bot's answer as cut if it has not continued for a while."""
        if self._track is not None and self._track.limit is not None and now - self._last > RATE:
            self._end(self._last)

    def _end(self, at: int) -> None:
        if self._track is not None and self._track.limit is not None:
            self._track.limit = None
            self._replay.cut(self._track, at + ECHO_DELAY)
        self._track = None


class Microphone(Pipeable):
    """The scene's source: a live source with frames of 20 ms."""

    name = "microphone of a scene"
    accepts: AudioFormat | None = None
    produces = PCM
    live = True

    def __init__(self, room: Room) -> None:
        self._room = room

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Run[Any, Any]]:
        yield self._run

    async def _run(self, inbox: Inlet[Any], outbox: Outlet[Any]) -> None:
        start = trio.current_time()
        self._room.begin(start)
        at = 0
        while True:
            await trio.sleep_until(start + (at + FRAME) / RATE)
            pcm = self._room.frame(at)
            if pcm is None:
                return
            await outbox.send(AudioFrame(pcm, at, PCM))
            at += FRAME


class RecordedStt(Pipeable):
    """The recogniser: emits the recorded messages for the audio that has reached it, and finalizes words on request."""

    name = "recorded recogniser"
    produces = None
    endpoints = True
    finalizes = True

    def __init__(self, room: Room) -> None:
        self.accepts: AudioFormat | None = None
        self._room = room
        self._asked: int | None = None  # the sample up to which all words must become final

    def negotiate(self, offered: AudioFormat) -> AudioFormat:
        self.accepts = PCM
        return PCM

    def finalize(self, at: int) -> None:
        """Make all words up to sample `at` final once that sample has been heard, unless speech starts before that."""
        self._asked = at

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Run[Any, Transcript]]:
        yield self._run

    async def _run(self, inbox: Inlet[Any], outbox: Outlet[Transcript]) -> None:
        async for item in inbox:
            if isinstance(item, SpeechStarted):
                self._asked = None
            if isinstance(item, AudioFrame):
                if self._asked is not None and item.end >= self._asked:
                    self._room.replay.finalize(item.end, self._asked)
                    self._asked = None
                for transcript in self._room.replay.hear(item.end):
                    await outbox.send(transcript)
