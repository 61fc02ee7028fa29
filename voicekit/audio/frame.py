"""A piece of audio, and a gap where audio was lost: the items on every audio link.

Each frame and each gap has its position in the stream, so loss and duplication can always be detected. Neither has a
name, an id or other metadata. If two stages need to exchange any other fact, a field is added for it.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from voicekit.audio.format import AudioFormat


class AudioFrame(Struct, frozen=True):
    """A piece of audio: `pcm` in `format`. Its first sample is number `at` in the stream. The repr never shows the
    audio.
    """

    pcm: bytes
    at: int
    format: AudioFormat

    @property
    def samples(self) -> int:
        return len(self.pcm) // self.format.sample_bytes

    @property
    def end(self) -> int:
        """The number of the sample that would follow the last one."""
        return self.at + len(self.pcm) // self.format.sample_bytes

    @property
    def seconds(self) -> float:
        return self.samples / self.format.rate

    def part(self, start: int, end: int | None = None) -> AudioFrame:
        """The part from sample `start` up to, but not including, sample `end` (None: the rest), counted from the
        frame's start.
        """
        size = self.format.sample_bytes
        return AudioFrame(self.pcm[start * size : None if end is None else end * size], self.at + start, self.format)

    def __repr__(self) -> str:
        return f"AudioFrame({self.samples} samples at {self.at}, {self.format})"


class Gap(Struct, frozen=True):
    """`samples` samples of audio, starting with number `at`, are missing: they were dropped, or never arrived."""

    samples: int
    at: int

    @property
    def end(self) -> int:
        return self.at + self.samples

    def then(self, later: Gap) -> Gap | None:
        """This gap joined with `later` if they touch; None if there is audio between them."""
        return Gap(self.samples + later.samples, self.at) if later.at == self.end else None


Sound: TypeAlias = AudioFrame | Gap
