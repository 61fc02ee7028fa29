"""What a speaker has taken, and when it is heard. Pure: times are arguments, and both threads may use it.

The speaker's thread enters each piece when it takes it, which is one atomic step; the piece then sounds after the
latency that the device reports.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

KEPT = 512
"""Pieces that are remembered, of at most 5 ms each: more than those that sound now plus the tail of an echo."""

EPSILON = 1e-6
"""In samples: times are floats, and may be slightly less than a sample that has passed."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Samples `first` to `last` are audible from `starts` to `ends` (trio's clock)."""

    first: int
    last: int
    starts: float
    ends: float


class Ledger:
    """The account of one open speaker."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=KEPT)

    def enter(self, entry: Entry) -> None:
        self._entries.append(entry)

    def position(self, now: float) -> int:
        """How many samples have been heard, as far as the entries tell; 0 without any."""
        for entry in reversed(self._entries.copy()):
            if entry.starts <= now:
                share = min(1.0, (now - entry.starts) / (entry.ends - entry.starts))
                return entry.first + int((entry.last - entry.first) * share + EPSILON)
        return 0

    def sounds(self, start: float, end: float) -> bool:
        """Whether anything sounds between the two times."""
        return any(entry.starts < end and entry.ends > start for entry in self._entries.copy())
