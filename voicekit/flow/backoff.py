"""When to try again after a failure, and when to give up. Pure: the time and a random number are arguments.

A service that works for a while and then fails is tried again soon. A service that fails every time is tried at growing
intervals, and abandoned after a certain number of attempts, or after a certain time without a sign of life.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from msgspec import Struct


class Waits(Struct, frozen=True):
    """The waits before retries, in seconds: `first` after one failure, then twice as long after each further failure,
    up to `longest`.

    With `at_once`, the first retry is immediate. After `most` failures in a row, there are no more retries.
    """

    first: float = 0.2
    longest: float = 5.0
    at_once: bool = False
    most: float = inf

    def after(self, failures: int, roll: float) -> float | None:
        """The wait after the `failures`-th failure in a row; None if there should be no further attempt.

        `roll` in [0, 1) chooses a wait between half of the full wait and all of it, so that many calls don't all retry
        at the same moment.
        """
        if failures > self.most:
            return None
        if failures <= 1 and self.at_once:
            return 0.0
        return min(self.first * 2.0 ** min(failures - 1, 30), self.longest) * (0.5 + roll / 2)


SOON = Waits()
"""For a caller who is waiting: the first new attempt comes soon, and no pause is longer than five seconds."""


class Backoff:
    """Decides when to retry something that fails, such as a connection, and when to give up on it.

    No further attempt is made after `attempts` failures in a row, or when `give_up_s` seconds have passed since the
    outage began. An outage begins with the first failure after a sign of life; the first outage begins at `since`, if
    that is given. After `steady_s` seconds of work, the next failure counts as the first again. `roll()` returns a
    random number in [0, 1).
    """

    def __init__(
        self,
        roll: Callable[[], float],
        *,
        attempts: float = inf,
        give_up_s: float = inf,
        steady_s: float = inf,
        since: float | None = None,
    ) -> None:
        self._roll = roll
        self._attempts = attempts
        self._give_up_s = give_up_s
        self._steady_s = steady_s
        self._down_since = since
        self._works_since: float | None = None
        self.failures = 0
        """The number of failures in a row."""

    @property
    def down(self) -> bool:
        """Whether there has been no sign of life since the last failure."""
        return self._down_since is not None

    def works(self, now: float) -> None:
        """Record a sign of life. Working time is counted from the first sign of life after a failure."""
        self._down_since = None
        if self._works_since is None:
            self._works_since = now

    def reset(self) -> None:
        """Record that the attempt was successful: the next failure counts as the first."""
        self.failures, self._down_since, self._works_since = 0, None, None

    def failed(self, now: float, waits: Waits | None = SOON, *, asked: float = 0.0) -> float | None:
        """Record a failure, and return when to try again; None means not at all. `waits` are the waits after this kind
        of failure, or None if the failure is permanent.

        `asked` is the number of seconds that the service wants us to wait; the wait is at least that long.
        """
        if self._works_since is not None and now - self._works_since >= self._steady_s:
            self.failures = 0
        self.failures += 1
        self._works_since = None
        if self._down_since is None:
            self._down_since = now
        wait = waits.after(self.failures, self._roll()) if waits and self.failures < self._attempts else None
        if wait is None:
            return None
        again = now + max(wait, asked)
        return again if again < self._down_since + self._give_up_s else None
