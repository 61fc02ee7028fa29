"""The speech of one stream: the events of a synthesis connection about it, and how its messages become whole
samples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from voicekit.soniox.api import limits
from voicekit.soniox.api.errors import Failed
from voicekit.soniox.api.wire import TtsConfig, TtsResponse
from voicekit.soniox.api.word_times import SpokenWord, WordTimes
from voicekit.soniox.tts.states import TtsState

STALL_S: Final = 5.0
"""A stream whose text is complete is spoken faster than real time; if nothing comes for 5 s, it is dead."""
FIRST_STALL_S: Final = 2.8
"""The same for the first sound of a reply: the caller waits for it in silence, and it usually comes within 0.5 s."""
LONGEST_S: Final = limits.TTS_STREAM_S + 10.0
"""Seconds of sound after which a stream is ended: the service ends it sooner, but memory must be bounded."""
LINGER_S: Final = 5.0
"""How long a finished stream waits for its `terminated` before another may take its place."""


@dataclass(frozen=True, slots=True)
class StreamSound:
    """More sound of a stream: whole samples (`seconds` is 0 if the format has no fixed size), and their text.

    `words` are those that became complete; `characters` all that this piece speaks.
    """

    stream: str
    data: bytes = field(repr=False)
    seconds: float
    words: tuple[SpokenWord, ...] = ()
    characters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SoundEnded:
    """All sound of a stream has come; `words` is the last one, if one was still open."""

    stream: str
    words: tuple[SpokenWord, ...] = ()


@dataclass(frozen=True, slots=True)
class StreamFailed:
    """No more sound of this stream will come, although some is missing."""

    stream: str
    failure: Failed


@dataclass(frozen=True, slots=True)
class StreamGone:
    """A stream is over and its place is free."""

    stream: str


class LiveStream:
    """A stream's state on the wire, and the incomplete part of its sound and words."""

    __slots__ = ("_left", "_rate", "_rest", "_width", "_words", "moved_at", "stall_s", "state", "text_bytes")

    def __init__(self, config: TtsConfig, now: float, stall_s: float) -> None:
        self.state = TtsState.OPEN
        self.moved_at = now  # time of its last progress or message
        self.text_bytes = 0
        self._width = limits.TTS_RAW_FORMATS.get(config.audio_format or "", 0)
        self._rate = config.sample_rate or 0
        self.stall_s = stall_s
        self._left = LONGEST_S
        self._rest = b""  # the first bytes of an incomplete sample
        self._words = WordTimes()

    @property
    def expires_at(self) -> float:
        """When it is given up unless something happens."""
        if self.state is TtsState.OPEN:
            return math.inf
        return self.moved_at + (self.stall_s if self.state is TtsState.DRAINING else LINGER_S)

    @property
    def is_too_long(self) -> bool:
        return self._left < 0

    def sound(self, stream: str, answer: TtsResponse) -> StreamSound:
        data, seconds = self._rest + (answer.audio or b""), 0.0
        if data:
            self.stall_s = STALL_S
        if self._width:
            whole = len(data) - len(data) % self._width
            data, self._rest = data[:whole], data[whole:]
            seconds = whole / (self._width * self._rate)
            self._left -= seconds
        stamps = answer.timestamps
        words, characters = (self._words.feed(stamps), stamps.characters) if stamps is not None else ((), ())
        return StreamSound(stream, data, seconds, tuple(words), characters or ())

    def sound_ended(self, stream: str) -> SoundEnded:
        return SoundEnded(stream, tuple(self._words.finish()))
