"""Reports broken promises; runs checks in virtual time, and makes sure that they leave no task behind."""

from __future__ import annotations

import gc
import inspect
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from math import inf
from typing import Any, Literal

import trio
from trio.testing import MockClock

from voicekit.audio.format import AudioFormat
from voicekit.errors import ConfigError
from voicekit.extend.parts import Role, misfit
from voicekit.flow.groups import alone, sole
from voicekit.flow.threads import inline

SETTLING = 1.0
"""Seconds for which a part's tasks may continue after the check: twice the half second that closing may take."""


def promise(kept: bool, part: object, sentence: str) -> None:
    """If the promise was not `kept`, raise AssertionError with the name of the part and `sentence`."""
    if not kept:
        raise AssertionError(f"{who(part)} {sentence}")


def who(part: object) -> str:
    name = getattr(part, "name", None)
    return type(part).__name__ if name is None else f"{type(part).__name__} {name!r}"


def check_members(role: Role | Literal["stage"], part: Any) -> None:
    """Check that the part has all members that its role requires, including a name if the role requires one."""
    why = misfit(role, part)
    promise(why is None, part, f"does not fit: {why}")
    if hasattr(part, "name"):
        promise(isinstance(part.name, str) and part.name != "", part, "must have a name: a str that is not empty")


def check_flag(part: Any, member: str) -> None:
    stated = getattr(part, member)
    promise(isinstance(stated, bool), part, f"must state `{member}` as True or False, not as {stated!r}")


def check_format(part: Any, member: str) -> AudioFormat:
    """Return the format that the part declares in its attribute `member`."""
    stated: object = getattr(part, member, None)
    if not isinstance(stated, AudioFormat):
        raise AssertionError(f"{who(part)} must declare `{member}` as an AudioFormat, not {stated!r}")
    return stated


def negotiated(part: Any, offered: AudioFormat, member: str) -> AudioFormat:
    """Offer a format to the part, and return the one that it chooses, which it must then declare in its attribute
    `member`."""
    with telling(part, f"when it was offered {offered}"):
        wanted = part.negotiate(offered)
    promise(isinstance(wanted, AudioFormat), part, f"negotiate({offered}) must return an AudioFormat, not {wanted!r}")
    stated = getattr(part, member, None)
    promise(stated == wanted, part, f"has negotiated {wanted}, but `{member}` is {stated}")
    return check_format(part, member)


@asynccontextmanager
async def bench(part: object) -> AsyncIterator[None]:
    """Require virtual time, unwrap error groups that hold only one error, and check that no task is left behind."""
    clock = trio.lowlevel.current_clock()
    if not isinstance(clock, MockClock) or clock.autojump_threshold == inf:
        raise ConfigError("contract checks run in virtual time: add pytest-trio's fixture autojump_clock to the test")
    before = _living_tasks()
    threads = inline.set(True)
    try:
        with alone():
            yield
    finally:
        inline.reset(threads)
    await trio.sleep(SETTLING)
    left = sorted(task.name for task in _living_tasks() - before)
    promise(not left, part, f"left tasks running: {', '.join(left)}")


def _living_tasks() -> set[trio.lowlevel.Task]:
    root = trio.lowlevel.current_root_task()
    waiting, living = [root] if root else [], set()
    while waiting:
        task = waiting.pop()
        living.add(task)
        waiting += [child for nursery in task.child_nurseries for child in nursery.child_tasks]
    return living


@contextmanager
def telling(part: object, when: str) -> Iterator[None]:
    """Turn every error that the part raises inside the block into a broken promise, with the error as its cause."""
    try:
        yield
    except Exception as error:  # every error is reported, as the cause of an AssertionError
        inner = sole(error)
        if isinstance(inner, AssertionError):
            raise inner from inner.__cause__
        raise AssertionError(f"{who(part)} raised {inner!r} {when}") from inner


def call_now(part: object, plain: Callable[[], object]) -> None:
    """Call `plain`, which must be a plain function (not async) and must not raise an error."""
    name = getattr(plain, "__name__", "it")
    with telling(part, f"when {name}() was called"):
        result = plain()
    if inspect.iscoroutine(result):
        result.close()
    promise(
        not inspect.isawaitable(result), part, f"must have a plain {name}() that acts immediately, not an async one"
    )


@contextmanager
def allocated() -> Iterator[Callable[[], int]]:
    """Yield a function that returns the number of allocated bytes, not counting memory that C libraries allocate."""
    ours = not tracemalloc.is_tracing()
    if ours:
        tracemalloc.start()

    def look() -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    try:
        yield look
    finally:
        if ours:
            tracemalloc.stop()
