"""Passes items from an asyncio task to trio in order, with backpressure by credits.

The task may run 16 items ahead of trio; then `put` waits. trio acknowledges items eight at a time, or immediately if
the task is waiting. Only trio sees the events from both sides in a single order. Therefore trio determines whether the
task is waiting, which keeps virtual time correct.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Generic, TypeAlias, TypeVar

import trio

from voicekit.aio.job import FarTask

T = TypeVar("T")

CREDITS = 16
"""The maximum number of items in transit: enough to hide a crossing of 0.2 ms, few enough to stop a model that is not
being heard.
"""

Put: TypeAlias = Callable[[T], Coroutine[Any, Any, None]]


class Far(Generic[T]):
    """asyncio's end of the stream."""

    def __init__(self) -> None:
        self.job: FarTask[Any]
        self.near: Near[T]
        self._sent = 0
        self._acknowledged = 0
        self._waiters: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._closed = False

    async def put(self, item: T) -> None:
        """Hand `item` over to trio. Waits while 16 earlier items are still unhandled."""
        if self._closed or self.job.cancelled:
            raise asyncio.CancelledError
        self._sent += 1
        self.job.cross(self.near.take, item)
        wanted = self._sent - CREDITS
        if wanted > self._acknowledged:
            waiter = self.job.loop.create_future()
            self._waiters.append((wanted, waiter))
            self.job.cross(self.near.wait_at, wanted)
            await waiter

    def acknowledge(self, number: int) -> None:
        self._acknowledged = number
        while self._waiters and self._waiters[0][0] <= number:
            _, waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)

    def close(self) -> None:
        self._closed = True


class Near(Generic[T]):
    """trio's end of the stream: an async iterator. Asking for an item acknowledges the one before it."""

    def __init__(self, far: Far[T]) -> None:
        self.job: FarTask[Any]
        self._far = far
        self._items: deque[T] = deque()
        self._news = trio.lowlevel.ParkingLot()
        self._given = 0
        self._acknowledged = 0
        self._wanted: deque[int] = deque()

    def __aiter__(self) -> Near[T]:
        return self

    async def __anext__(self) -> T:
        self._acknowledge()
        await trio.lowlevel.checkpoint_if_cancelled()
        while not self._items:
            if self.job.done:
                await self.job.stop()  # raises whatever the task raised
                raise StopAsyncIteration
            await self._news.park()
        self._given += 1
        return self._items.popleft()

    def take(self, item: T) -> None:
        self._items.append(item)
        self._news.unpark_all()

    def wait_at(self, wanted: int) -> None:
        """Record that the task is waiting until item `wanted` has been handled."""
        if wanted > self._acknowledged:
            self._wanted.append(wanted)
            self.job.waits()
            if self._news:  # trio has handled all items so far, and wants the next one
                self._acknowledge()

    def over(self) -> None:
        self._news.unpark_all()

    def _acknowledge(self) -> None:
        reached = bool(self._wanted) and self._wanted[0] <= self._given
        if not reached and self._given - self._acknowledged < CREDITS // 2:
            return
        while self._wanted and self._wanted[0] <= self._given:
            self._wanted.popleft()
        self._acknowledged = self._given
        if reached:
            self.job.works()
        self.job.loop.call_soon_threadsafe(self._far.acknowledge, self._given)


@asynccontextmanager
async def open_stream(
    produce: Callable[[Put[T], FarTask[Any]], Coroutine[Any, Any, Any]], name: str
) -> AsyncIterator[Near[T]]:
    """Run `produce(put, job)` on the asyncio loop, and yield the stream of items that it passes to `put`.

    When the block ends, the task has ended or, after 0.5 s, has been abandoned. The task's error is raised after the
    last item, or at the end of the block.
    """
    far: Far[T] = Far()
    near = Near(far)

    async def main() -> Any:
        try:
            return await produce(far.put, job)
        finally:
            far.close()

    job: FarTask[Any] = FarTask(main, name, when_done=near.over)
    near.job = far.job = job
    far.near = near
    job.start()
    try:
        yield near
    finally:
        await job.stop()
