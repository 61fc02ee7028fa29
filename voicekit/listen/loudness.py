"""How loud the speech in the caller's audio was, and when; the turn machine uses this to separate the caller from the
background.

Only windows that a detector judges to be speech are measured, using every eighth sample. This costs 2 us per window and
is accurate to about a decibel.
"""

from __future__ import annotations

import math
from collections import deque
from itertools import islice

FULL_SCALE = 32_768.0
EACH = 8
WINDOWS = 1_000
"""The number of windows that are remembered: 20 s of speech, longer than any word takes to become final."""

LOUDER = 10 ** (8 / 10)
"""The ratio from which louder speech counts as a second speaker's: 8 dB above its start. One voice seldom rises that
much in a word.
"""

SMOOTH = 3
"""The number of windows over which a rise is measured; a click is shorter."""

FAINTER = 10 ** (18 / 10)
"""Speech that falls 18 dB below the loudest part of the last few seconds, and stays there, comes from somebody else in
the background: the weak ends of words and sentences seldom fall so far.
"""

LASTING = 26
"""How many windows speech must stay so faint: 0.5 to 0.8 s, longer than a weak syllable and the stop before the next
word.
"""

FADE = 10 ** (-0.05 / 10)
"""The loudest part counts 0.05 dB less with each window of speech, 2 dB in a second."""


class Loudness:
    """The levels of the last 20 s of speech; call `note` for each window in order, and `over` for any span."""

    __slots__ = ("_base", "_loudest", "_since", "_windows")

    def __init__(self) -> None:
        # for each window: its first sample and its mean power
        self._windows: deque[tuple[int, float]] = deque(maxlen=WINDOWS)
        self._base = 0.0  # the power of the current speech at its start, or at its last rise or fall
        self._loudest = 0.0  # the highest mean power in the last few seconds
        self._since = 0  # the number of windows since the current speech began, or since its power last rose or fell

    def note(self, pcm: bytes, at: int) -> None:
        """Record that the window `pcm` (PCM16 mono) at sample `at` is speech."""
        samples = memoryview(pcm).cast("h")[::EACH]
        self._windows.append((at, math.hypot(*samples) ** 2 / len(samples)))
        self._loudest = max(self._loudest * FADE, self._recent())

    def begin(self) -> None:
        """Record that speech has begun in the latest windows."""
        self._start(self._recent())

    def rises(self) -> bool:
        """Whether the current speech has become much louder since it began, or since its last change in level."""
        recent = self._recent()
        if recent < self._base * LOUDER:
            return False
        self._start(recent)
        return True

    def falls(self) -> int | None:
        """The sample from which the current speech is so much fainter that somebody else must be speaking, or None.

        Call it once for each window that is noted. After a sample has been returned, the fainter speech counts as the
        current speech.
        """
        self._since += 1
        if self._since < LASTING or self._windows[-1][1] * FAINTER > self._loudest:
            return None
        lately = list(islice(reversed(self._windows), LASTING))
        if sum(power for _, power in lately) * FAINTER > self._loudest * LASTING:
            return None
        self._start(self._recent())
        return lately[-1][0]

    def over(self, start: int, end: int) -> float | None:
        """The level between two samples, in dB relative to full scale; None if no speech between them is on record."""
        powers = []
        for at, power in reversed(self._windows):
            if at < start:
                break
            if at < end:
                powers.append(power)
        mean = sum(powers) / len(powers) if powers else 0.0
        return 10 * math.log10(mean / FULL_SCALE**2) if mean else None

    def _start(self, power: float) -> None:
        self._base = power
        self._since = 0

    def _recent(self) -> float:
        powers = [power for _, power in islice(reversed(self._windows), SMOOTH)]
        return sum(powers) / len(powers) if powers else 0.0
