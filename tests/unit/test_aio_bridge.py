"""asyncio code called from trio: results, errors, cancellation, backpressure, and what is left behind."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextvars import ContextVar

import pytest
import trio

from tests.counts import count
from voicekit import aio
from voicekit.aio.loop import the_thread
from voicekit.aio.stream import CREDITS
from voicekit.contracts import tell
from voicekit.errors import ConfigError, VoicekitError
from voicekit.events import SessionEvent, Trouble

who: ContextVar[str] = ContextVar("who", default="nobody")


async def tasks_there() -> int:
    """How many tasks the asyncio loop has beside the one that counts."""

    async def ask() -> int:
        return len(asyncio.all_tasks()) - 1

    return await aio.call(ask)


async def for_ever() -> None:
    await asyncio.Event().wait()


async def test_a_call_returns_what_the_function_returns() -> None:
    """`call` runs the function on the asyncio loop, in its thread, and returns its value."""

    async def add(a: int, b: int) -> tuple[int, str]:
        await asyncio.sleep(0)
        return a + b, threading.current_thread().name

    assert await aio.call(add, 2, 3) == (5, "voicekit asyncio")


async def test_an_exception_crosses_unchanged() -> None:
    """The very object that asyncio code raised is raised in trio; so is a KeyboardInterrupt, and the loop lives on."""
    error = LookupError("no such table")

    async def fail(error: BaseException) -> None:
        raise error

    with pytest.raises(LookupError) as caught:
        await aio.call(fail, error)
    assert caught.value is error
    with pytest.raises(KeyboardInterrupt):
        await aio.call(fail, KeyboardInterrupt())
    assert await tasks_there() == 0


async def test_context_variables_cross() -> None:
    """The task has a copy of trio's context."""

    async def look() -> str:
        seen = who.get()
        who.set("there")
        return seen

    who.set("here")
    assert await aio.call(look) == "here"
    assert who.get() == "here"


async def test_a_task_that_cancels_itself_is_an_error() -> None:
    """asyncio's CancelledError never reaches trio: it would be taken for an error of nobody's."""

    async def give_up() -> None:
        raise asyncio.CancelledError

    with pytest.raises(VoicekitError, match="give_up was cancelled by asyncio code"):
        await aio.call(give_up)


async def test_a_cancelled_call_cancels_its_task_and_waits_for_it() -> None:
    """Its clean-up is done before trio goes on."""
    begun, told = trio.Event(), []
    token = trio.lowlevel.current_trio_token()

    async def work() -> None:
        token.run_sync_soon(begun.set)
        try:
            await for_ever()
        finally:
            await asyncio.sleep(0)
            told.append("cleaned up")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(aio.call, work)
        await begun.wait()
        nursery.cancel_scope.cancel()
    assert told == ["cleaned up"]
    assert await tasks_there() == 0


async def test_a_task_that_ignores_its_cancellation_is_counted_and_named() -> None:
    """Trio waits for half a second, tells of it once, and the orphan is counted until it ends."""
    begun, events = trio.Event(), list[SessionEvent]()
    token, release = trio.lowlevel.current_trio_token(), threading.Event()

    async def stubborn() -> None:
        token.run_sync_soon(begun.set)
        while not release.is_set():
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                continue

    tell.set(events.append)
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(aio.call, stubborn)
        await begun.wait()
        nursery.cancel_scope.cancel()
    assert trio.current_time() - began >= 0.5
    (name,) = aio.orphans()
    assert name.endswith("stubborn")
    assert [str(event.error) for event in events if isinstance(event, Trouble)] == [
        f"{name} ignored its cancellation for 0.5 s and goes on by itself"
    ]
    release.set()
    while aio.orphans():  # noqa: ASYNC110
        await trio.sleep(0.001)  # it ends on another loop, by real time


async def test_too_many_orphans_stop_further_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process full of tasks that can't be stopped says so instead of collecting more."""
    monkeypatch.setattr("voicekit.aio.loop.MOST_ORPHANS", 1)
    the_thread.adopt("stubborn")
    try:
        with pytest.raises(VoicekitError, match=r"expected fewer than 1 asyncio tasks .* got 1: stubborn"):
            await aio.call(for_ever)
    finally:
        the_thread.bury("stubborn")


async def test_an_iterator_is_read_in_order_and_closed_on_its_own_loop() -> None:
    """Items come in order; a reader that leaves early has the generator closed in its thread before it goes on."""
    closed = []

    async def numbers() -> AsyncIterator[int]:
        try:
            for number in range(1_000_000):
                yield number
        finally:
            await asyncio.sleep(0)
            closed.append(threading.current_thread().name)

    read = []
    async with aio.iterate(numbers()) as items:
        async for item in items:
            read.append(item)
            if item == 99:
                break
    assert read == list(range(100))
    assert closed == ["voicekit asyncio"]


async def test_an_iterator_is_not_far_ahead_of_its_reader() -> None:
    """At most 16 items are on their way: what nobody reads is not made."""
    made = []

    async def numbers() -> AsyncIterator[int]:
        for number in range(1_000):
            made.append(number)
            yield number

    most = 0
    async with aio.iterate(numbers()) as items:
        async for item in items:
            await aio.call(asyncio.sleep, 0)  # meanwhile, the generator gets as far ahead as it can
            most = max(most, len(made) - item)
    assert len(made) == 1_000
    assert most <= CREDITS + 2


async def test_an_iterators_error_comes_behind_its_items() -> None:
    """What was made before the error is read first."""

    async def broken() -> AsyncIterator[int]:
        yield 1
        yield 2
        raise LookupError("gone")

    read = []

    async def read_all() -> None:
        async with aio.iterate(broken()) as items:
            async for item in items:
                read.append(item)

    with pytest.raises(LookupError, match="gone"):
        await read_all()
    assert read == [1, 2]


@pytest.mark.full_counts
async def test_a_thousand_cancels_in_mid_token_leave_nothing() -> None:
    """Readers that are cancelled at any of their steps leave no task on either side."""
    living = trio.lowlevel.current_statistics().tasks_living

    async def tokens() -> AsyncIterator[str]:
        while True:
            yield "token "
            await asyncio.sleep(0)

    async def read(cancel_at: int, scope: trio.CancelScope) -> None:
        async with aio.iterate(tokens()) as items:
            number = 0
            async for _ in items:
                number += 1
                if number == cancel_at:
                    scope.cancel()

    for number in range(count(1_000)):
        with trio.CancelScope() as scope:
            await read(number % 40 + 1, scope)
        assert scope.cancelled_caught
    assert trio.lowlevel.current_statistics().tasks_living == living
    assert await tasks_there() == 0
    assert aio.orphans() == {}


async def test_a_plain_function_is_refused_as_a_handler() -> None:
    """The mistake is found when the bot is made."""
    with pytest.raises(ConfigError, match="expected an asyncio function"):
        aio.handler(lambda turn: "no")  # type: ignore[arg-type, return-value]
