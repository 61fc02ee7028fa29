"""The voice of the scripted peer: each character lasts a fixed time, and its samples have the value of its code point.
Pure.

So the text that was heard can be read from the samples, without word marks: see `spoken`.
"""

from __future__ import annotations

import sys
from array import array
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from voicekit.audio.codec import convert
from voicekit.audio.format import AudioFormat, Encoding
from voicekit.soniox.api.wire import Timestamps, TtsConfig
from voicekit.soniox.server.realtime.tts import AUDIO_BYTES

PER_CHARACTER: Final = 0.06
"""Seconds of audio per character, as of a brisk speaker; the same as for `voicekit.testing.fakes`."""
VALUES: Final = 32_768
WIDEST: Final = 4  # bytes per sample

_ENCODINGS: dict[str, Encoding] = {
    "pcm_s16le": "pcm16", "pcm_s16be": "pcm16", "pcm_f32le": "float32", "pcm_mulaw": "mulaw", "pcm_alaw": "alaw",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Speaking:
    """How a peer speaks: it begins `first_sound` seconds after a stream's first text, and then speaks `faster` times as
    fast as real time.

    Each message contains `chunk` seconds of audio. The voice does not begin until `holds` characters have arrived or
    the text has ended.
    """

    per_character: float = PER_CHARACTER
    first_sound: float = 0.2
    chunk: float = 0.24
    faster: float = 10.0
    holds: int = 0
    latency: float = 0.0


@dataclass(frozen=True, slots=True)
class SpokenChunk:
    """A piece of a stream's audio, and the times of its characters; `end` says whether it is the last piece."""

    data: bytes
    seconds: float
    timestamps: Timestamps | None
    end: bool


class PeerTts:
    """Speaks the text of one stream. `text` is the text so far, and `at` is how many samples have been spoken."""

    def __init__(self, config: TtsConfig, speaking: Speaking) -> None:
        self.text = ""
        self.ended = False
        self.at = 0
        self._config = config
        self._speaking = speaking
        self.rate = config.sample_rate or 24_000
        self._letter = max(1, round(speaking.per_character / (config.speed or 1.0) * self.rate))
        self._chunk = max(1, min(round(speaking.chunk * self.rate), AUDIO_BYTES // WIDEST))

    def add(self, text: str, end: bool) -> None:
        self.text += text
        self.ended = self.ended or end

    @property
    def ready(self) -> bool:
        """Whether audio, or the end of the audio, can be sent now."""
        return self.ended or (len(self.text) >= self._speaking.holds and self.at < len(self.text) * self._letter)

    def next(self) -> SpokenChunk:
        """The next piece of audio to send."""
        there = len(self.text) * self._letter
        start, end = self.at, min(self.at + self._chunk, there)
        first, last = -(-start // self._letter), -(-end // self._letter)  # the characters that begin in this sound
        letters = self.text[start // self._letter : last]
        values = array("h", [ord(letter) % VALUES for letter in letters for _ in range(self._letter)])
        skipped = start % self._letter
        pcm = values[skipped : skipped + end - start]
        self.at = end
        done = self.ended and end == there
        stamps = self._stamps(first, last, done) if self._config.return_timestamps else None
        return SpokenChunk(self._encoded(pcm), (end - start) / self.rate, stamps, done)

    def _stamps(self, first: int, last: int, done: bool) -> Timestamps | None:
        if done and last == len(self.text) and self.text.endswith(" "):
            last -= 1  # like the service, leave out a space at the end of a stream
        if first >= last:
            return None
        seconds = [place * self._letter / self.rate for place in range(first, last + 1)]
        return Timestamps(
            characters=tuple(self.text[first:last]),
            character_start_times_seconds=tuple(seconds[:-1]),
            character_end_times_seconds=tuple(seconds[1:]),
        )

    def _encoded(self, pcm: array[int]) -> bytes:
        name = self._config.audio_format or ""
        big = name == "pcm_s16be"
        if big != (sys.byteorder == "big"):
            pcm.byteswap()
        data = pcm.tobytes()
        encoding = _ENCODINGS[name]
        if encoding == "pcm16":
            return data
        return convert(data, AudioFormat(self.rate), AudioFormat(self.rate, encoding))


def can_speak(config: TtsConfig) -> bool:
    """Whether the voice supports the audio format of `config`; all formats without a header are supported."""
    return config.audio_format in _ENCODINGS


def spoken(pcm: bytes, rate: int, per_character: float = PER_CHARACTER) -> str:
    """Read the text from this voice's PCM16; silence is ignored. Raises AssertionError if a character is incomplete."""
    letter = round(per_character * rate)
    text = ""
    for value, run in groupby(array("h", pcm)):
        count, rest = divmod(len(list(run)), letter)
        if value and rest:
            raise AssertionError(
                f"after {text[-20:]!r}: expected a multiple of {letter} samples of {chr(value)!r}, got "
                f"{count * letter + rest}: it is torn"
            )
        text += chr(value) * count if value else ""
    return text
