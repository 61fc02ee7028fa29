"""A fake voice that encodes its text in the audio, so that the text that was heard can be read from the samples.

Each character lasts 60 ms, and all its samples have the value of its `to`: how many characters of the handler's text
count as heard once this character has been played. So even without word marks, the highest value in a recording shows
how much the caller heard.
"""

from __future__ import annotations

from array import array
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import trio

from voicekit.audio.format import PCM16K, AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.contracts import Text
from voicekit.events import WordMark
from voicekit.flow.link import Inlet, Outlet
from voicekit.flow.stage import Run
from voicekit.flow.transform import Pipeable
from voicekit.writing import word_spans

PER_CHARACTER = 0.06
"""Seconds of audio per character, as of a brisk speaker."""

FIRST_SOUND = 0.137
"""Seconds until the first sample. This is typical of a good service, and not a multiple of a frame, so that nothing in
a reply happens at exactly the same time as an action of the caller.
"""

VALUES = 32_000


class FakeTts(Pipeable):
    """A tts that speaks at a fixed pace, with a mark before each word and 60 ms of audio per character."""

    name = "fake voice"
    accepts = None

    def __init__(
        self,
        *,
        per_character: float = PER_CHARACTER,
        first_sound: float = FIRST_SOUND,
        levels: Sequence[int] = range(VALUES),
    ) -> None:
        """A character's samples have the value `levels[to % len(levels)]`, where `to` is taken from the Text."""
        self.produces: AudioFormat | None = None
        self.cuts = 0
        self._per_character = per_character
        self._first_sound = first_sound
        self._levels = levels

    def negotiate(self, wanted: AudioFormat) -> AudioFormat:
        """Return PCM16 mono at the sink's rate."""
        self.produces = AudioFormat(wanted.rate)
        return self.produces

    def cut(self) -> None:
        self.cuts += 1

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Run[Text, AudioFrame | WordMark]]:
        yield self._run

    async def _run(self, inbox: Inlet[Text], outbox: Outlet[AudioFrame | WordMark]) -> None:
        format = self.produces or PCM16K  # noqa: A001  # the field's word
        samples = format.samples(self._per_character)
        at = 0
        async for text in inbox:
            if not at and text.text:
                await trio.sleep(self._first_sound)
            ends = dict(word_spans(text.text))
            for place in range(len(text)):
                if place in ends:
                    word = text.part(place, ends[place])
                    await outbox.send(WordMark(word.text, at, word.to[-1]))
                pcm = array("h", [self._levels[text.to[place] % len(self._levels)]]) * samples
                await outbox.send(AudioFrame(pcm.tobytes(), at, format))
                at += samples


def heard_to(pcm: bytes) -> int:
    """How many characters of the handler's text were heard, according to `pcm`, which comes from a FakeTts."""
    return max(array("h", pcm), default=0)
