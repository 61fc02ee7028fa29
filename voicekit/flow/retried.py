"""Tries something again until it works, or until its `Backoff` allows no further attempt."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio

from voicekit.flow.backoff import SOON, Backoff, Waits

T = TypeVar("T")


class TryAgain(Exception):
    """Raised by an attempt that failed with `error`, to request a retry. `waits` and `asked` are passed to
    `Backoff.failed`.
    """

    def __init__(self, error: Exception, waits: Waits | None = SOON, *, asked: float = 0.0) -> None:
        super().__init__(str(error))
        self.error = error
        self.waits = waits
        self.asked = asked


async def retried(attempt: Callable[[], Awaitable[T]], backoff: Backoff) -> T:
    """Call `attempt` and return its result; after each TryAgain, call it again if `backoff` allows it.

    Raises the error of the last TryAgain when `backoff` gives up. Any other error in an attempt is raised immediately.
    """
    while True:
        try:
            return await attempt()
        except TryAgain as failed:
            again = backoff.failed(trio.current_time(), failed.waits, asked=failed.asked)
            if again is None:
                raise failed.error from failed.__cause__
        await trio.sleep_until(again)
