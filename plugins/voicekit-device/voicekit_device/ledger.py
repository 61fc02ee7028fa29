"""A record of the audio that a speaker has taken, and of when it is heard.

Pure: times are arguments. Trio's thread and the speaker's thread may both use the record. The speaker's thread adds
each piece that it takes to the record, in one atomic step. The piece is then heard after the latency that the device
reports.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

KEPT = 512
"""The number of pieces remembered, of at most 5 ms each: enough for the present sound and the tail of its echo."""

EPSILON = 1e-6
"""A fraction of a sample, added before rounding down: times are floats, and can be slightly too small."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Samples `first` to `last` are audible from `starts` to `ends` (trio's clock)."""

    first: int
    last: int
    starts: float
    ends: float


class Ledger:
    """A record of the pieces that one open speaker has taken."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=KEPT)

    def enter(self, entry: Entry) -> None:
        self._entries.append(entry)

    def position(self, now: float) -> int:
        """How many samples have been heard according to the entries; 0 if there are no entries."""
        for entry in reversed(self._entries.copy()):
            if entry.starts <= now:
                share = min(1.0, (now - entry.starts) / (entry.ends - entry.starts))
                return entry.first + int((entry.last - entry.first) * share + EPSILON)
        return 0

    def sounds(self, start: float, end: float) -> bool:
        """Whether anything is audible between `start` and `end`."""
        return any(entry.starts < end and entry.ends > start for entry in self._entries.copy())
