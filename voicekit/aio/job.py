"""One asyncio task as trio sees it: started from trio, awaited in trio, and cancelled when trio's side is cancelled.

    trio                              asyncio
    FarTask(main) ──call_soon_threadsafe──▶ task made, with a copy of trio's context
    result() ◀──────run_sync_soon────── done: what it returned or raised
    cancelled ──call_soon_threadsafe──▶ task.cancel(); trio waits 0.5 s for the end, shielded, then abandons the task

An abandoned task is an orphan: it is counted, named, and reported once as a Trouble. Its results are dropped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import Any, Generic, TypeVar, cast

import trio

from voicekit.aio.loop import the_thread
from voicekit.contracts import tell
from voicekit.errors import VoicekitError
from voicekit.events import SessionEvent, Trouble
from voicekit.flow.held_time import held_time

T = TypeVar("T")

CANCEL_S = 0.5
"""Seconds that a cancelled task has for its clean-up; more would keep a call from ending."""


class FarTask(Generic[T]):
    """Runs `main()` on the asyncio loop. Create and start a FarTask in trio; at the end, call `stop` or `result`.

    Raises VoicekitError if too many tasks that ignored their cancellation are still running.
    """

    def __init__(
        self, main: Callable[[], Coroutine[Any, Any, T]], name: str, *, when_done: Callable[[], object] | None = None
    ) -> None:
        the_thread.check_orphans()
        self.name = name
        self.loop = the_thread.loop()
        self._main = main
        self._when_done = when_done
        self._token = trio.lowlevel.current_trio_token()
        self._context = copy_context()
        self._done = trio.Event()
        self._tell = tell.get()
        self._time = held_time.get()
        self._working = False
        self._task: asyncio.Task[tuple[T | None, BaseException | None]] | None = None
        self._cancelled = self._abandoned = False
        self._value: T | None = None
        self._error: BaseException | None = None

    def start(self) -> None:
        self.works()
        context = copy_context()
        context.run(tell.set, self._tell_from_there)
        self.loop.call_soon_threadsafe(self._begin, context=context)

    # trio's side

    @property
    def done(self) -> bool:
        return self._done.is_set()

    @property
    def cancelled(self) -> bool:
        """Whether trio has cancelled the task. This becomes true before the task itself sees the cancellation."""
        return self._cancelled

    def works(self) -> None:
        """Record that the task is working, so that virtual time stands still."""
        if self._time is not None and not self._working:
            self._working = True
            self._time.begin()

    def waits(self) -> None:
        """Record that the task is waiting for trio or has ended, so that virtual time may continue."""
        if self._time is not None and self._working:
            self._working = False
            self._time.end()

    async def result(self) -> T:
        """Wait for the task's result, and return it. Raises the task's error. Cancelling `result` also stops the task,
        as `stop` does.
        """
        try:
            await self._done.wait()
        finally:
            await self.stop()
        return cast("T", self._value)

    async def stop(self) -> None:
        """Cancel the task unless it has ended, wait at most 0.5 s for it to end, and raise its error."""
        if not self.done:
            self.works()
            self.loop.call_soon_threadsafe(self._cancel)
            with trio.move_on_after(CANCEL_S, shield=True):
                await self._done.wait()
        if not self.done:
            self._give_up()
        elif self._error is not None:
            error, self._error = self._error, None
            try:
                raise error
            finally:
                del error

    def _give_up(self) -> None:
        self._abandoned = True
        self.waits()
        the_thread.adopt(self.name)
        what = f"{self.name} ignored its cancellation for {CANCEL_S:g} s and goes on by itself"
        self._tell(Trouble("voicekit.aio", VoicekitError(what)))

    def _finish(self, value: T | None, error: BaseException | None) -> None:
        self._value, self._error = value, error
        self._done.set()
        self.waits()
        if self._when_done is not None:
            self._when_done()
        if self._abandoned:
            the_thread.bury(self.name)

    # asyncio's side

    def cross(self, function: Callable[..., object], *arguments: object) -> None:
        """Make trio call `function(*arguments)` soon, with the ContextVars of the trio task that created this job.

        Tasks that the function starts therefore know which call they belong to, and whether time is virtual. After
        trio's run has ended, this has no effect.
        """
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(partial(self._context.run, function, *arguments))

    def _begin(self) -> None:
        if self._cancelled:
            self.cross(self._finish, None, None)
        else:
            self._task = self.loop.create_task(self._run(), name=f"voicekit: {self.name}")
            self._task.add_done_callback(self._over)

    def _cancel(self) -> None:
        self._cancelled = True
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> tuple[T | None, BaseException | None]:
        try:
            return await self._main(), None
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # the error is raised again in trio; here it would end asyncio's loop
            return None, error

    def _over(self, task: asyncio.Task[tuple[T | None, BaseException | None]]) -> None:
        """Pass the outcome to trio. This is a callback, because a task cancelled before its first step runs no code of
        its own.
        """
        value: T | None = None
        error: BaseException | None = None
        if not task.cancelled():
            value, error = task.result()
        elif not self._cancelled:
            error = VoicekitError(f"voicekit.aio: {self.name} was cancelled by asyncio code, not by its call")
        self.cross(self._finish, value, error)

    def _tell_from_there(self, event: SessionEvent) -> None:
        self.cross(self._tell, event)
