"""Opens things in order and closes them in reverse order, each in its own task and within a time limit.

An `open()` is an async context manager that may contain a nursery. A time limit only around its exit would cross the
scopes that its entry opened. So each context manager lives in its own task, under one cancel scope. The scope limits
the time for opening and, later, for closing. In between, the scope shields the context manager, so that closing keeps
its order even if everything is cancelled.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

import trio

from voicekit.errors import Unavailable
from voicekit.flow.groups import alone

OPEN_TIMEOUT = 10.0
"""Seconds that each part may take to open. A service that has not answered by then is not fit for a call."""

CLOSE_TIMEOUT = 0.5
"""Seconds for closing all parts together. What has not closed by then is cancelled, so that every call ends."""


class Openable(Protocol):
    @property
    def name(self) -> str: ...
    def open(self) -> AbstractAsyncContextManager[Any]: ...


class _Keeper:
    """Keeps one part open until `close` is called."""

    def __init__(self, part: Openable, timeout: float) -> None:
        self._part = part
        self._timeout = timeout
        self._scope = trio.CancelScope()
        self._closing = trio.Event()
        self._closed = trio.Event()

    async def keep(self, task_status: trio.TaskStatus[Any]) -> None:
        ready = False
        try:
            with alone(stage=self._part.name), self._scope as scope:
                scope.deadline = trio.current_time() + self._timeout
                async with self._part.open() as opened:
                    if not scope.cancel_called:  # otherwise the part ignored the cancellation, and opened too late
                        scope.deadline = float("inf")
                        ready = True
                        task_status.started(opened)
                        await self._closing.wait()
            if not ready and scope.cancel_called:
                raise Unavailable(
                    f"{self._part.name!r} did not open within {self._timeout:g} s",
                    service=self._part.name,
                    retryable=True,
                )
        finally:
            self._closed.set()

    def hold(self) -> None:
        """Keep the part open until `close` is called, even if everything else is cancelled.

        This must be called by the code that receives the opened part, not by `keep`: if that code were cancelled just
        as the part opened, no task would be left to close it.
        """
        self._scope.shield = True

    async def close(self, deadline: float) -> None:
        """Close the part; if it is still closing at `deadline`, cancel it."""
        self._scope.deadline = deadline
        self._closing.set()
        with trio.CancelScope(shield=True, deadline=deadline):
            await self._closed.wait()


@asynccontextmanager
async def opened(*parts: Openable, timeout: float = OPEN_TIMEOUT) -> AsyncIterator[Sequence[Any]]:
    """Open `parts` one after the other and yield what they yielded; afterwards close them in reverse order.

    Raises what an `open` raises, or Unavailable if an `open` takes longer than `timeout` seconds; parts that are
    already open are then closed again. If a background task of a part fails, the body is cancelled and the error is
    raised here.
    """
    with alone():
        async with trio.open_nursery() as nursery:
            keepers: list[_Keeper] = []
            values = []
            try:
                for part in parts:
                    keeper = _Keeper(part, timeout)
                    values.append(await nursery.start(keeper.keep))
                    keeper.hold()
                    keepers.append(keeper)
                yield values
            finally:
                deadline = trio.current_time() + CLOSE_TIMEOUT
                for keeper in reversed(keepers):
                    await keeper.close(deadline)
