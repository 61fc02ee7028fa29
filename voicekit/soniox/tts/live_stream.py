"""One stream of a synthesis connection: the events about it, and its audio, joined into whole samples."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from msgspec import Struct

from voicekit.soniox.api import limits
from voicekit.soniox.api.errors import Failed
from voicekit.soniox.api.wire import TtsConfig, TtsResponse
from voicekit.soniox.api.word_times import SpokenWord, WordTimes
from voicekit.soniox.tts.states import TtsState

STALL_S: Final = 5.0
"""Seconds without audio after which a stream whose text is complete counts as dead; live streams are faster than real
time."""
FIRST_STALL_S: Final = 2.8
"""The same for the first audio of a reply, for which the caller waits in silence; it usually comes within 0.5 s."""
LONGEST_S: Final = limits.TTS_STREAM_S + 10.0
"""The maximum number of seconds of audio in a stream. The service ends a stream sooner, but memory must be bounded in
any case.
"""
LINGER_S: Final = 5.0
"""Seconds for which a finished stream waits for its `terminated` before another stream may take its place."""


@dataclass(frozen=True, slots=True)
class StreamSound:
    """Event: more of a stream's audio has arrived, in whole samples, with its text. `seconds` is 0 if the duration
    can't be calculated from the number of bytes.

    `words` are the words that are now complete; `characters` are all characters that are spoken in this piece.
    """

    stream: str
    data: bytes = field(repr=False)
    seconds: float
    words: tuple[SpokenWord, ...] = ()
    characters: tuple[str, ...] = ()


class SoundEnded(Struct, frozen=True):
    """Event: all of a stream's audio has arrived; `words` contains the last word, if it was still incomplete."""

    stream: str
    words: tuple[SpokenWord, ...] = ()


class StreamFailed(Struct, frozen=True):
    """Event: no more of a stream's audio will arrive, although some is missing."""

    stream: str
    failure: Failed


class StreamGone(Struct, frozen=True):
    """Event: a stream has ended, so another may start in its place."""

    stream: str


class LiveStream:
    """A stream's state in the protocol, and the sample and the word that are still incomplete."""

    __slots__ = ("_left", "_rate", "_rest", "_width", "_words", "moved_at", "stall_s", "state", "text_bytes")

    def __init__(self, config: TtsConfig, now: float, stall_s: float) -> None:
        self.state = TtsState.OPEN
        self.moved_at = now  # the time of the last message, ours or the service's
        self.text_bytes = 0
        self._width = limits.TTS_RAW_FORMATS.get(config.audio_format or "", 0)
        self._rate = config.sample_rate or 0
        self.stall_s = stall_s
        self._left = LONGEST_S
        self._rest = b""  # the first bytes of an incomplete sample
        self._words = WordTimes()

    @property
    def expires_at(self) -> float:
        """The time at which the stream fails if nothing more happens."""
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
