"""The cores that engines work on: as many slots as there are cores, given to whoever is most urgent.

Whoever has a slot asks for his work only then: a recogniser that waited looks at the newest sound, so when there is
too much to do, partial results come less often, and nothing piles up.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar, TypeVarTuple

import trio

Args = TypeVarTuple("Args")
R = TypeVar("R")

Urgent = Callable[[], bool]
"""Asked each time a slot becomes free: what was not urgent may have become so while it waited."""


def cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Waiting:
    """Somebody who waits for a slot."""

    __slots__ = ("given", "urgent", "woken")

    def __init__(self, urgent: Urgent) -> None:
        self.urgent = urgent
        self.given = False
        self.woken = trio.Event()


class Workers:
    """`slots` pieces of work at a time, in threads."""

    def __init__(self, slots: int | None = None) -> None:
        self.slots = slots or cores()
        self._free = self.slots
        self._waiting: list[_Waiting] = []
        self._threads = trio.CapacityLimiter(self.slots)

    @property
    def waiting(self) -> int:
        """How many wait for a slot."""
        return len(self._waiting)

    @asynccontextmanager
    async def slot(self, urgent: Urgent) -> AsyncIterator[None]:
        """Wait for a slot and hold it: the urgent first, and among equals whoever came first."""
        await self._take(urgent)
        try:
            yield
        finally:
            self._give()

    async def work(self, do: Callable[[*Args], R], *args: *Args) -> R:
        """Do it in a thread; only in a slot. It can't be stopped in the middle: a cancelled one is waited for."""
        return await trio.to_thread.run_sync(do, *args, limiter=self._threads)

    async def _take(self, urgent: Urgent) -> None:
        if self._free:
            await trio.lowlevel.checkpoint_if_cancelled()
            self._free -= 1
            await trio.lowlevel.cancel_shielded_checkpoint()
            return
        waiting = _Waiting(urgent)
        self._waiting.append(waiting)
        taken = False
        try:
            await waiting.woken.wait()
            taken = True
        finally:
            if waiting.given and not taken:
                self._give()
            elif not waiting.given:
                self._waiting.remove(waiting)

    def _give(self) -> None:
        if not self._waiting:
            self._free += 1
            return
        chosen = next((one for one in self._waiting if one.urgent()), self._waiting[0])
        self._waiting.remove(chosen)
        chosen.given = True
        chosen.woken.set()
