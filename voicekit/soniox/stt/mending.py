"""When to try again after a failure, and when that is no use any more. Pure.

A service that answers for a while and fails again is tried soon; one that fails each time is tried ever later.
"""

from __future__ import annotations

from collections.abc import Callable

from voicekit.soniox.api.errors import Failed, Retry, delay

GIVE_UP_S = 120.0
"""Seconds without a word from the service after which the call fails: by then the caller has hung up, or should."""

STEADY_S = 5.0
"""A connection that has been answered on for so long has worked: when it fails, the back-off begins anew."""


class SttRecovery:
    """The failures of one stream's connections. `new_keys` says whether each connection has a key of its own."""

    def __init__(self, *, new_keys: bool, roll: Callable[[], float]) -> None:
        self._new_keys = new_keys
        self._roll = roll
        self._failures = 0
        self._answers_since: float | None = None
        self._down_since: float | None = None

    @property
    def down(self) -> bool:
        """Whether there has been no answer since the last failure."""
        return self._down_since is not None

    def answered(self, now: float) -> None:
        """The service answers."""
        self._down_since = None
        if self._answers_since is None:
            self._answers_since = now

    def failed(self, failure: Failed, now: float) -> float:
        """When to try again; raises the failure's error when that is no use."""
        steady = self._answers_since is not None and now - self._answers_since >= STEADY_S
        self._failures = 1 if steady else self._failures + 1
        self._answers_since = None
        if self._down_since is None:
            self._down_since = now
        wait = delay(failure.retry, self._failures, self._roll())
        if wait is None or (failure.retry is Retry.NEW_KEY and not self._new_keys):
            raise failure.error
        if now + wait >= self._down_since + GIVE_UP_S:
            raise failure.error
        return now + wait
