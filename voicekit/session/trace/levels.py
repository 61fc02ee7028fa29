"""Which samples of a sound are audible: pure, and cheap enough to look at every frame of a call.

A sample counts when it is both loud enough to be heard at all and three times as loud as the noise that is always
there. The noise is the quietest frame of late: it falls at once, and rises by half a per cent per frame, so that the
breaths between words keep it down.
"""

from __future__ import annotations

from array import array

AUDIBLE = 160
"""Of 32,768: -46 dBFS. The quiet end of a word on a telephone lies above, the hiss of a good line below it."""

OVER_NOISE = 3.0
"""10 dB."""

RISE = 1.005
"""Per frame; 20 ms frames double the noise in three seconds."""


class Level:
    """Follows one channel of PCM16, frame by frame.

    `noise` is its level so far, of 32,768; unknown, it is taken from the first frame, which a line has before speech.
    """

    __slots__ = ("_noise",)

    def __init__(self, noise: float = float("inf")) -> None:
        self._noise = noise

    def audible(self, sound: array[int]) -> tuple[int, int] | None:
        """The first and the last audible sample of the frame; None where there is none."""
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
