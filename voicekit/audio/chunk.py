"""Re-cuts audio into windows of an exact length, whatever the lengths of the incoming frames. Pure.

A window never spans a gap. Before a Gap, before an unannounced jump in `at`, and at the end, an incomplete window is
emitted as a shorter frame: it is not padded, because invented samples would be mistaken for real audio. Anything that
is neither a frame nor a Gap passes immediately. So a mark can overtake audio that was fed before it but does not fill a
window yet; the mark's `at` stays exact.
"""

from __future__ import annotations

from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame, Gap
from voicekit.errors import ConfigError, FormatMismatch


class Chunker:
    """A transform that takes frames of any length and emits frames of exactly `samples` samples, in the same format.

    Raises ConfigError if `samples` is below 1, and FormatMismatch if the format changes within a window. The Chunker
    never holds back a whole window of audio.
    """

    __slots__ = ("_at", "_format", "_rest", "_samples")

    def __init__(self, samples: int) -> None:
        if not isinstance(samples, int) or samples < 1:
            raise ConfigError(f"window: expected a whole number of samples, at least 1, got {samples!r}")
        self._samples = samples
        self._rest = bytearray()  # the samples of an incomplete window, numbered from `_at` on
        self._at = 0
        self._format = AudioFormat()  # the format of `_rest`

    def feed(self, item: object) -> list[object]:
        """The output for `item`. For a frame: the windows that it completes; for a Gap: the incomplete window and the
        Gap; for anything else: `item` itself.
        """
        if isinstance(item, AudioFrame):
            return [*self.cut(item)]
        if isinstance(item, Gap):
            return [*self.finish(), item]
        return [item]

    def cut(self, frame: AudioFrame) -> list[AudioFrame]:
        """The windows that `frame` completes, preceded by the incomplete window if `frame` does not continue it."""
        if not frame.pcm:
            return []
        out = self.finish() if self._rest and frame.at != self._end else []
        if self._rest:
            self._check(frame)
        elif frame.samples == self._samples:
            return [*out, frame]
        else:
            self._at, self._format = frame.at, frame.format
        self._rest += frame.pcm
        return out + self._whole_windows()

    def finish(self) -> list[AudioFrame]:
        """The incomplete window, if there is one, as a shorter frame."""
        if not self._rest:
            return []
        rest = AudioFrame(bytes(self._rest), self._at, self._format)
        self._rest.clear()
        return [rest]

    @property
    def _end(self) -> int:
        return self._at + len(self._rest) // self._format.sample_bytes

    def _check(self, frame: AudioFrame) -> None:
        if frame.format != self._format:
            raise FormatMismatch(
                f"windows: expected frames of {self._format}, got one of {frame.format} at sample {frame.at}"
            )

    def _whole_windows(self) -> list[AudioFrame]:
        size = self._samples * self._format.sample_bytes
        windows = []
        for start in range(0, len(self._rest) - size + 1, size):
            windows.append(AudioFrame(bytes(self._rest[start : start + size]), self._at, self._format))
            self._at += self._samples
        del self._rest[: len(windows) * size]
        return windows
