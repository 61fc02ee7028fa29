"""Encodes the audio of a scripted caller and a fake voice so that the far end of a telephone line can decode it.

G.711 changes most samples, so neither side can encode a large number in a single sample. The caller's audio is cut into
slots of 20 ms. Each slot spells out its own number in 20 bits, each a millisecond long. The bits are loud while the
caller makes a sound:

    slot 5 at 8 kHz, quiet     8 samples of 4000, 8 of 1000, 8 of 4000, then 136 of 1000     (5 is 101, last bit first)

The voice speaks each character at one of the 127 levels that mu-law or A-law preserves exactly.
"""

from __future__ import annotations

from array import array
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import cache

from msgspec.structs import replace

from voicekit.audio.codec import convert
from voicekit.audio.format import PCM16K, AudioFormat
from voicekit.audio.frame import AudioFrame, Gap
from voicekit.events import Endpoint, Finalized, Transcript, Word
from voicekit.flow.link import Inlet, Outlet
from voicekit.flow.stage import Run
from voicekit.testing.fakes import FakeTts
from voicekit.testing.hearing import ScriptHeard, ScriptHearing
from voicekit.testing.scripted import Script, ScriptedStt

SLOT = 0.02
"""Seconds of audio that spell one number."""

BITS = 20
"""Bits of a slot's number: enough for 5.8 hours."""

QUIET = (1_000, 4_000)
LOUD = (18_000, 26_000)
"""The sample values of the two bits, while the caller is silent (QUIET) or makes a sound (LOUD); G.711 changes them by
at most 4 %."""


def spell(number: int, loud: bool, rate: int) -> bytes:
    """Slot `number` of a caller's audio, as PCM16 at `rate`."""
    levels = LOUD if loud else QUIET
    each = round(SLOT * rate) // BITS
    return b"".join(array("h", [levels[number >> bit & 1]]).tobytes() * each for bit in range(BITS))


def read_slots(frame: AudioFrame) -> Iterator[int]:
    """The numbers of the complete slots in `frame`, which is PCM16 and may begin with an incomplete slot."""
    size = frame.format.samples(SLOT)
    samples = array("h", frame.pcm)
    step = size // BITS
    for first in range(frame.samples % size, frame.samples, size):
        levels = samples[first + step // 2 : first + size : step]
        middle = sum(LOUD if max(levels) > (QUIET[1] + LOUD[0]) / 2 else QUIET) / 2
        yield sum(1 << bit for bit, level in enumerate(levels) if level > middle)


def caller_sound(script: Script, number: int, slots: int, form: AudioFormat) -> bytes:
    """The caller's audio for `script` in the format `form`: `slots` slots, beginning with slot `number`."""
    pcm = b"".join(spell(n, _sounds(script, (n + 0.5) * SLOT), form.rate) for n in range(number, number + slots))
    return convert(pcm, AudioFormat(form.rate), form)


def _sounds(script: Script, at: float) -> bool:
    return any(sound.start <= at < sound.end for sound in script.sounds)


class PhoneEars(ScriptedStt):
    """Understands a script's words over a telephone line. A word is not heard if half of its slots are missing.

    The times of a word are those at which its sound arrived. A Gap counts as silence, but only up to the end of the
    next word, since the audio of that word may still arrive late.
    """

    name = "ears on a telephone"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Run[object, Transcript]]:
        yield self._listen

    async def _listen(self, inbox: Inlet[object], outbox: Outlet[Transcript]) -> None:
        rate = self.accepts.rate if self.accepts is not None else PCM16K.rate
        heard = PhoneHearing(self._script, rate, [round(delay * rate) for delay in self._delays])
        async for item in inbox:
            if isinstance(item, AudioFrame):
                heard.hear(item)
            elif isinstance(item, Gap):
                heard.wait(item)
            for transcript in heard.say(self.endpoints):
                await outbox.send(heard.placed(transcript))
        for transcript in heard.finish():
            await outbox.send(heard.placed(transcript))


class PhoneHearing(ScriptHearing):
    """Decides which words of the script have been heard, judging by the slots that have arrived; all positions are
    positions in the script."""

    def __init__(self, script: Script, rate: int, delays: list[int]) -> None:
        super().__init__(script.utterances(rate), delays)
        self._ends = [word.end for utterance in script.utterances(rate) for word in utterance]
        self._slot = round(SLOT * rate)
        self._expected = 0
        self._offset = 0  # the number to add to a position in the script to get the position in the stream

    def hear(self, frame: AudioFrame) -> None:
        """Take the slots of `frame`, and ignore any slot that arrives after a later one."""
        for place, number in enumerate(read_slots(frame)):
            if number >= self._expected:
                to = self.to
                if number > self._expected:
                    self.miss(Gap((number - self._expected) * self._slot, self._expected * self._slot))
                self._expected = number + 1
                self._offset = frame.at + (place - number) * self._slot
                self.take(max(to, self._expected * self._slot))

    def wait(self, gap: Gap) -> None:
        """Record that time has passed without audio."""
        nothing_before = min((end - 1 for end in self._ends if end > self.to), default=self.to + gap.samples)
        self.take(max(self.to, min(self.to + gap.samples, nothing_before)))

    def placed(self, transcript: ScriptHeard) -> ScriptHeard:
        """`transcript`, with positions in the stream instead of positions in the script."""
        if isinstance(transcript, Endpoint | Finalized):
            return replace(transcript, at=max(0, transcript.at + self._offset))
        return replace(transcript, words=tuple(self._moved(word) for word in transcript.words))

    def _moved(self, word: Word) -> Word:
        return replace(word, start=max(0, word.start + self._offset), end=max(0, word.end + self._offset))


class PhoneVoice(FakeTts):
    """A FakeTts that uses only sample values that `law` preserves exactly, so that the far end can decode them."""

    name = "voice on a telephone"

    def __init__(self, law: AudioFormat) -> None:
        super().__init__(levels=law_levels(law))


@cache
def law_levels(law: AudioFormat) -> tuple[int, ...]:
    """The positive PCM16 values that the encoding of `law` preserves exactly; if `law` is PCM16, those for mu-law."""
    form = AudioFormat(8000, law.encoding if law.encoding in ("mulaw", "alaw") else "mulaw")
    decoded = array("h", convert(bytes(range(256)), form, AudioFormat(8000)))
    return tuple(sorted({level for level in decoded if level > 0}))


def read_voice(pcm: bytes, form: AudioFormat) -> list[int]:
    """For each played sample, the `to` of its character (modulo the number of levels); -1 for silence."""
    places = _places(form)
    return [places.get(level, -1) for level in array("h", convert(pcm, form, AudioFormat(form.rate)))]


@cache
def _places(law: AudioFormat) -> dict[int, int]:
    return {level: place for place, level in enumerate(law_levels(law))}
