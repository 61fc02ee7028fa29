"""Checks what every `open()` promises: it can be called again, lets errors propagate, and can be cancelled at any
await."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any, TypeAlias

import trio

from voicekit.flow.groups import alone, sole
from voicekit.testing.contracts.promise import promise, telling

CLEANUP = 0.5
"""The maximum number of seconds for which a cancelled part may shield its cleanup."""

POINTS = 20
"""At how many awaits a part is cancelled; they are spread over all awaits from opening to closing."""

Exercise: TypeAlias = Callable[[Any], Awaitable[None]]
"""A function that makes full use of the object that an `open()` has yielded."""

Equip: TypeAlias = Callable[[Any], AbstractAsyncContextManager[Exercise]]
"""A function that puts a part into an environment in which it can be used once."""


class _Steps(trio.abc.Instrument):
    """Counts the awaits of the task that enters this context, and of that task's children; calls `then` after await
    number `at`."""

    def __init__(self, at: int, then: Callable[[], object]) -> None:
        self.count = 0
        self.reached: float | None = None  # the time at which `then` was called
        self.error: Exception | None = None
        self._at = at
        self._then = then
        self._tasks: set[trio.lowlevel.Task] = set()

    def __enter__(self) -> _Steps:
        self._tasks.add(trio.lowlevel.current_task())
        trio.lowlevel.add_instrument(self)
        return self

    def __exit__(self, *error: object) -> None:
        trio.lowlevel.remove_instrument(self)

    def task_spawned(self, task: trio.lowlevel.Task) -> None:
        nursery = task.parent_nursery
        if nursery is not None and nursery.parent_task in self._tasks:
            self._tasks.add(task)

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        if task not in self._tasks:
            return
        self.count += 1
        if self.count == self._at:
            self.reached = trio.current_time()
            try:
                self._then()
            except Exception as error:  # trio would only log an error here, so it is raised later
                self.error = error


def _nothing() -> None:
    """Do nothing."""


async def check_opening(make: Callable[[], Any], equip: Equip, *, once: bool = False) -> None:
    """Check that the parts from `make` keep all promises of `open()`; `equip` is called for each use of a part. If
    `once` is true, a part need not open a second time."""
    await _opens(make(), equip, ["only"] if once else ["first", "second"])
    await _lets_errors_pass(make())
    await _can_be_cancelled(make, equip)


@asynccontextmanager
async def open_part(part: Any) -> AsyncIterator[Any]:
    """Open `part`; an error raised while it is opened or closed counts as a broken promise."""
    with telling(part, "while it was opened or closed"):
        async with part.open() as opened:
            yield opened


async def awaits_of(work: Callable[[], Awaitable[None]]) -> int:
    with _Steps(0, _nothing) as steps:
        await work()
    return steps.count


def spread(awaits: int) -> list[int]:
    """At most POINTS numbers, spread evenly from 1 to `awaits`."""
    if awaits <= POINTS:
        return list(range(1, awaits + 1))
    return [1 + round(place * (awaits - 1) / (POINTS - 1)) for place in range(POINTS)]


async def cancelled_at(
    part: Any, place: int, work: Callable[[], Awaitable[None]], first: Callable[[], object] = _nothing
) -> bool:
    """At the `place`-th await of `work`, call `first` and then cancel `work`. Returns False if `work` ended before
    that."""
    scope = trio.CancelScope()

    def cancel() -> None:
        first()
        scope.cancel()

    steps = _Steps(place, cancel)
    with alone(f"cancelled at await number {place}"):
        with telling(part, "when it was cancelled"), scope, steps:
            await work()
        if steps.error is not None:
            raise steps.error
        took = 0.0 if steps.reached is None else trio.current_time() - steps.reached
        promise(took <= CLEANUP, part, f"took {took:g} s to clean up after a cancellation; {CLEANUP:g} s are allowed")
    return scope.cancelled_caught


async def _whole(part: Any, use: Exercise) -> None:
    async with open_part(part) as opened:
        await use(opened)


async def _opens(part: Any, equip: Equip, counts: Sequence[str]) -> None:
    for count in counts:
        with alone(f"opened for the {count} time"):
            async with equip(part) as use:
                await _whole(part, use)


async def _lets_errors_pass(part: Any) -> None:
    ours = LookupError("raised inside `async with`")
    passed: BaseException | None = None
    try:
        async with part.open():
            raise ours
    except Exception as error:  # the error is checked below
        passed = sole(error)
    made = "swallows it" if passed is None else f"turns it into {passed!r}"
    promise(passed is ours, part, f"must not stop an error that is raised while it is open, but {made}")


async def _can_be_cancelled(make: Callable[[], Any], equip: Equip) -> None:
    part = make()
    async with equip(part) as use:
        awaits = await awaits_of(partial(_whole, part, use))
    for place in spread(awaits):
        part = make()
        async with equip(part) as use:
            await cancelled_at(part, place, partial(_whole, part, use))
