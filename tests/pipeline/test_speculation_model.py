"""A language model asked on a guess: nothing is done for it, nothing is kept of it, and a right one is sooner heard."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.counts import count
from voicekit.events import Audible, Decided, SessionEvent, Trouble, TurnCommitted
from voicekit.llm import tool
from voicekit.testing import HeldCall, Script, hold_call
from voicekit.testing.llm import AnswerCalls, Asked, ModelServer, ScriptedAnswer
from voicekit.turn.policy import Policy, Speculation, TurnPolicy
from voicekit_openai.models import openai

FIRST_TOKEN = 0.3

booked: list[str] = []


def book(table: str) -> str:
    """Book a table."""
    booked.append(table)
    return "booked"


@tool(side_effects=False)
async def look_up(table: str) -> str:
    """Look whether a table is free."""
    await trio.sleep(0.2)
    return "free"


def hold(
    script: Script, *replies: Any, speculate: bool | Speculation = True, **options: Any
) -> tuple[HeldCall, ModelServer]:
    server = ModelServer(*replies, otherwise=options.pop("otherwise", "Very well."))
    handler = openai(model="m", api_key="k", transport=server.transport, **options)
    return hold_call(handler, script, policy=Policy(turn=TurnPolicy(speculate=speculate))), server


def second_thoughts() -> Script:
    user = Script()
    user.says("book a table", at=1.0, for_=1.0)
    user.says("for two", at=2.6, for_=0.6)
    user.stays(until=12.0)
    return user


def first(call: HeldCall, kind: type[SessionEvent]) -> float:
    return next(at for at, event in call.events if isinstance(event, kind))


def answers(asked: Asked) -> ScriptedAnswer:
    """Books what the caller asked for last, and says so."""
    last = asked.body["messages"][-1]
    if last["role"] == "user":
        text = last["content"]
        return ScriptedAnswer(
            "One moment.", AnswerCalls("look_up", {"table": text}), AnswerCalls("book", {"table": text}), every=0.03
        )
    return ScriptedAnswer("It is done, and I hope you will like it here.", every=0.03)


@pytest.mark.parametrize("ahead", ["text", "sound"])
def test_a_booking_is_made_once_for_what_was_committed(ahead: Any) -> None:
    """The model may ask for it on every guess; what has effects runs for the words that became a turn."""
    booked.clear()
    policy = Speculation(ahead=ahead)
    call, server = hold(second_thoughts(), otherwise=answers, tools=[book, look_up], speculate=policy)
    assert [event.what for _, event in call.events if isinstance(event, Decided)][:3] == [
        "speculate 1",
        "discard 1",
        "speculate 1",
    ]
    assert booked == ["book a table for two"]
    assert [text for role, text in server.asked[-1].transcript if role == "user"] == ["book a table for two"]
    assert [exchange.heard for exchange in call.history] == [
        "One moment. It is done, and I hope you will like it here."
    ]
    assert [event for _, event in call.events if isinstance(event, Trouble)] == []


def test_a_right_guess_saves_the_models_time_to_its_first_token() -> None:
    """What comes between commit and sound is less by as much as the model was asked earlier."""
    user = Script()
    user.says("good morning", at=1.0, for_=1.0)
    waits = {}
    for speculate in (False, True):
        call, _ = hold(user, ScriptedAnswer("Good morning!", every=FIRST_TOKEN), speculate=speculate)
        waits[speculate] = first(call, Audible) - first(call, TurnCommitted)
    assert waits[False] - waits[True] == pytest.approx(FIRST_TOKEN, abs=0.01)


@pytest.mark.full_counts
@settings(max_examples=count(150), deadline=None)
@given(st.floats(0.3, 3.0), st.floats(0.1, 4.0), st.sampled_from([True, Speculation(after=0.0, most=9, ahead="sound")]))
def test_whenever_the_caller_goes_on_the_model_is_asked_rightly(
    pause: float, later: float, speculate: bool | Speculation
) -> None:
    """Every request is one that the service takes, each turn books once at most, and nothing is left of the call."""
    booked.clear()
    user = Script()
    user.says("book a table", at=1.0, for_=1.0)
    user.says("for two please", at=2.0 + pause, for_=0.9)
    user.says("stop and book for three", at=2.9 + pause + later, for_=1.0)
    user.stays(until=16.0)
    call, _ = hold(user, otherwise=answers, tools=[book, look_up], speculate=speculate)
    assert [event for _, event in call.events if isinstance(event, Trouble)] == []
    assert 1 <= len(booked) <= len(call.history)
    assert call.tasks_left == 0
