"""What a model is told: what was heard, what was called, and a list that every service takes, whatever happened."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.llm_kit import why_invalid
from voicekit.contracts import Exchange
from voicekit.errors import ConfigError
from voicekit.llm.calls import settled
from voicekit.llm.conversation import BROKEN, CANCELLED, INTERRUPTED, UNHEARD, ModelStep, conversation
from voicekit.llm.messages import Assistant, ModelCall, ModelMessage, ModelQuery, ToolResult, ToolResults, User
from voicekit.llm.model import Model, ModelEndpoint
from voicekit.llm.window import Window
from voicekit.testing.llm import why_refused
from voicekit_anthropic.messages import MessagesModel
from voicekit_openai.chat import ChatModel
from voicekit_openai.responses import ResponsesModel

ENDPOINT = ModelEndpoint("http://localhost/v1")
MODELS: list[Model] = [
    ChatModel("m", ENDPOINT, {}),
    ResponsesModel("m", ENDPOINT, {}),
    MessagesModel("m", ENDPOINT, {}),
]
WORDS = st.text(st.sampled_from("ab .!?\n"), max_size=12)
NAMES = st.one_of(st.just("tool"), st.text(max_size=3), st.text(st.sampled_from("a.Ä_- "), min_size=60, max_size=70))


def exchange(
    turn: int, user: str, said: str, heard: str | None = None, *, cut: bool = False, reason: str = "speech"
) -> Exchange:
    return Exchange(turn, user, said, said if heard is None else heard, cut, reason)


def told(*exchanges: Exchange, steps: dict[int, list[ModelStep]] | None = None, **now: Any) -> list[ModelMessage]:
    return conversation(exchanges, steps or {}, **{"turn": 9, "user": "and now?", "reason": "speech", **now})


@st.composite
def calls_in(draw: st.DrawFn, turn: int, said: str) -> list[ModelStep]:
    """Calls made at some instants of the reply, whatever the model called them, with results for some of them."""
    steps = []
    for number, at in enumerate(sorted(draw(st.lists(st.integers(0, len(said)), max_size=2)))):
        made = [ModelCall(f"c{turn}{number}{place}", draw(NAMES), "{}") for place in range(draw(st.integers(1, 2)))]
        calls, _ = settled(made)
        done = [call for call in calls if draw(st.booleans())]
        steps.append(ModelStep(at, calls, {call.id: ToolResult(call.id, draw(WORDS)) for call in done}))
    return steps


@st.composite
def calls_so_far(draw: st.DrawFn) -> tuple[list[Exchange], dict[int, list[ModelStep]]]:
    """Any past: replies cut at any character, questions put back, prompts, failures, tools under way."""
    exchanges: list[Exchange] = []
    steps: dict[int, list[ModelStep]] = {}
    for turn in range(draw(st.integers(0, 5))):
        reason = draw(st.sampled_from(["speech", "speech", "greeting", "idle", "silence", "say", "odd"]))
        user, said = draw(WORDS) if reason == "speech" else "", draw(WORDS)
        if reason == "speech" and exchanges and exchanges[-1].cut and not exchanges[-1].heard:
            user = draw(st.sampled_from([user, f"{exchanges[-1].user} {user}"]))
        heard_to = draw(st.integers(0, len(said)))
        exchanges.append(exchange(turn, user, said, said[:heard_to], cut=draw(st.booleans()), reason=reason))
        steps[turn] = draw(calls_in(turn, said))
    return exchanges, steps


@pytest.mark.slow
@given(calls_so_far(), WORDS, WORDS, st.data())
def test_whatever_happened_every_service_takes_the_next_request(
    so_far: tuple[list[Exchange], dict[int, list[ModelStep]]], user: str, said: str, data: st.DataObject
) -> None:
    """At any instant of interruption the messages are valid for all three wires, as strictly as any server checks."""
    exchanges, steps = so_far
    now = data.draw(st.one_of(st.just([]), calls_in(99, said)))
    messages = conversation(exchanges, {**steps, 99: now}, turn=99, user=user, reason="speech", said=said)
    assert why_invalid(messages) is None
    for model in MODELS:
        request = model.request(ModelQuery("You are a bot.", messages))
        assert why_refused(request.url, json.loads(request.body)) is None


@given(calls_so_far())
def test_the_assistants_text_is_what_was_heard(so_far: tuple[list[Exchange], dict[int, list[ModelStep]]]) -> None:
    """Of all replies together the model is shown every word that was heard, in its order, and not one more."""
    exchanges, steps = so_far
    messages = conversation(exchanges, steps, turn=99, user="?", reason="speech")
    shown = "".join(message.text for message in messages if isinstance(message, Assistant))
    assert "".join(shown.split()) == "".join("".join(exchange.heard for exchange in exchanges).split())


@given(calls_so_far())
def test_every_call_is_followed_by_its_result(so_far: tuple[list[Exchange], dict[int, list[ModelStep]]]) -> None:
    """No call that was made is missing, and each has the result that came, or one that says there was none."""
    exchanges, steps = so_far
    messages = conversation(exchanges, steps, turn=99, user="?", reason="speech")
    results = {
        result.id: result for message in messages if isinstance(message, ToolResults) for result in message.results
    }
    for step in (step for exchange in exchanges for step in steps[exchange.turn]):
        for call in step.calls:
            assert results.pop(call.id) == step.results.get(call.id, ToolResult(call.id, CANCELLED, failed=True))
    assert results == {}


def test_an_interrupted_reply_ends_where_it_was_cut() -> None:
    """The model sees the heard words as its own, and is told in front of the caller's next ones."""
    assert told(exchange(1, "the menu?", "Soup, fish and cake.", "Soup, fish", cut=True)) == [
        User("the menu?"),
        Assistant("Soup, fish"),
        User(f"{INTERRUPTED}\nand now?"),
    ]


