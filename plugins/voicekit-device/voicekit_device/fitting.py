"""Converts a sink's audio into short pieces in the device's format, and counts the sink's samples. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.audio.resample import Resampler

PIECE_S = 0.005
"""Seconds in a piece: the device may still take this much after a hold has been decided."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of audio in the device's format, made from the sink's samples `first` to `last`."""

    pcm: bytes
    first: int
    last: int


class Fitting:
    """Turns frames in the format `source` into pieces in the format `target`.

    If the formats differ, the resampler holds back a few ms of audio; `holding` is true until `finish` returns it.
    """

    def __init__(self, source: AudioFormat, target: AudioFormat) -> None:
        self.source = source
        self.made_to = 0  # the source position up to which pieces have been made
        self._target = target
        self._size = max(1, target.samples(PIECE_S)) * target.sample_bytes
        self._resampler = None if source == target else Resampler(source, target)
        self._fed_to = 0

    @property
    def holding(self) -> bool:
        return self.made_to < self._fed_to

    def feed(self, frame: AudioFrame) -> list[Piece]:
        """The pieces that can be made now; `frame` must directly follow the previous frame."""
        self._fed_to = frame.end
        if self._resampler is None:
            return self._cut(frame.pcm, frame.end)
        made = (sound for sound in self._resampler.feed(frame) if isinstance(sound, AudioFrame))
        return [piece for sound in made for piece in self._cut(sound.pcm, self._in_source(sound))]

    def finish(self) -> list[Piece]:
        """The pieces made from the audio that is still held back, up to its last sample."""
        if self._resampler is None or not self.holding:
            return []
        rest = b"".join(sound.pcm for sound in self._resampler.finish() if isinstance(sound, AudioFrame))
        return self._cut(rest or bytes(self._target.sample_bytes), self._fed_to)

    def restart(self, at: int) -> None:
        """Forget the audio that is held back; the next frame begins at sample `at`."""
        if self._resampler is not None:
            self._resampler.finish()
        self.made_to = self._fed_to = at

    def _in_source(self, made: AudioFrame) -> int:
        """The source position that corresponds to the end of the frame `made`."""
        return min(self._fed_to, max(self.made_to, made.end * self.source.rate // self._target.rate))

    def _cut(self, pcm: bytes, last: int) -> list[Piece]:
        """`pcm` in pieces, which share the samples up to `last` in proportion to their lengths."""
        first, samples = self.made_to, last - self.made_to
        self.made_to = last
        pieces = []
        for start in range(0, len(pcm), self._size):
            end = min(start + self._size, len(pcm))
            piece = Piece(pcm[start:end], first + samples * start // len(pcm), first + samples * end // len(pcm))
            pieces.append(piece)
        return pieces
