"""The bot's voice: recorded answers with the times of their words, and other recorded speech for all other texts.

For a text in answers.toml, its recording is played. For any other text, for instance from your own bot, 60 ms of
recorded speech are played for each character: a real voice, but with other words.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import trio

from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.contracts import Text, this_reply
from voicekit.events import WordMark
from voicekit.flow.link import Inlet, Outlet
from voicekit.flow.stage import Run
from voicekit.flow.transform import Pipeable
from voicekit.writing import word_spans
from voicekit_scenes.noises import RATE
from voicekit_scenes.scene import answers
from voicekit_scenes.sounds import bot_words, pcm16, sound

if TYPE_CHECKING:
    from voicekit_scenes.noises import Samples

FIRST_SOUND_S: Final = 0.137
"""Seconds until the first sample of a reply, typical of a good service."""

PER_CHARACTER_S: Final = 0.06
FRAME: Final = RATE // 25
"""Samples in a frame of the voice (40 ms): less than a service sends, and half the work of frames of 20 ms."""


@dataclass
class Utterance:
    """One reply as the voice got it: its text, its audio so far (`pcm`), and when each word begins."""

    turn: int
    """The number of the reply."""
    since: float
    """When the voice got the first part of the text, by trio's clock."""
    name: str | None = None
    """The recorded answer that begins with this text; None if there is none."""
    text: str = ""
    pcm: bytes = b""
    words: tuple[tuple[str, float], ...] = ()

    @property
    def seconds(self) -> float:
        """How long the utterance will last, in seconds: the whole recorded answer, or else the audio so far."""
        return len(self.samples if self.name is None else sound(f"bot-{self.name}")) / RATE

    @property
    def samples(self) -> Samples:
        return np.frombuffer(self.pcm, "<i2") / 32_768

    def add(self, text: Text) -> list[tuple[int, str, int]]:
        """Add `text`. Returns for each word its first sample, its text, and the place in the reply where it ends."""
        before = len(self.pcm) // 2
        spans = list(word_spans(text.text))
        self.name = begun(self.text + text.text) if self.name is not None or not self.text else None
        if self.name is not None:
            timed = bot_words(self.name)
            first = len(self.words)
            starts = [round(start * RATE) for _, start, _ in timed[first : first + len(spans)]]
            end = round(timed[first + len(spans)][1] * RATE) if first + len(spans) < len(timed) else None
            self.pcm += pcm16(sound(f"bot-{self.name}")[before:end])
        else:
            starts = [before + round(start * PER_CHARACTER_S * RATE) for start, _ in spans]
            self.pcm += stand_in(before, round(len(text.text) * PER_CHARACTER_S * RATE))
        words = [text.text[start:end] for start, end in spans]
        self.words += tuple((word, at / RATE) for word, at in zip(words, starts, strict=True))
        self.text += text.text
        return [(at, word, text.to[end - 1]) for at, word, (_, end) in zip(starts, words, spans, strict=True)]


class RecordedTts(Pipeable):
    """Delivers speech with the sample rate RATE, faster than real time; `said` has an Utterance for each reply."""

    name = "recorded voice"
    accepts = None
    produces: AudioFormat | None = None

    def __init__(self) -> None:
        self.said: list[Utterance] = []

    def negotiate(self, wanted: AudioFormat) -> AudioFormat:
        self.produces = AudioFormat(RATE)
        return self.produces

    def cut(self) -> None:
        """Nothing to do: playout drops the audio that is waiting."""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Run[Text, AudioFrame | WordMark]]:
        yield self._run

    async def _run(self, inbox: Inlet[Text], outbox: Outlet[AudioFrame | WordMark]) -> None:
        utterance: Utterance | None = None
        at = 0
        async for text in inbox:
            if not text.text.strip():
                continue
            if utterance is None:
                utterance = Utterance(this_reply.get().reply.turn, trio.current_time())
                self.said.append(utterance)
                await trio.sleep(FIRST_SOUND_S)
            marks = utterance.add(text)
            for frame in frames(utterance.pcm[2 * at :], at):
                while marks and marks[0][0] < frame.end:
                    place, word, to = marks.pop(0)
                    await outbox.send(WordMark(word, place, to))
                await outbox.send(frame)
                at = frame.end


def begun(text: str) -> str | None:
    """The name of the recorded answer that begins with the words of `text`, if there is one."""
    words = text.split()
    return next((name for name, whole in answers().items() if whole.split()[: len(words)] == words), None)


def stand_in(before: int, samples: int) -> bytes:
    """`samples` samples of recorded speech, beginning after the first `before` samples."""
    speech = np.concatenate([sound("bot-story"), sound("bot-hours")])
    return pcm16(speech[(before + np.arange(samples)) % len(speech)])


def frames(pcm: bytes, at: int) -> Iterator[AudioFrame]:
    format = AudioFormat(RATE)  # noqa: A001  # the usual word
    for place in range(0, len(pcm), 2 * FRAME):
        yield AudioFrame(pcm[place : place + 2 * FRAME], at + place // 2, format)
