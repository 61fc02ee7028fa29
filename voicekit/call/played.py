"""How much of the audio that was sent has been heard: estimated from the clock, and corrected by marks (pure; the time
is passed as `now`).

The far end plays by its own clock, one network delay late. So the estimate grows steadily from the last known point.
Each mark that comes back gives a new known point:

    sent       0     1600    3200    4800         samples, `sent()` at each message
    mark               "1"             "2"        names of the marks sent after them
    now        0.0                    0.31        mark "1" comes back: 1600 were played by 0.31 - half a round trip
    heard                              1600       never more than the next mark that has not come back, plus `slack`

A mark that is more than `slack` + LOST_S late counts as lost: it is forgotten, and only the clock counts. So the
estimate stands still for at most LOST_S, which is shorter than a word, even if a wire loses all of its marks.

The estimate is a lower bound, because repeating a few words after a hold is better than counting words as heard that
the caller did not hear. The estimate never decreases, and never exceeds what was sent.
"""

from __future__ import annotations

from collections import deque

LOST_S = 0.25
"""Seconds beyond `slack` after which a mark counts as lost; most words are longer."""


class PlayedEstimate:
    """The estimate for one generation of audio, which lasts from the first sample sent after a clear to the next
    clear.
    """

    __slots__ = (
        "_anchor", "_anchored_at", "_best", "_delay", "_held", "_lost", "_marks", "_rate", "_slack", "_started", "sent",
    )  # fmt: skip

    def __init__(self, rate: int, *, delay: float = 0.0, slack: float = 0.25) -> None:
        """Audio is heard `delay` seconds after it is sent, plus the delay that returning marks reveal. A mark may be up
        to `slack` seconds late.
        """
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
        """Record that `samples` samples were sent at `now`.

        If the far end may have played everything sent earlier, it may begin to play these samples only `delay` seconds
        later, so the estimate does not reach them before that.
        """
        self.heard(now)  # what has been heard by now stays heard
        earliest = now + self._delay - (self.sent - self._anchor) / self._rate
        self._anchored_at, self._started = max(self._anchored_at, earliest), True
        self.sent += samples

    def mark(self, name: str) -> None:
        """Record that a mark was sent after everything sent so far."""
        self._marks.append((name, self.sent))

    def passed(self, name: str, now: float) -> bool:
        """Record that the mark `name` came back. Returns False if it has come back before, or belongs to another
        generation.
        """
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
        """Record the far end's report that `samples` samples were played. The estimate continues from there; an
        estimate that was ahead stands still until the far end has caught up.
        """
        if self._started and samples <= self.sent:
            self._anchor, self._anchored_at = samples, now + self._delay
            self._best = max(self._best, samples)
            while self._marks and self._marks[0][1] <= samples:
                self._marks.popleft()

    def hold(self, now: float) -> None:
        """Record that the far end pauses from `now` on."""
        if self._started and not self._held:
            self._anchor, self._anchored_at = self.heard(now), now
        self._held = True

    def release(self, now: float) -> None:
        """Record that the far end resumes playing at `now`."""
        self._held, self._anchored_at = False, now + self._delay

    def heard(self, now: float) -> int:
        """The estimate: at least this many samples have been heard by `now`."""
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
        """The time at which the far end will have played everything that was sent; infinity during a pause."""
        if self._held:
            return float("inf")
        return self._anchored_at + (self.sent - self._anchor) / self._rate

    @property
    def marks_pending(self) -> int:
        return len(self._marks)
