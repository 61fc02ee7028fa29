"""Changes the sample rate of an audio stream. The filter keeps its state from frame to frame, so that the boundaries
between frames can't be heard.

Positions stay correct: sample `at` becomes sample `round(at * ratio)`, whatever happened before, so nothing drifts.
Each unbroken stretch of input becomes one unbroken stretch of output, exactly from the rounded start to the rounded
end. A Gap, or an unannounced jump in `at`, ends a stretch: the audio still in the filter is emitted first. The filter
works on float32; encodings and channels are converted on the way in and out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicekit.audio.codec import from_floats, to_floats
from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame, Gap, Sound
from voicekit.errors import FormatMismatch

if TYPE_CHECKING:
    from voicekit.audio.codec import Floats

QUALITY = "LQ"
"""soxr's name for the quality. This one holds back 6 to 21 ms of speech, while soxr's default, HQ, holds back 15 to 74
ms (22.05 to 8 kHz). The signal-to-noise ratio stays above 100 dB. In a conversation, the delay is audible and the
difference in quality is not.
"""


class Resampler:
    """Converts frames and Gaps from format `source` to format `target`; loads soxr and numpy when it is created.

    It holds back what the filter needs, a few ms of audio. Raises FormatMismatch if a frame is not in format `source`.
    """

    __slots__ = ("_channels", "_expected", "_made_to", "_source", "_stream", "_target")

    def __init__(self, source: AudioFormat, target: AudioFormat) -> None:
        import soxr

        self._source = source
        self._target = target
        self._channels = min(source.channels, target.channels)  # do not resample channels that will be dropped
        self._stream = soxr.ResampleStream(source.rate, target.rate, self._channels, "float32", QUALITY)
        # the input position at which the current stretch of sound continues; None between two stretches
        self._expected: int | None = None
        self._made_to = 0  # the output position at which the current stretch of sound continues

    def position(self, at: int) -> int:
        """The position in the output that corresponds to the input sample `at`."""
        return (2 * at * self._target.rate + self._source.rate) // (2 * self._source.rate)

    def feed(self, sound: Sound) -> list[Sound]:
        """The output that is ready. It lags behind the input by as many samples as the filter looks ahead."""
        if isinstance(sound, Gap):
            return self._over(sound)
        if sound.format != self._source:
            raise FormatMismatch(
                f"resampler: expected frames of {self._source}, got one of {sound.format} at sample {sound.at}"
            )
        made = [] if sound.at == self._expected else self._begin(sound.at)
        self._expected = sound.end
        made += self._framed(self._stream.resample_chunk(self._floats(sound.pcm)))
        return made

    def finish(self) -> list[Sound]:
        """End the stretch, and return the audio still in the filter. Audio fed afterwards begins a new stretch."""
        if self._expected is None:
            return []
        tail = self._stream.resample_chunk(self._floats(b""), last=True)
        self._stream.clear()
        owed = self.position(self._expected) - self._made_to
        self._expected = None
        return self._framed(_exactly(owed, tail))

    def _begin(self, at: int) -> list[Sound]:
        held = self.finish()
        self._made_to = self.position(at)
        return held

    def _over(self, gap: Gap) -> list[Sound]:
        made = self.finish()
        start, end = self.position(gap.at), self.position(gap.end)
        return [*made, Gap(end - start, start)] if end > start else made

    def _floats(self, pcm: bytes) -> Floats:
        return to_floats(pcm, self._source, self._channels)

    def _framed(self, samples: Floats) -> list[Sound]:
        if not len(samples):
            return []
        frame = AudioFrame(from_floats(samples, self._target), self._made_to, self._target)
        self._made_to = frame.end
        return [frame]


def _exactly(count: int, samples: Floats) -> Floats:
    """`samples`, cut or padded (with the last value) to `count`: the filter rounds a stretch's length, not its two
    ends.
    """
    import numpy

    missing = count - len(samples)
    if missing <= 0:
        return samples[:count]
    last = samples[-1:] if len(samples) else numpy.zeros_like(samples, shape=(1, samples.shape[1]))
    return numpy.concatenate([samples, last.repeat(missing, axis=0)])
