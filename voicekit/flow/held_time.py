"""Virtual time stands still while work is done outside of trio's sight, such as in a thread.

trio's autojump clock knows the tasks of its own loop alone: it would jump while another loop still works. A test in
virtual time therefore sets `held_time`; whoever hands work to the outside calls `begin` and, in trio again, `end`.
Both are called in trio's thread and never wait. In real time nothing is set, and nothing is to be done.
"""

from __future__ import annotations

import math
from contextvars import ContextVar
from typing import Protocol


class JumpingClock(Protocol):
    """A clock that jumps once all tasks have been blocked for `autojump_threshold` seconds: trio's MockClock."""

    autojump_threshold: float


class HeldTime:
    """Holds `clock` for as long as at least one piece of work outside has begun and not ended."""

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
