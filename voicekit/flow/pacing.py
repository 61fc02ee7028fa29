"""Loops on an absolute schedule: a late round is followed by a short one, so nothing drifts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Generic, TypeVar

import trio

T = TypeVar("T")


class periodic:
    """`async for n in periodic(0.02)`: round n, from 0, is due at `start + n * period`, at once when past."""

    def __init__(self, period: float, *, start: float | None = None) -> None:
        self._period = period
        self._start = start
        self._round = 0

    def __aiter__(self) -> periodic:
        return self

    async def __anext__(self) -> int:
        if self._start is None:
            self._start = trio.current_time()
        await trio.sleep_until(self._start + self._round * self._period)
        self._round += 1
        return self._round - 1


class on_schedule(Generic[T]):
    """`async for item in on_schedule(items, at)`: each item at `at(item)` seconds after the loop began."""

    def __init__(self, items: Iterable[T], at: Callable[[T], float]) -> None:
        self._items: Iterator[T] = iter(items)
        self._next: list[T] = []  # the item that is waited for: a cancelled wait does not lose it
        self._at = at
        self._start: float | None = None

    def __aiter__(self) -> on_schedule[T]:
        return self

    async def __anext__(self) -> T:
        if self._start is None:
            self._start = trio.current_time()
        if not self._next:
            self._next.extend(islice(self._items, 1))
        if not self._next:
            raise StopAsyncIteration
        await trio.sleep_until(self._start + self._at(self._next[0]))
        return self._next.pop()
