"""A microphone's audio as one stream with continuous positions. Pure: the time of each block is an argument.

Missing audio becomes a Gap. Its length is the number of lost samples if that is known; otherwise, after an overrun or
while the device is missing, it is measured by the clock.
"""

from __future__ import annotations

from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame, Gap, Sound
from voicekit_device.handover import Block


class Track:
    """A microphone's stream, which begins at the time `now` with the device's sample number `count`."""

    def __init__(self, format: AudioFormat, count: int, now: float) -> None:  # noqa: A002  # the usual word
        self._format = format
        self._count = count
        self._at = 0
        self._heard_to = now  # the time at which the last sound arrived
        self._begun = False

    def heard(self, block: Block) -> list[Sound]:
        """The block's audio, preceded by a Gap if audio is missing."""
        samples = self._format.count(block.pcm)
        missing = block.count - self._count
        if block.torn and self._begun:
            missing = max(missing, self._samples_until(block.came) - samples)
        gap = self._gap(missing)
        frame = AudioFrame(block.pcm, self._at, self._format)
        self._at = frame.end
        self._count = block.count + samples
        self._heard_to = block.came
        self._begun = True
        return [*gap, frame]

    def away(self, now: float) -> list[Sound]:
        """A Gap for the time until `now`, during which the device was missing."""
        gap = self._gap(self._samples_until(now))
        self._heard_to += sum(sound.samples for sound in gap) / self._format.rate
        self._begun = True
        return gap

    def _samples_until(self, now: float) -> int:
        return round((now - self._heard_to) * self._format.rate)

    def _gap(self, samples: int) -> list[Sound]:
        if samples <= 0:
            return []
        gap = Gap(samples, self._at)
        self._at = gap.end
        return [gap]
