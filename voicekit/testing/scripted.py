"""A scripted user with timed words, coughs, typed lines and key presses, and a transcriber that knows these words.

Each sample encodes its position (see `positions`), and whether the user is making a sound. So a dropped or doubled
sample can be detected anywhere, the VAD needs no model, and the transcriber recognises a word only if the samples of
that word have arrived. All results are timed by the samples received, so in virtual time the same script always
produces the same call.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias

import trio

from voicekit.audio.format import PCM16K, AudioFormat
from voicekit.audio.frame import AudioFrame, Gap
from voicekit.errors import ConfigError
from voicekit.events import Dtmf, Hangup, Transcript, Typed, Word
from voicekit.flow.link import Inlet, Outlet
from voicekit.flow.stage import Run
from voicekit.flow.transform import Pipeable
from voicekit.listen.transcribe import words
from voicekit.testing.hearing import ScriptHearing
from voicekit.testing.positions import POSITIONS, SOUNDING, sounding

FRAME = 0.02
"""Seconds of audio in each frame of the source, as in frames from telephones and browsers."""

_IS_LOUD = bytes(high >= SOUNDING >> 8 for high in range(256))

QUIET_END = 3.0
"""Seconds for which the source continues after the last action, if the script does not set an end."""


@dataclass(frozen=True, slots=True)
class _Sound:
    """A sound that the user makes from `start` to `end`, in seconds; with `text`, it is speech."""

    start: float
    end: float
    text: str = ""


_Act: TypeAlias = Typed | Dtmf | Hangup


class Script:
    """The actions of a user, at times in seconds since the call began."""

    def __init__(self) -> None:
        self.sounds: list[_Sound] = []
        self.acts: list[tuple[float, _Act]] = []
        self._until: float | None = None

    def says(self, text: str, *, at: float, for_: float) -> None:
        """Speak `text` from `at` on, for `for_` seconds; each word takes time in proportion to its number of
        letters."""
        self._sound(_Sound(at, at + for_, text))

    def coughs(self, *, at: float, for_: float = 0.5) -> None:
        """Make a sound without words; a real cough lasts 0.3 to 0.6 s."""
        self._sound(_Sound(at, at + for_))

    def types(self, text: str, *, at: float) -> None:
        self.acts.append((at, Typed(text)))

    def presses(self, digit: str, *, at: float) -> None:
        self.acts.append((at, Dtmf(digit)))

    def hangs_up(self, *, at: float) -> None:
        self.acts.append((at, Hangup()))

    def stays(self, *, until: float) -> None:
        """Set the time at which the source ends."""
        self._until = until

    @property
    def until(self) -> float:
        """The time at which the source ends."""
        if self._until is not None:
            return self._until
        return max([0.0, *(sound.end for sound in self.sounds), *(at for at, _ in self.acts)]) + QUIET_END

    def utterances(self, rate: int) -> list[tuple[Word, ...]]:
        """The words of each utterance, timed in samples at `rate`; every word but the very first begins with a
        space."""
        said = [sound for sound in self.sounds if sound.text]
        return [
            words(" " * (place > 0) + sound.text, round(sound.start * rate), round(sound.end * rate))
            for place, sound in enumerate(said)
        ]

    def pcm(self, at: int, samples: int, rate: int) -> bytes:
        """The audio that the source sends at `rate`: `samples` samples of PCM16 mono, from sample `at` on."""
        first = max(0, bisect_right(self.sounds, at / rate, key=_start) - 1)
        last = bisect_right(self.sounds, (at + samples) / rate, key=_start)
        spans = ((round(sound.start * rate), round(sound.end * rate)) for sound in self.sounds[first:last])
        return sounding(at, samples, spans)

    def _sound(self, sound: _Sound) -> None:
        if sound.end <= sound.start or (self.sounds and sound.start < self.sounds[-1].end):
            raise ConfigError(f"expected the sounds of a script to be in order and longer than 0 s, got {sound}")
        self.sounds.append(sound)


class ScriptedSource(Pipeable):
    """Plays a Script as a live source: a frame every 20 ms, with signals for typed lines and key presses in between."""

    name = "scripted source"
    accepts = None

    def __init__(self, script: Script, format: AudioFormat = PCM16K, *, live: bool = True) -> None:  # noqa: A002
        if format.encoding != "pcm16" or format.channels != 1:
            raise ConfigError(f"a scripted source produces pcm16 mono, not {format}")
        self.produces = format
        self.live = live
        self._script = script

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Run[object, AudioFrame | _Act]]:
        yield self._run

    async def _run(self, inbox: Inlet[object], outbox: Outlet[AudioFrame | _Act]) -> None:
        start = trio.current_time()
        rate, size = self.produces.rate, self.produces.samples(FRAME)
        acts = sorted(self._script.acts, key=lambda act: act[0])
        for at in range(0, round(self._script.until * rate), size):
            due = (at + size) / rate
            # signals come before a frame that ends at the same time, since otherwise they would race with that frame's
            # transcripts
            while acts and acts[0][0] <= due:
                when, act = acts.pop(0)
                if self.live:
                    await trio.sleep_until(start + when)
                await outbox.send(act)
            if self.live:
                await trio.sleep_until(start + due)
            await outbox.send(AudioFrame(self._script.pcm(at, size, rate), at, self.produces))


class ScriptedVad:
    """A vad that detects the sounds of a scripted source, and nothing else."""

    rates: Sequence[int] = (8_000, 16_000, 32_000, 48_000)

    def start(self, rate: int) -> ScriptedVadStream:
        if rate not in self.rates:
            rates = ", ".join(map(str, self.rates))
            raise ConfigError(f"scripted VAD: expected one of the rates {rates} Hz, got {rate!r}")
        return ScriptedVadStream(rate // 50)


class ScriptedVadStream:
    def __init__(self, window: int) -> None:
        self.window = window

    def probability(self, pcm: bytes) -> float:
        """The share of the window during which the user makes a sound."""
        return pcm[1::2].translate(_IS_LOUD).count(1) / self.window


class ScriptedStt(Pipeable):
    """Understands the words of a Script when their samples have arrived; a word is not heard if half of it is missing.

    After the last sample of a word, an Interim comes `interim` seconds later, and a Final `final` seconds later. An
    Endpoint comes `endpoint` seconds after the last word of an utterance, unless the next utterance has begun or
    `endpoints` is False. If `fin` is given, the transcriber can be asked to finalise, and answers once `fin` seconds
    of audio after the requested position have arrived.
    """

    name = "scripted ears"
    produces = None
    scores = False  # scripted sound has no intonation to score

    def __init__(
        self,
        script: Script,
        *,
        endpoints: bool = True,
        interim: float = 0.12,
        final: float = 0.26,
        endpoint: float = 0.7,
        fin: float | None = None,
    ) -> None:
        self.endpoints = endpoints
        self.finalizes = fin is not None
        self.accepts: AudioFormat | None = None
        self._script = script
        self._delays = (interim, final, endpoint, fin or 0.0)
        self._heard: ScriptHearing | None = None

    def finalize(self, at: int) -> None:
        """Make all words up to sample `at` final; see the contract `Stt`."""
        if self._heard is not None and self.finalizes:
            self._heard.finalize(at)

    def negotiate(self, offered: AudioFormat) -> AudioFormat:
        self.accepts = AudioFormat(offered.rate)
        return self.accepts

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Run[object, Transcript]]:
        yield self._run

    async def _run(self, inbox: Inlet[object], outbox: Outlet[Transcript]) -> None:
        rate = self.accepts.rate if self.accepts is not None else PCM16K.rate
        self._heard = heard = ScriptHearing(
            self._script.utterances(rate), [round(delay * rate) for delay in self._delays]
        )
        async for item in inbox:
            if isinstance(item, AudioFrame):
                _check_samples(item)
                heard.take(item.end)
            elif isinstance(item, Gap):
                heard.miss(item)
            for transcript in heard.say(self.endpoints):
                await outbox.send(transcript)
        for transcript in heard.finish():
            await outbox.send(transcript)


def _start(sound: _Sound) -> float:
    return sound.start


def _check_samples(frame: AudioFrame) -> None:
    """Check that the samples encode the frame's position."""
    first = array("h", frame.pcm[:2])[0] % POSITIONS
    if first != frame.at % POSITIONS:
        raise AssertionError(f"{frame!r} contains the samples of position {first} (modulo {POSITIONS})")
