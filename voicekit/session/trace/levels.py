"""Finds the audible samples in a frame of audio. Pure, and fast enough to be used on every frame of a call.

A sample is audible if it is loud enough to be heard at all, and at least three times as loud as the background noise.
The noise is estimated from the quietest recent frames: the estimate falls immediately, but rises by only half a per
cent per frame, so that the breaths between words keep it low.
"""

from __future__ import annotations

from array import array

AUDIBLE = 160
"""The quietest audible value, of 32,768: -46 dBFS. The quiet end of a word on a telephone is above it, and the hiss of
a good line is below it."""

OVER_NOISE = 3.0
"""How many times as loud as the noise an audible sample must be: 10 dB."""

RISE = 1.005
"""The factor by which the noise estimate can rise with each frame: with frames of 20 ms, it can double in three
seconds."""


class Level:
    """Tracks the level of one channel of PCM16, frame by frame.

    `noise` is the first estimate of the noise, on a scale from 0 to 32,768. By default it is taken from the first
    frame, which usually comes before any speech.
    """

    __slots__ = ("_noise",)

    def __init__(self, noise: float = float("inf")) -> None:
        self._noise = noise

    def audible(self, sound: array[int]) -> tuple[int, int] | None:
        """The first and the last audible sample of the frame; None if no sample is audible."""
        if not sound:
            return None
        peak = max(max(sound), -min(sound))
        self._noise = max(1.0, min(peak, self._noise * RISE))
        least = max(AUDIBLE, self._noise * OVER_NOISE)
        if peak < least:
            return None
        first = next(place for place, value in enumerate(sound) if abs(value) >= least)
        last = next(place for place in range(len(sound) - 1, -1, -1) if abs(sound[place]) >= least)
        return first, last
