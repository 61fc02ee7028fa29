"""Makes virtual time stand still while work is being done where trio can't see it, such as in a thread.

trio's autojump clock knows only the tasks of its own loop: it would jump while another loop is still working. So a test
in virtual time sets `held_time`. Code that hands work to something outside trio calls `begin` before the work and `end`
after it, both in trio's thread; neither waits. In real time `held_time` is not set, and there is nothing to do.
"""

from __future__ import annotations

import math
from contextvars import ContextVar
from typing import Protocol


class JumpingClock(Protocol):
    """A clock that jumps when all tasks have been blocked for `autojump_threshold` seconds: trio's MockClock."""

    autojump_threshold: float


class HeldTime:
    """Makes `clock` stand still while at least one piece of outside work is in progress."""

    def __init__(self, clock: JumpingClock) -> None:
        self._clock = clock
        self._threshold = clock.autojump_threshold
        self._working = 0

    def begin(self) -> None:
        self._working += 1
        self._clock.autojump_threshold = math.inf

    def end(self) -> None:
        self._working -= 1
        if not self._working:
            self._clock.autojump_threshold = self._threshold


held_time: ContextVar[HeldTime | None] = ContextVar("voicekit.held_time", default=None)
