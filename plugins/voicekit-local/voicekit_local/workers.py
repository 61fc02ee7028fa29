"""The cores that engines work on: one slot for each core, given to the most urgent work.

The work is chosen only when a slot becomes free. So a recogniser that had to wait takes the newest audio: under load,
partial results come less often, but nothing accumulates. Work that is not urgent never takes the last slot, so that
urgent work seldom has to wait for a slot: a decode or a part of speech can't be interrupted.
"""

from __future__ import annotations

import math
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar, TypeVarTuple

import trio

Args = TypeVarTuple("Args")
R = TypeVar("R")

Urgent = Callable[[], int]
"""Returns how urgent the work is: 0 if it can wait, or a level from 1 on; the highest level goes first. Called each
time a slot becomes free, and by `Workers.look_again`, because work may become urgent while it waits.
"""


def cores() -> int:
    """The number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


HALF_S: Final = 10.0
"""Seconds after which the average has fallen by half if no urgent work is done."""

SHARE: Final = 0.25
"""The weight of the latest urgent work in the average."""

PRESSED_S: Final = 1.0
"""If urgent work takes more seconds than this, including its wait, new calls are refused: callers would notice. A
machine that keeps up needs a fifth of this.
"""


class Pressure:
    """How long urgent work has taken recently: an average in which the latest work counts most. Pure."""

    def __init__(self) -> None:
        self._level = 0.0
        self._at = 0.0

    def note(self, seconds: float, now: float) -> None:
        """Record that urgent work has ended, `seconds` after it was requested."""
        self._level = (1 - SHARE) * self.level(now) + SHARE * seconds
        self._at = now

    def level(self, now: float) -> float:
        """The average at the time `now`, in seconds."""
        return self._level * math.exp2((self._at - now) / HALF_S)

    def pressed(self, now: float) -> bool:
        return self.level(now) > PRESSED_S


class _Waiting:
    """One task that waits for a slot."""

    __slots__ = ("given", "level", "urgent", "woken")

    def __init__(self, urgent: Urgent) -> None:
        self.urgent = urgent
        self.given = False
        self.level = 0
        self.woken = trio.Event()


class Workers:
    """Runs up to `slots` pieces of work at the same time, in threads; of several slots, one is only for urgent work."""

    def __init__(self, slots: int | None = None) -> None:
        self.slots = slots or cores()
        self._free = self.slots
        self._patient = max(1, self.slots - 1)  # the number of slots that work may take now if it isn't urgent
        self._waiting: list[_Waiting] = []
        self._threads = trio.CapacityLimiter(self.slots)
        self.pressure = Pressure()

    @property
    def waiting(self) -> int:
        """How many tasks are waiting for a slot."""
        return len(self._waiting)

    @asynccontextmanager
    async def slot(self, urgent: Urgent) -> AsyncIterator[None]:
        """Wait for a slot, and hold it until the block ends. The most urgent work goes first; otherwise, tasks get
        slots in the order in which they asked."""
        asked_at = trio.current_time()
        level = await self._take(urgent)
        try:
            yield
            if level == 1:  # work of a higher level never waits long, which says nothing about the others
                now = trio.current_time()
                self.pressure.note(now - asked_at, now)
        finally:
            self._give(level)

    async def work(self, do: Callable[[*Args], R], *args: *Args) -> R:
        """Run `do` in a thread; the caller normally holds a slot. If cancelled, wait for the thread to end."""
        return await trio.to_thread.run_sync(do, *args, limiter=self._threads)

    async def _take(self, urgent: Urgent) -> int:
        """Wait for a slot, and return how urgent the work was when it got the slot."""
        level = urgent()
        if self._may_begin(level):
            await trio.lowlevel.checkpoint_if_cancelled()
            self._begin(level)
            await trio.lowlevel.cancel_shielded_checkpoint()
            return level
        waiting = _Waiting(urgent)
        self._waiting.append(waiting)
        taken = False
        try:
            await waiting.woken.wait()
            taken = True
        finally:
            if waiting.given and not taken:
                self._give(waiting.level)
            elif not waiting.given:
                self._waiting.remove(waiting)
        return waiting.level

    def _may_begin(self, level: int) -> bool:
        return self._free > 0 and (level > 0 or self._patient > 0)

    def _begin(self, level: int) -> None:
        self._free -= 1
        self._patient -= level == 0

    def _give(self, level: int) -> None:
        self._free += 1
        self._patient += level == 0
        self.look_again()

    def look_again(self) -> None:
        """Give free slots to those who wait, first to the most urgent work. To be called when waiting work may have
        become urgent, since the slot for urgent work may be free.
        """
        while self._waiting:
            level, chosen = max(((one.urgent(), one) for one in self._waiting), key=lambda pair: pair[0])
            if not self._may_begin(level):
                return
            chosen.level = level
            self._begin(level)
            self._waiting.remove(chosen)
            chosen.given = True
            chosen.woken.set()
