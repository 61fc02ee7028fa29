"""A turn, its call and `say` for an asyncio handler. Methods that wait or act do so in trio; everything else is
unchanged.

Values (text, history, stash) are read directly: they change only between turns, or belong to the handler.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any

import trio

from voicekit.aio.job import FarTask
from voicekit.contracts import CallEnds, Sink, Source, Stash
from voicekit.reply.handler import CallView, Turn


class TrioDesk:
    """Runs functions in trio, in the handler's own `nursery`, while asyncio code waits for them."""

    def __init__(self, nursery: trio.Nursery, job: FarTask[Any]) -> None:
        self._nursery = nursery
        self._job = job

    async def ask(self, function: Callable[..., Awaitable[Any]], *arguments: object) -> Any:
        """Await `function(*arguments)` in trio; return its result or raise its error. Cancelling `ask` doesn't cancel
        the function.
        """
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._job.cross(self._begin, answer, function, arguments)
        return await answer

    def order(self, function: Callable[..., object], *arguments: object) -> None:
        """Make trio call `function(*arguments)` soon."""
        self._job.cross(function, *arguments)

    def _begin(self, answer: asyncio.Future[Any], function: Callable[..., Any], arguments: tuple[object, ...]) -> None:
        self._job.waits()
        self._nursery.start_soon(self._answer, answer, function, arguments)

    async def _answer(
        self, answer: asyncio.Future[Any], function: Callable[..., Awaitable[Any]], arguments: tuple[object, ...]
    ) -> None:
        try:
            done = partial(_resolve, answer, await function(*arguments), None)
        except Exception as error:  # the error is raised again in the task that called `ask`
            done = partial(_resolve, answer, None, error)
        if not self._job.done:
            self._job.works()
        self._job.loop.call_soon_threadsafe(done)


def _resolve(answer: asyncio.Future[Any], value: object, error: Exception | None) -> None:
    if answer.done():
        return
    if error is None:
        answer.set_result(value)
    else:
        answer.set_exception(error)


class _Commitment:
    """A turn's commitment, with a `wait` for asyncio code."""

    def __init__(self, desk: TrioDesk, turn: Turn) -> None:
        self._ask = partial(desk.ask, turn.committed)
        self._here = turn.commitment

    def is_set(self) -> bool:
        return self._here is None or self._here.is_set()

    async def wait(self) -> None:
        await self._ask()


class _CrossedEnds:
    """The connection to the caller. Its actions take place in trio."""

    def __init__(self, desk: TrioDesk, ends: CallEnds) -> None:
        self._desk = desk
        self._ends = ends

    @property
    def source(self) -> Source:
        return self._ends.source

    @property
    def sink(self) -> Sink:
        return self._ends.sink

    def hang_up(self, why: str = "") -> None:
        self._desk.order(self._ends.hang_up, why)

    @property
    def can(self) -> frozenset[str]:
        return self._ends.can

    async def transfer(self, to: str) -> None:
        await self._desk.ask(partial(self._ends.transfer, to))

    async def send_digits(self, digits: str) -> None:
        await self._desk.ask(partial(self._ends.send_digits, digits))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ends, name)


class _CrossedCall:
    """`CallView`: `say` waits for trio, `start_soon` runs an asyncio function beside the call."""

    def __init__(self, desk: TrioDesk, call: CallView) -> None:
        self._desk = desk
        self._call = call

    @property
    def call(self) -> CallEnds | None:
        ends = self._call.call
        return None if ends is None else _CrossedEnds(self._desk, ends)

    @property
    def stash(self) -> Stash:
        return self._call.stash

    async def say(self, text: str, *, interruptible: bool = True) -> None:
        await self._desk.ask(partial(self._call.say, text, interruptible=interruptible))

    def start_soon(self, task: Callable[..., Awaitable[object]], *args: object) -> None:
        from voicekit.aio.handling import call as call_there

        self._desk.order(self._call.start_soon, call_there, task, *args)


def crossed(turn: Turn, desk: TrioDesk) -> Turn:
    """A version of `turn` for a handler that runs on the asyncio loop."""
    return replace(
        turn,
        session=_CrossedCall(desk, turn.session),
        end_call=partial(desk.order, turn.end_call),
        commitment=_Commitment(desk, turn),
    )
