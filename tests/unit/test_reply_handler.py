"""Handlers: the turn they are given, what may be one, and the stage that runs them."""

from __future__ import annotations

import functools
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import trio

from voicekit.contracts import Exchange, Reply, ReplyScope, Text, this_reply
from voicekit.errors import ConfigError
from voicekit.flow import open_link
from voicekit.reply import Answer, HandlerStage, Say, Turn, as_handler
from voicekit.reply.text import joined


async def answer_to(turn: Turn, answer: Answer) -> str:
    """What `answer`, run as the first stage of a reply, says to `turn`."""
    handler = as_handler(answer)
    question, inbox = open_link(1, weigh=lambda turn: 1)
    outbox, inlet = open_link(10_000)
    with inbox, inlet:
        with outbox, question:
            question.offer(turn)
            async with HandlerStage(lambda turn: handler).open() as run:
                await run(inbox, outbox)
        return joined([text async for text in inlet]).text


# The shapes a handler may have.


async def saying(turn: Turn, say: Say) -> None:
    await say(f"You said {turn.text}")


def returning(turn: Turn) -> str:
    return f"You said {turn.text}"


async def returning_later(turn: Turn) -> str:
    await trio.lowlevel.checkpoint()
    return f"You said {turn.text}"


def yielding(turn: Turn) -> Iterator[str]:
    yield "You said "
    yield turn.text


async def yielding_later(turn: Turn) -> AsyncIterator[str]:
    yield "You said "
    await trio.lowlevel.checkpoint()
    yield turn.text


class Bot:
    """A handler with a memory."""

    async def __call__(self, turn: Turn, say: Say) -> None:
        await saying(turn, say)

    async def method(self, turn: Turn, say: Say) -> None:
        await saying(turn, say)

    @staticmethod
    async def without_self(turn: Turn, say: Say) -> None:
        await saying(turn, say)


class YieldingBot:
    async def __call__(self, turn: Turn) -> AsyncIterator[str]:
        yield "You said "
        yield turn.text


class ReturningBot:
    def __call__(self, turn: Turn) -> str:
        return returning(turn)


async def with_settings(style: str, turn: Turn, say: Say) -> None:
    await say(f"{style} {turn.text}")


async def with_a_default(turn: Turn, words: str = "You said") -> str:
    return f"{words} {turn.text}"


async def with_a_say_to_spare(turn: Turn, say: Say | None = None) -> None:
    assert say is not None
    await saying(turn, say)


def decorated(handler: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    async def wrapper(*args: Any) -> None:
        await handler(*args)

    return wrapper


@pytest.mark.parametrize(
    "answer",
    [
        "You said hi",
        saying,
        returning,
        returning_later,
        yielding,
        yielding_later,
        Bot(),
        Bot().method,
        Bot.without_self,
        YieldingBot(),
        ReturningBot(),
        functools.partial(with_settings, "You said"),
        functools.partial(with_a_default, words="You said"),
        with_a_default,
        with_a_say_to_spare,
        decorated(saying),
        functools.wraps(saying)(decorated(saying)),
        lambda turn: f"You said {turn.text}",
        lambda turn: returning_later(turn),
    ],
)
async def test_whatever_answers_a_turn_can_be_a_handler(answer: Answer) -> None:
    """A text, functions, generators, methods and callable objects, async or not, all say the same."""
    assert await answer_to(Turn(1, "hi"), answer) == "You said hi"


@pytest.mark.parametrize("answer", ["", lambda turn: None, lambda turn: ""])
async def test_an_answer_may_be_silence(answer: Answer) -> None:
    """Nothing is said for an empty text or None."""
    assert await answer_to(Turn(1, "hi"), answer) == ""


def without_await(turn: Turn, say: Say) -> None: ...


def taking_nothing() -> str:
    return "hi"


def taking_three(turn: Turn, say: Say, more: int) -> None: ...


def by_keyword(*, turn: Turn) -> None: ...


class Opaque:
    """Like many functions written in C, it does not tell its arguments."""

    def __call__(self, turn: Turn) -> None: ...

    @property
    def __signature__(self) -> None:
        raise ValueError("no signature")


async def yielding_and_saying(turn: Turn, say: Say) -> AsyncIterator[str]:
    yield "hi"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (None, "expected a handler, got None of type NoneType"),
        (42, "expected a handler, got 42 of type int"),
        (b"text", "got b'text' of type bytes"),
        (["text"], "got ['text'] of type list"),
        (Bot, "of type type; give an instance: Bot()"),
        (without_await, "without_await(turn, say) must be `async def` and must not yield"),
        (yielding_and_saying, "yielding_and_saying(turn, say) must be `async def` and must not yield"),
        (taking_nothing, "expected the parameters (turn, say) or (turn); if it returns the bot, call it make_bot"),
        (taking_three, "expected the parameters (turn, say) or (turn)"),
        (by_keyword, "expected the parameters (turn, say) or (turn)"),
        (Opaque(), "can't find out which arguments Opaque takes"),
    ],
)
def test_what_can_be_no_handler_is_refused_when_it_is_set_up(wrong: Any, message: str) -> None:
    """A ConfigError says what came, why it will not do, and which shapes will."""
    with pytest.raises(ConfigError, match=re.escape(message)) as raised:
        as_handler(wrong)
    assert "async def handler(turn, say)" in str(raised.value)


