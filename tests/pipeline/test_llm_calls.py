"""Whole calls with a language model, in virtual time: what the model is asked after an interruption at any instant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.counts import count
from voicekit.errors import Unavailable
from voicekit.events import ModelAnswered, Trouble
from voicekit.extend import Use
from voicekit.llm import LanguageModel, Limits, tool
from voicekit.llm.conversation import INTERRUPTED, UNHEARD
from voicekit.llm.handler import FALLBACK
from voicekit.testing import HeldCall, Script, hold_call
from voicekit.testing.llm import AnswerCalls, AnswerStall, Asked, ModelServer, ScriptedAnswer
from voicekit_anthropic.models import anthropic
from voicekit_openai.models import openai

WIRES: dict[str, Callable[..., LanguageModel]] = {
    "chat": lambda **options: openai(model="m", api_key="k", **options),
    "responses": lambda **options: openai(model="m", api_key="k", api="responses", **options),
    "messages": lambda **options: anthropic(model="m", api_key="k", **options),
}


@tool(filler="One moment, please.")
async def weather(city: str) -> str:
    """Tell the weather."""
    await trio.sleep(1.3)
    return f"rain in {city}"


@tool(on_barge_in="finish")
async def note(text: str) -> str:
    """Take a note."""
    await trio.sleep(2.0)
    return "noted"


def chatty(asked: Asked) -> ScriptedAnswer:
    """Calls two tools where it was asked by the caller, then tells a long story."""
    last = (asked.body.get("messages") or asked.body["input"])[-1]
    if last.get("role") == "user" and "tool_result" not in str(last):
        calls = AnswerCalls("weather", {"city": "Gent"}), AnswerCalls("note", {"text": "weather"})
        return ScriptedAnswer("Good question. Let me have a look.", *calls, every=0.03)
    return ScriptedAnswer("It rains in Gent, so take your umbrella, and mind the trams on the way.", every=0.03)


def held(script: Script, wire: str = "chat", *replies: Any, **options: Any) -> tuple[HeldCall, ModelServer]:
    server = ModelServer(*replies, otherwise=options.pop("otherwise", chatty))
    return hold_call(WIRES[wire](transport=server.transport, **options), script), server


def spoken(text: str) -> str:
    """The words alone, since white space around what was heard is of no matter."""
    return "".join(text.split())


@pytest.mark.full_counts
@settings(max_examples=count(150))
@given(st.sampled_from(sorted(WIRES)), st.floats(2.5, 12.0), st.floats(0.5, 6.0))
def test_after_an_interruption_at_any_instant(wire: str, first: float, gap: float) -> None:
    """The next request is one that the service takes, and shows as said what was heard, to the character."""
    script = Script()
    script.says("how is the weather", at=1.0, for_=1.0)
    script.says("stop and tell me", at=first + 1.0, for_=0.8)
    script.says("stop once more", at=first + 2.5 + gap, for_=0.8)
    script.stays(until=first + gap + 20.0)
    call, server = held(script, wire, tools=[weather, note])
    assert [event for _, event in call.events if isinstance(event, Trouble)] == []  # such as a refused request
    assert call.tasks_left == 0
    last = server.asked[-1].transcript
    shown = "".join(text for role, text in last if role == "assistant")
    over = [exchange for exchange in call.history if exchange.turn < call.history[-1].turn]
    heard = spoken("".join(exchange.heard for exchange in over))
    assert spoken(shown).startswith(heard)
    rest = spoken(shown).removeprefix(heard)  # what the last turn itself had said before its tool calls
    assert spoken(call.history[-1].said).startswith(rest)


def test_the_model_is_told_that_it_was_interrupted() -> None:
    """A reply cut in the middle ends in the request where it was cut, with a note behind it."""
    script = Script()
    script.says("tell me a story", at=1.0, for_=1.0)
    script.says("stop please", at=5.0, for_=0.8)
    call, server = held(script, "chat", "Once upon a time there was a king, who had three daughters.", "Very well.")
    assert server.asked[1].transcript == [
        ("user", "tell me a story"),
        ("assistant", call.history[0].heard),
        ("user", f"{INTERRUPTED}\nstop please"),
    ]
    assert 0 < len(call.history[0].heard) < len(call.history[0].said)


def test_a_booking_is_finished_and_known_though_the_caller_interrupted() -> None:
    """A tool that finishes is told as done in the next turn, although nobody heard of it."""
    script = Script()
    script.says("take a note", at=1.0, for_=1.0)
    script.says("stop please", at=4.0, for_=0.8)
    script.stays(until=14.0)
    replies = ScriptedAnswer(AnswerCalls("note", {"text": "x"}, id="a")), "Very well.", "Anything else?"
    call, server = held(script, "chat", *replies, tools=[note])
    messages = server.asked[1].body["messages"]
    assert messages[2]["tool_calls"][0]["id"] == "a"
    assert messages[3] == {"role": "tool", "tool_call_id": "a", "content": "noted"}
    assert messages[4] == {"role": "user", "content": f"{UNHEARD}\nstop please"}
    assert call.history[1].heard == "Very well."


def test_a_slow_tool_is_bridged_by_its_filler() -> None:
    """The caller hears what came before the call, the filler, and then the answer, as one reply."""
    script = Script()
    script.says("how is the weather", at=1.0, for_=1.0)
    script.stays(until=12.0)
    call, _ = held(
        script, "chat", ScriptedAnswer("Yes.", AnswerCalls("weather", {"city": "Gent"})), "It rains.", tools=[weather]
    )
    assert call.history[0].heard == "Yes. One moment, please. It rains."


def test_a_service_that_says_nothing_is_excused() -> None:
    """When patience is at its end the caller hears the fallback, and the call goes on."""
    script = Script()
    script.says("hello there", at=1.0, for_=1.0)
    script.says("are you there", at=14.0, for_=1.0)
    script.stays(until=25.0)
    limits = Limits(first_token=2.0, patience=3.0)
    call, _ = held(
        script, "chat", ScriptedAnswer(AnswerStall()), ScriptedAnswer(AnswerStall()), "Here I am.", limits=limits
    )
    assert [exchange.heard for exchange in call.history] == [FALLBACK, "Here I am."]
    [trouble] = [event for _, event in call.events if isinstance(event, Trouble)]
    assert isinstance(trouble.error, Unavailable)


def test_usage_and_times_are_events_of_the_call() -> None:
    """Each answer of the model is one event, with its tokens and its time to first token, also in the timeline."""
    script = Script()
    script.says("hello there", at=1.0, for_=1.0)
    call, _ = held(script, "messages", ScriptedAnswer("Good morning!", every=0.25))
    [answered] = [event for _, event in call.events if isinstance(event, ModelAnswered)]
    assert answered.first_token == pytest.approx(0.25, abs=0.01)
    assert (answered.turn, answered.stop, answered.input_tokens, answered.output_tokens) == (1, "end", 24, 7)
    assert "m answered: first token after 0.25" in str(call.timeline)


def test_a_model_is_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """`Use` builds the handler of an installed plugin, with the key of the environment."""
    for name, variable in (("openai", "OPENAI_API_KEY"), ("anthropic", "ANTHROPIC_API_KEY")):
        monkeypatch.setenv(variable, "k")
        server = ModelServer("Good morning!")
        script = Script()
        script.says("hello there", at=1.0, for_=1.0)
        script.stays(until=8.0)
        call = hold_call(Use(name, model="m", system="Be brief.", transport=server.transport), script)
        assert call.history[0].heard == "Good morning!"
        assert server.asked[0].headers.get("authorization", "Bearer k") == "Bearer k"
        assert "Be brief." in str(server.asked[0].body)


def test_the_bot_speaks_first_and_the_model_knows() -> None:
    """A greeting that was heard stands in what the model is told of the call."""
    from voicekit.turn.policy import CallPolicy, Policy

    script = Script()
    script.says("hello there", at=4.0, for_=1.0)
    script.stays(until=10.0)
    server = ModelServer("Yes?")
    policy = Policy(call=CallPolicy(greeting="Welcome to the hotel!"))
    hold_call(WIRES["messages"](transport=server.transport), script, policy=policy)
    assert server.asked[0].transcript[1] == ("assistant", "Welcome to the hotel!")
