"""How much of what was sent has been heard: an estimate by the clock, pinned by marks (pure; it is told `now`).

The far end plays what it is sent at the rate of its clock, one network delay late. So the estimate is the line from
the last known point, and a mark that comes back is such a point:

    sent       0     1600    3200    4800         samples, `sent()` at each message
    mark               "1"             "2"        names of marks put behind them
    now        0.0                    0.31        mark "1" comes back: 1600 were played by 0.31 - half a round trip
    heard                              1600       never more than the next mark that has not come back, plus `slack`

A mark that is later than `slack` and LOST_S together never comes: it is forgotten, and the clock alone goes on. So the
estimate stands still for LOST_S at most, which is less than a word, even if a wire loses all of its marks.

The estimate is the lower bound of what was heard: claiming words that the caller did not hear is worse than repeating
some after a hold. It never falls, and never passes what was sent.
"""

from __future__ import annotations

from collections import deque

LOST_S = 0.25
"""Seconds beyond `slack` after which a mark is taken for lost; most words are longer."""


class PlayedEstimate:
    """One generation of sound: from the first sample sent behind a clear to the next clear."""

    __slots__ = (
        "_anchor", "_anchored_at", "_best", "_delay", "_held", "_lost", "_marks", "_rate", "_slack", "_started", "sent",
    )  # fmt: skip

    def __init__(self, rate: int, *, delay: float = 0.0, slack: float = 0.25) -> None:
        """`delay`: seconds from sending to the ear that no mark shows; `slack`: seconds that a mark may be late."""
        self.sent = 0
        self._rate = rate
        self._delay = delay
        self._slack = round(slack * rate)
        self._lost = round(LOST_S * rate)
        self._anchor = 0
        self._anchored_at = 0.0
        self._started = False
        self._best = 0
        self._held = False
        self._marks: deque[tuple[str, int]] = deque()

    def send(self, samples: int, now: float) -> None:
        """`samples` went out at `now`. What was sent before and is heard to its end does not count as time lost."""
        if not self._started or self.heard(now) >= self.sent:
            self._anchor, self._anchored_at, self._started = self.sent, now + self._delay, True
        self.sent += samples

    def mark(self, name: str) -> None:
        """A mark was put behind all that was sent."""
        self._marks.append((name, self.sent))

    def passed(self, name: str, now: float) -> bool:
        """The mark came back. False for a name that is not awaited: another generation's, or one that came twice."""
        if all(name != waiting for waiting, _ in self._marks):
            return False
        while True:
            waiting, place = self._marks.popleft()
            if waiting == name:
                break
        if place > self.heard(now):
            self._anchor, self._anchored_at, self._best = place, now, place
        return True

    def pin(self, samples: int, now: float) -> None:
        """The far end says that `samples` were played: the estimate goes on from there, and waits if it was ahead."""
        if self._started and samples <= self.sent:
            self._anchor, self._anchored_at, self._best = samples, now, max(self._best, samples)
            while self._marks and self._marks[0][1] <= samples:
                self._marks.popleft()

    def hold(self, now: float) -> None:
        """The far end pauses from `now` on."""
        if self._started and not self._held:
            self._anchor, self._anchored_at = self.heard(now), now
        self._held = True

    def release(self, now: float) -> None:
        """The far end goes on playing at `now`."""
        self._held, self._anchored_at = False, now

    def heard(self, now: float) -> int:
        """Samples heard by `now`, at least."""
        if not self._started or self._held:
            return self._best
        guess = self._anchor + int(max(0.0, now - self._anchored_at) * self._rate + 1e-6)
        while self._marks and guess > self._marks[0][1] + self._slack + self._lost:
            self._marks.popleft()
        if self._marks:
            guess = min(guess, self._marks[0][1] + self._slack)
        self._best = max(self._best, min(guess, self.sent))
        return self._best

    @property
    def dry_at(self) -> float:
        """When the far end will have played all that was sent; never, while it pauses."""
        if self._held:
            return float("inf")
        return self._anchored_at + (self.sent - self._anchor) / self._rate

    @property
    def marks_pending(self) -> int:
        return len(self._marks)
