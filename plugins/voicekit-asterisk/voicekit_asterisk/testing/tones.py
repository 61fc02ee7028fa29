"""A voice made of tones: each word has its own tone, so a recording shows, without a recogniser, which words were
heard.

    Session(tts=ToneTts(), ...)                     word n of a reply is a tone of tone_of(n) Hz, WORD_S long
    words_in(pcm, rate)                             [0, 1, 2, 0, 1]: two replies, cut after three words and after two
    await play(call, 600, 1.0)                      a tone for the caller; sounding(pcm, rate, 0): how long it was heard

Tones survive every telephone codec and resampling. WORDS is the number of tones that can be told apart.
"""

from __future__ import annotations

import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import trio

from voicekit.audio.codec import convert
from voicekit.audio.format import PCM16K, AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.call.connection import Call
from voicekit.contracts import Text
from voicekit.events import WordMark
from voicekit.flow.link import Inlet, Outlet
from voicekit.flow.stage import Run
from voicekit.flow.transform import Pipeable
from voicekit.writing import word_spans

WORDS = 30
"""The number of tones that can be told apart: word WORDS sounds like word 0."""

WORD_S = 0.2
FIRST_SOUND_S = 0.15
FRAME_S = 0.02

WINDOW_S = 0.04
STEP_S = 0.01
LEAST = 0.02
"""A window quieter than this fraction of full scale is silence."""

PEAK = 10_000

TONES = [600.0, 700.0, 1000.0, 1500.0, 2000.0]
"""The long tones that `sounding` tells apart: 600, 1500 and 2000 for a bot or music, 700 and 1000 for callers."""


def tone_of(word: int) -> float:
    """The tone of a word, in Hz; the tones of neighbouring words are far apart."""
    return 500.0 + 80.0 * (word * 11 % WORDS)


def tone(hz: float, samples: int, rate: int, at: int = 0) -> bytes:
    """The tone as PCM16, from sample `at` on. If the previous part ended there, the tone continues without a break."""
    phase = 2 * np.pi * hz / rate * (at + np.arange(samples))
    return bytes((PEAK * np.sin(phase)).astype("<i2").tobytes())


def write_tone(path: Path, hz: float, seconds: float, rate: int = 8_000) -> None:
    """Write a WAV file with a tone."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(tone(hz, round(seconds * rate), rate))


async def play(call: Call, hz: float, seconds: float, *, of: int = 0) -> None:
    """Play a tone to the caller in real time. Returns once it has been heard."""
    form = call.sink.format
    async with call.sink.open() as speaker:
        began, base, at = trio.current_time(), speaker.position, of
        while at - of < form.samples(seconds):
            size = form.samples(0.02)
            pcm = tone(hz, size, form.rate, at)
            if form.encoding == "mulaw":
                pcm = convert(pcm, AudioFormat(form.rate), form)
            await speaker.write(AudioFrame(pcm, at, form))
            at += size
            await trio.sleep_until(began + (at - of) / form.rate - call.sink.lead)
        while speaker.position - base < at - of:  # noqa: ASYNC110  # a position has no events
            await trio.sleep(0.02)


class ToneTts(Pipeable):
    """Synthesises a tone for each word, with a word mark before it."""

    name = "tones"
    accepts = None

    def __init__(self) -> None:
        self.produces: AudioFormat | None = None

    def negotiate(self, wanted: AudioFormat) -> AudioFormat:
        """Choose PCM16 mono at the sink's rate."""
        self.produces = AudioFormat(wanted.rate)
        return self.produces

    def cut(self) -> None:
        """Do nothing, since words not spoken yet are dropped with their stream."""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Run[Text, AudioFrame | WordMark]]:
        yield self._run

    async def _run(self, inbox: Inlet[Text], outbox: Outlet[AudioFrame | WordMark]) -> None:
        form = self.produces or PCM16K
        at = word = 0
        async for text in inbox:
            if not at and text.text:
                await trio.sleep(FIRST_SOUND_S)
            for start, end in word_spans(text.text):
                said = text.part(start, end)
                await outbox.send(WordMark(said.text, at, said.to[-1]))
                for _ in range(round(WORD_S / FRAME_S)):
                    pcm = tone(tone_of(word), form.samples(FRAME_S), form.rate, at)
                    await outbox.send(AudioFrame(pcm, at, form))
                    at += form.samples(FRAME_S)
                word += 1


def tones_in(pcm: bytes | Any, rate: int, among: list[float]) -> list[int | None]:
    """For each step of STEP_S seconds, the index in `among` of the tone that is heard, or None for silence."""
    samples = (np.frombuffer(pcm, "<i2") if isinstance(pcm, bytes) else np.asarray(pcm)).astype(np.float64) / 32768
    window, step = round(WINDOW_S * rate), round(STEP_S * rate)
    if len(samples) < window:
        return []
    places = np.arange(0, len(samples) - window + 1, step)
    windows = np.lib.stride_tricks.sliding_window_view(samples, window)[places]
    waves = np.exp(-2j * np.pi * np.outer(np.arange(window), among) / rate) * np.hanning(window)[:, None]
    strongest = np.abs(windows @ waves).argmax(axis=1)
    loud = np.sqrt((windows**2).mean(axis=1)) >= LEAST
    return [int(best) if on else None for best, on in zip(strongest, loud, strict=True)]


def words_in(pcm: bytes | Any, rate: int) -> list[int]:
    """The words in a recording of ToneTts speech, in order. A word shorter than 30 ms is not detected."""
    found: list[int] = []
    run, last, before = 0, None, None
    for heard in [*tones_in(pcm, rate, [tone_of(word) for word in range(WORDS)]), None]:
        if heard == last:
            run += 1
            continue
        if run >= 3:
            if last is not None and last != before:
                found.append(last)
            before = last  # after silence, the same word counts as a new one
        run, last = 1, heard
    return found


def sounding(pcm: bytes | Any, rate: int, place: int) -> float:
    """For how many seconds of a recording the tone TONES[place] is heard."""
    return 0.01 * sum(found == place for found in tones_in(pcm, rate, TONES))


def loudness(pcm: bytes | Any, rate: int) -> list[float]:
    """The level in each step of STEP_S seconds, as a fraction of full scale."""
    samples = (np.frombuffer(pcm, "<i2") if isinstance(pcm, bytes) else np.asarray(pcm)).astype(np.float64) / 32768
    step = round(STEP_S * rate)
    whole = samples[: len(samples) // step * step].reshape(-1, step)
    return [float(level) for level in np.sqrt((whole**2).mean(axis=1))]