def test_a_call_is_told_though_nobody_heard_of_it() -> None:
    """A tool that ran in a reply which was cut stands there with its result, the rest of the reply does not."""
    step = ModelStep(7, (ModelCall("a", "book", "{}"),), {"a": ToolResult("a", "Booked.")})
    assert told(exchange(1, "book it", "Sure. I have booked it.", "", cut=True), steps={1: [step]}) == [
        User("book it"),
        Assistant("", step.calls),
        ToolResults((ToolResult("a", "Booked."),)),
        User(f"{UNHEARD}\nand now?"),
    ]


def test_a_question_that_was_put_back_stands_once() -> None:
    """The caller who was not done is shown with the whole question, without a note."""
    assert told(exchange(1, "what is", "What?", "", cut=True), user="what is the time") == [User("what is the time")]


def test_a_question_that_was_never_answered_is_kept() -> None:
    """Other words than before are added to those that nobody answered audibly."""
    [user] = told(exchange(1, "wait", "Yes?", "", cut=True), user="go on")
    assert user == User(f"wait\n{UNHEARD}\ngo on")


def test_a_bot_may_speak_first() -> None:
    """A greeting stands behind a note, since every conversation begins with the caller."""
    first, second, _ = told(exchange(1, "", "Good morning!", reason="greeting"))
    assert isinstance(first, User)
    assert first.text.startswith("[")
    assert second == Assistant("Good morning!")


def test_a_reply_that_failed_is_told_as_broken() -> None:
    """A reply that was not cut and yet not heard whole is not blamed on the caller."""
    assert told(exchange(1, "why?", "Because of the", "Because"))[-1] == User(f"{BROKEN}\nand now?")


def test_within_a_turn_the_model_goes_on_from_the_results() -> None:
    """What was said and called in this turn follows its question; a filler behind the calls waits for the next turn."""
    step = ModelStep(7, (ModelCall("a", "look", "{}"),), {"a": ToolResult("a", "Found.")})
    messages = told(steps={9: [step]}, said="I look. One moment.")
    assert messages == [User("and now?"), Assistant("I look.", step.calls), ToolResults((ToolResult("a", "Found."),))]


def test_a_full_window_leaves_the_oldest_out() -> None:
    """The newest exchanges that fit are kept; what a rule makes of the others stands in front."""
    exchanges = [exchange(turn, f"question {turn}", "x" * 90) for turn in range(10)]
    kept, earlier = Window(tokens=250, count=len).fit(exchanges, {})
    assert [each.turn for each in kept] == [8, 9]
    assert earlier == ""
    window = Window(tokens=250, count=len, summary=lambda left_out: f"{len(left_out)} questions")
    _, earlier = window.fit(exchanges, {})
    messages = told(*kept, earlier=earlier)
    assert isinstance(messages[0], User)
    assert messages[0].text == "[Earlier in this call: 8 questions]\nquestion 8"


def test_calls_count_in_the_window() -> None:
    """The text of calls and results takes room as well."""
    step = ModelStep(0, (ModelCall("a", "look", "{}"),), {"a": ToolResult("a", "y" * 200)})
    kept, _ = Window(tokens=250, count=len).fit([exchange(1, "?", "x" * 90)], {1: [step]})
    assert kept == []


def test_a_window_has_a_size() -> None:
    """A window without room is a mistake of the program's."""
    with pytest.raises(ConfigError, match="expected at least 1 token"):
        Window(tokens=0)


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [Assistant("hello")],
        [User("a"), User("b")],
        [User("a"), Assistant("b")],
        [User("a"), Assistant("", (ModelCall("1", "t", "{}"),)), User("b")],
        [User("a"), Assistant("", (ModelCall("1", "t", "{}"),)), ToolResults((ToolResult("2", ""),))],
        [User("a"), Assistant("", (ModelCall("1", "functions.t", "{}"),)), ToolResults((ToolResult("1", ""),))],
        [User("  ")],
    ],
    ids=repr,
)
def test_what_is_no_conversation_is_found(messages: list[ModelMessage]) -> None:
    """The rule that the property stands on refuses what services refuse."""
    assert why_invalid(messages) is not None
