"""Whole calls with asyncio handlers, in virtual time: the same call every time, and cut like any other."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextvars import ContextVar
from typing import Any

import pytest
import trio

from tests.counts import count
from voicekit import aio
from voicekit.errors import VoicekitError
from voicekit.flow.held_time import held_time
from voicekit.testing import Script, hold_call

caller: ContextVar[str] = ContextVar("caller", default="unknown")

LONG = "One two three four five six seven eight nine ten. "


def conversation() -> Script:
    """A caller who asks, interrupts the long answer, and asks again."""
    script = Script()
    script.says("good morning", at=1.0, for_=1.0)
    script.says("stop that please", at=6.0, for_=1.0)
    script.says("goodbye", at=12.0, for_=0.6)
    return script


@aio.handler
async def wordy(turn: Any, say: Any) -> None:
    """Streams like a model: a token, a pause of real time, the next one."""
    for word in (LONG * (10 if turn.number == 1 else 1)).split(" "):
        await asyncio.sleep(0.0005)
        await say(f"{word} ")


@aio.handler
async def yielding(turn: Any) -> AsyncIterator[str]:
    for word in LONG.split(" "):
        await asyncio.sleep(0)
        yield f"{word} "


@aio.handler
async def returning(turn: Any) -> str:
    await asyncio.sleep(0)
    return f"You said {turn.text}."


@pytest.mark.slow
@pytest.mark.parametrize("handler", [wordy, yielding, returning], ids=["say", "yield", "return"])
def test_the_same_call_every_time(handler: Any) -> None:
    """Twenty calls with an asyncio handler have one timeline: virtual time stands still while asyncio works."""
    calls = [hold_call(handler, conversation()) for _ in range(20)]
    assert len({str(call.timeline) for call in calls}) == 1
    assert {call.tasks_left for call in calls} == {0}
    assert all(exchange.heard for exchange in calls[0].history)


def test_an_interruption_cancels_the_task_there() -> None:
    """The caller's words cut the reply: its task is cancelled at an await; the history has what was heard."""
    ends = []

    @aio.handler
    async def answer(turn: Any, say: Any) -> None:
        try:
            for word in (LONG * 20).split(" "):
                await say(f"{word} ")
            ends.append("whole")
        except asyncio.CancelledError:
            ends.append("cancelled")
            raise

    script = Script()
    script.says("good morning", at=1.0, for_=1.0)
    script.says("stop that please", at=6.0, for_=1.0)
    script.says("thanks", at=60.0, for_=1.0)
    call = hold_call(answer, script)
    assert ends[0] == "cancelled"
    first = call.history[0]
    assert first.cut
    assert 0 < len(first.heard) < len(first.said) < len(LONG) * 20


def test_a_turn_works_from_there() -> None:
    """committed, session.say, session.start_soon, the stash and end cross to trio."""
    seen: list[Any] = []

    async def later() -> None:
        seen.append(threading.current_thread().name)

    @aio.handler
    async def answer(turn: Any, say: Any) -> str:
        await turn.committed()
        assert turn.call is None
        turn.session.stash[list] = ["kept"]
        await turn.session.say("One thing more.")
        turn.session.start_soon(later)
        turn.end("Goodbye.")
        return "Certainly."

    script = Script()
    script.says("good morning", at=1.0, for_=1.0)
    script.says("nothing", at=30.0, for_=1.0)
    call = hold_call(answer, script)
    assert call.history[0].heard == "Certainly."
    assert call.history[len(call.history) - 1].heard == "Goodbye."
    assert seen == ["voicekit asyncio"]
    assert call.session.stash[list] == ["kept"]


def test_what_a_turn_starts_from_there_belongs_to_the_call() -> None:
    """Virtual time waits for an asyncio function that `session.start_soon` runs, and it has the call's ContextVars."""
    seen: list[Any] = []

    async def later() -> None:
        seen.append((caller.get(), held_time.get() is not None))
        await asyncio.sleep(0.2)  # longer than the rest of the call
        seen.append("end")

    @aio.handler
    async def answer(turn: Any, say: Any) -> str:
        turn.session.start_soon(later)
        turn.end("Goodbye.")
        return "Certainly."

    script = Script()
    script.says("good morning", at=1.0, for_=1.0)
    script.says("nothing", at=30.0, for_=1.0)
    caller.set("known")
    hold_call(answer, script)
    assert seen == [("known", True), "end"]


def test_an_error_there_is_the_handlers() -> None:
    """It is raised with its type in a strict call, and is an apology in any other."""

    @aio.handler
    async def broken(turn: Any, say: Any) -> None:
        await say("Let me see. ")
        raise LookupError("no such table")

    script = Script()
    script.says("good morning", at=1.0, for_=1.0)
    with pytest.raises(LookupError, match="no such table"):
        hold_call(broken, script)
    script.says("hello", at=20.0, for_=1.0)
    call = hold_call(broken, script, strict=False)
    assert call.ended is not None
    assert call.ended.error is None
    assert [exchange.reason for exchange in call.history][:2] == ["speech", "apology"]


def test_text_that_is_none_is_refused_there() -> None:
    """`say(5)` raises at once, in the handler's own thread."""

    @aio.handler
    async def wrong(turn: Any, say: Any) -> None:
        await say(5)

    script = Script()
    script.says("good morning", at=1.0, for_=1.0)
    with pytest.raises(TypeError, match=r"say\(\) takes text"):
        hold_call(wrong, script)


def test_asyncio_in_a_trio_handler_is_one_sentence() -> None:
    """The error names voicekit.aio, whichever way asyncio complains."""

    async def sleeps(turn: Any, say: Any) -> None:
        await asyncio.sleep(1)

    async def waits(turn: Any, say: Any) -> None:
        loop = asyncio.new_event_loop()
        try:
            await loop.create_future()
        finally:
            loop.close()

    script = Script()
    script.says("good morning", at=1.0, for_=1.0)
    for handler in (sleeps, waits):
        with pytest.raises(VoicekitError) as caught:
            hold_call(handler, script)
        assert "put @voicekit.aio.handler above it" in str(caught.value)
        assert len(str(caught.value).splitlines()) == 1


@pytest.mark.full_counts
def test_many_cuts_leave_nothing() -> None:
    """Calls that are cut again and again leave no task on the asyncio loop."""
    cuts, rounds = 0, count(30)
    for _ in range(rounds):
        script = Script()
        for number in range(11):
            script.says("stop that please", at=1.0 + 5.0 * number, for_=1.0)
        call = hold_call(lengthy, script)
        cuts += sum(exchange.cut for exchange in call.history)
        assert call.tasks_left == 0
    assert cuts >= 10 * rounds
    assert trio.run(tasks_there) == 0
    assert aio.orphans() == {}


@aio.handler
async def lengthy(turn: Any) -> AsyncIterator[str]:
    for _ in range(10):
        yield LONG
        await asyncio.sleep(0)


async def tasks_there() -> int:
    async def ask() -> int:
        return len(asyncio.all_tasks()) - 1

    return await aio.call(ask)


def test_a_handler_that_blocks_its_loop_delays_no_sound() -> None:
    """While an asyncio handler keeps its loop from everybody, trio's own clockwork makes a second's frames."""
    enough, ticks = threading.Event(), []

    async def block() -> bool:
        return enough.wait(60)  # blocks the whole asyncio loop

    async def tick() -> None:
        while len(ticks) < 50:
            ticks.append(trio.current_time())
            await trio.sleep(0.02)
        enough.set()

    async def main() -> bool:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tick)
            return await aio.call(block)

    assert trio.run(main)
    assert len(ticks) == 50