@pytest.mark.parametrize("wrong", [5, b"bytes", ["text"]])
async def test_a_function_that_returns_no_text_is_named(wrong: Any) -> None:
    """A TypeError says which function returned what."""

    def odd(turn: Turn) -> Any:
        return wrong

    with pytest.raises(TypeError, match=r"odd returned .* expected text \(str\) or None"):
        await answer_to(Turn(1, "hi"), odd)


async def test_a_generator_that_yields_no_text_is_an_error() -> None:
    """What is yielded is said, so it must be text."""

    async def odd(turn: Turn) -> AsyncIterator[Any]:
        yield 5

    with pytest.raises(TypeError, match=r"say\(\) takes text \(str\), got int"):
        await answer_to(Turn(1, "hi"), odd)


@pytest.mark.parametrize("later", [False, True])
async def test_an_interruption_ends_a_generator_where_it_stands(later: bool) -> None:
    """Cancelled while its words wait for room, a generator is closed at its `yield`, within the reply."""
    ended: list[str] = []

    def endless(turn: Turn) -> Iterator[str]:
        try:
            while True:
                yield "word " * 20
        finally:
            ended.append("closed")

    async def endless_later(turn: Turn) -> AsyncIterator[str]:
        async with trio.open_nursery():  # yielding here is safe only because this runs in its own task
            try:
                while True:
                    yield "word " * 20
            finally:
                ended.append("closed")

    outbox, inlet = open_link(400)
    with outbox, inlet, trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(
                as_handler(endless_later if later else endless), Turn(1, "hi"), Say(outbox, Reply(1, "", ""))
            )
            await trio.testing.wait_all_tasks_blocked()
            assert not ended
            scope.cancel()
    assert ended == ["closed"]


# The stage.


async def test_the_stage_says_into_the_reply_that_the_task_belongs_to() -> None:
    """What is said is added to `this_reply`."""
    reply = Reply(7, "hi", "speech")
    token = this_reply.set(ReplyScope(reply, lease=None, commitment=None))
    try:
        assert await answer_to(Turn(7, "hi"), saying) == reply.said == "You said hi"
    finally:
        this_reply.reset(token)


async def test_the_stage_asks_for_each_turn_who_answers() -> None:
    """`answer` is called with the turn, once per run."""
    asked: list[int] = []

    def answer(turn: Turn) -> Any:
        asked.append(turn.number)
        return as_handler(f"number {turn.number}")

    stage = HandlerStage(answer)
    assert stage.name == "handler"
    for number in (1, 2):
        question, inbox = open_link(1, weigh=lambda turn: 1)
        outbox, inlet = open_link(100)
        with inbox, outbox, inlet, question:
            question.offer(Turn(number, "hi"))
            async with stage.open() as run:
                await run(inbox, outbox)
            assert inlet.receive_nowait() == Text.raw(f"number {number}", 0)
    assert asked == [1, 2]


async def test_a_stage_that_is_given_no_turn_returns() -> None:
    """Nobody asks, nobody answers."""
    question, inbox = open_link(1)
    outbox, inlet = open_link(1)
    with inbox, outbox, inlet:
        question.close()
        async with HandlerStage(lambda turn: pytest.fail("nobody asked")).open() as run:
            await run(inbox, outbox)
        with pytest.raises(trio.WouldBlock):
            inlet.receive_nowait()


async def test_an_error_of_the_handler_comes_out_alone() -> None:
    """The exception is the handler's own, not a group around it."""

    async def failing(turn: Turn, say: Say) -> None:
        await say("I am afraid")
        raise LookupError("no such table")

    with pytest.raises(LookupError, match="no such table"):
        await answer_to(Turn(1, "hi"), failing)


async def test_nothing_of_a_handler_is_left_when_it_returns() -> None:
    """The stage's own task, which waits for silence, ends with the handler."""
    before = trio.lowlevel.current_statistics().tasks_living
    await answer_to(Turn(1, "hi"), saying)
    assert trio.lowlevel.current_statistics().tasks_living == before


# The turn.


def test_a_turn_shows_what_the_handler_needs_to_know() -> None:
    """What was said, why we are asked, what was heard before, and somewhere to keep things."""
    before = Exchange(1, "hello", "Hello, how are", "Hello,", cut=True, reason="speech")
    turn = Turn(2, "stop", history=[before], previous_cut=True)
    assert (turn.number, turn.text, turn.reason, turn.previous_cut) == (2, "stop", "speech", True)
    assert (len(turn.history), turn.history[-1].heard) == (1, "Hello,")
    turn.session.stash[str] = "Ada"
    assert str not in Turn(3, "").session.stash


def test_a_turn_ends_the_call_through_whoever_made_it() -> None:
    """`end` passes the farewell on and returns at once."""
    farewells: list[str | None] = []
    turn = Turn(1, "bye", end_call=farewells.append)
    turn.end("See you!")
    turn.end()
    assert farewells == ["See you!", None]


def test_a_turn_without_a_call_says_that_there_is_nothing_to_end() -> None:
    """Tried out on its own, a handler that ends the call is told why it can't."""
    with pytest.raises(ConfigError, match="does not belong to a call"):
        Turn(1, "bye").end()


def test_a_turn_can_not_be_changed() -> None:
    """Several tasks may look at it."""
    with pytest.raises(AttributeError):
        Turn(1, "hi").text = "ho"  # type: ignore[misc]
