"""An answer from its bytes: what is said at once, what is a thought, what is a call, and where it ends."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicekit.llm.answer import MOST_TEXT, ModelAnswer
from voicekit.llm.calls import MOST_ARGUMENTS, MOST_CALLS, MOST_KEPT, settled
from voicekit.llm.json_value import JsonValue
from voicekit.llm.model import HttpModel, ModelEndpoint
from voicekit.llm.thoughts import ThoughtFilter
from voicekit_anthropic.messages import MessagesModel
from voicekit_openai.chat import ChatModel
from voicekit_openai.responses import ResponsesModel

ENDPOINT = ModelEndpoint("http://localhost/v1")


def chunk(delta: Any, finish: Any = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def called(index: Any = None, id: Any = None, name: Any = None, arguments: Any = None) -> dict[str, Any]:  # noqa: A002
    """A piece of a call of chat completions; what is None is left out."""
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    call = {key: value for key, value in (("index", index), ("id", id)) if value is not None}
    return chunk({"tool_calls": [{**call, "function": function}]})


def read(*events: Any, model: type[HttpModel] = ChatModel, ended: bool = True) -> tuple[str, ModelAnswer]:
    """What the answer of `events` says; text among them is the event's data as it is."""
    data = "".join(f"data: {event if isinstance(event, str) else json.dumps(event)}\n\n" for event in events)
    answer = ModelAnswer(model("m", ENDPOINT, {}))
    said = "".join(answer.feed(data.encode()))
    return said + ("".join(answer.end()) if ended else ""), answer


def calls_of(*events: Any, model: type[HttpModel] = ChatModel) -> list[tuple[str, str]]:
    _, answer = read(*events, model=model)
    return [(call.name, call.arguments) for call in answer.calls.complete(1, 0)]


# --- what can't be read ---


@pytest.mark.parametrize(
    "broken",
    ["{", "", "null", "[]", "7", '"text"', "\x00", "[" * 20_000, '{"choices": {"0": {}}}', '{"choices": [[[]]]}', "{}"],
    ids=lambda text: text[:12],
)
@pytest.mark.parametrize("model", [ChatModel, ResponsesModel, MessagesModel], ids=lambda model: model.service)
def test_an_event_that_can_t_be_read_is_passed_over(broken: str, model: type[HttpModel]) -> None:
    """It says nothing, stops nothing, and takes nothing from the event behind it in the same packet."""
    good = {
        ChatModel: chunk({"content": "Hello."}),
        ResponsesModel: {"type": "response.output_text.delta", "delta": "Hello."},
        MessagesModel: {"type": "content_block_delta", "delta": {"text": "Hello."}},
    }[model]
    said, answer = read(broken, good, broken, model=model)
    assert (said, answer.stop, answer.fault) == ("Hello.", "end", None)


def test_behind_the_stop_nothing_is_an_error() -> None:
    """An answer that has stopped stays as it is, whatever comes then; what it used is still read."""
    said, answer = read(
        chunk({"content": "At nine"}),
        chunk({}, "stop"),
        chunk(None),
        "}",
        {"error": {"message": "boom"}},
        {"choices": None, "usage": {"prompt_tokens": 3, "completion_tokens": "4"}},
    )
    assert (said, answer.stop, answer.fault) == ("At nine", "end", None)
    assert (answer.usage.input, answer.usage.output) == (3, 4)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([{"type": "text", "text": "Hi."}, {"type": "image_url"}, {"type": "text", "text": " You."}], "Hi. You."),
        ([{"type": "thinking", "thinking": [{"type": "text", "text": "be short"}]}, "Hi."], "Hi."),
        ([{"type": "reasoning", "text": "be short"}, {"type": "text", "text": "Hi."}], "Hi."),
        ({"type": "text", "text": "Hi."}, "Hi."),
        ([{"text": "Hi."}, None, 7, [{"text": " You."}]], "Hi. You."),
        ([[[]]], ""),
        (7, ""),
        (True, ""),
        ("half of an emoji \ud83d.", "half of an emoji ."),
    ],
)
def test_content_in_parts_says_its_text(content: Any, said: str) -> None:
    """Of a list of parts the text is said, and thoughts, pictures and what nobody knows are not."""
    assert read(chunk({"content": content}))[0] == said


@pytest.mark.parametrize(("raw", "number"), [(3, 3), ("3", 3), (3.0, 3), (3.5, None), (True, None), ("x", None)])
def test_a_number_may_be_written_in_some_ways(raw: Any, number: int | None) -> None:
    """What can be taken for a whole number is one."""
    assert JsonValue(raw).number == number


def test_a_list_of_a_megabyte_takes_no_time() -> None:
    """Of a list without end only the beginning is read."""
    chunk_ = {"choices": [*[{}] * 300_000, {"delta": {"content": "Hello."}}]}
    assert read(chunk_)[0] == ""
    assert len(list(JsonValue([0] * 300_000))) == 1000


# --- thoughts ---

TAGS = [
    ("<think>", "</think>"),
    ("<THINKING>", "</Thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ('<think effort="low">', "</think>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
]


def filtered(*pieces: str) -> str:
    thoughts = ThoughtFilter()
    return "".join(thoughts.feed(piece) for piece in pieces) + thoughts.finish()


def cut(text: str, cuts: list[int]) -> list[str]:
    places = sorted({0, len(text), *(place % (len(text) + 1) for place in cuts)})
    return [text[start:end] for start, end in pairwise(places)]


@given(st.sampled_from(TAGS), st.lists(st.integers(0, 500)), st.booleans())
def test_a_thought_is_never_said(tag: tuple[str, str], cuts: list[int], behind: bool) -> None:
    """Under each usual tag, however it is cut, before the answer or in it."""
    opening, closing = tag
    before = "I see. " if behind else ""
    text = f"{before}{opening}He sounds <b>tired</b>, 1 < 2.{closing}\n\nTake your time."
    assert filtered(*cut(text, cuts)) == f"{before}Take your time."


@given(st.sampled_from(TAGS), st.lists(st.integers(0, 500)))
def test_a_thought_that_never_ends_is_not_said_either(tag: tuple[str, str], cuts: list[int]) -> None:
    """Where the closing tag never comes, nothing behind the opening one is said."""
    assert filtered(*cut(f"Well. {tag[0]}He sounds tired. So I say", cuts)) == "Well. "


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<think>a<think>b</think>c</think>Answer.", "Answer."),
        ("<think>I use <think> tags.</think>Answer.", "Answer."),
        ("<think>a</think><think>b</think> Answer.", "Answer."),
        ("<think>a <analysis>b</analysis> c</think>Answer.", "Answer."),
        ("Answer.</think>", "Answer."),
        ("<think/>Answer.", "Answer."),
        ("Hello<think>x</think> there.", "Hello there."),
        ("<think></think>", ""),
        ("<think>", ""),
        ("", ""),
    ],
)
def test_thoughts_in_each_other_and_tags_alone(text: str, said: str) -> None:
    """Nested thoughts, a thought that mentions its tag, an empty one, and a tag without the other."""
    assert filtered(text) == filtered(*text) == said


@given(st.text(st.sampled_from("<>[]/ thinkx|◁"), max_size=40).filter(lambda text: filtered(text) == text))
def test_what_is_no_tag_is_text(text: str) -> None:
    """Character by character, nothing of it is lost, and nothing is said in another order."""
    assert filtered(*text) == text


@pytest.mark.parametrize("text", ["a < b", "<b", "<thinker", "3 <4", "[this", "<thi ", "<think5", "◁x", "<|x"])
def test_what_can_t_become_a_tag_is_not_held_back(text: str) -> None:
    """As soon as it can't be one any more, it is said."""
    assert "".join(map(ThoughtFilter().feed, [text])) == text
    thoughts = ThoughtFilter()
    assert "".join(map(thoughts.feed, text)) == text


# --- calls ---


@pytest.mark.parametrize("index", [0, None, "0", {}])
@pytest.mark.parametrize("id", ["", None, 7])
def test_parallel_calls_without_ids_are_told_apart(index: Any, id: Any) -> None:  # noqa: A002
    """A name behind complete arguments begins another call, be it the same name; pieces without one go on."""
    hall, attic = '{"room": "hall"}', '{"room": "attic"}'
    whole = [called(index, id, "light", hall), called(index, id, "light", attic)]
    assert calls_of(*whole) == [("light", hall), ("light", attic)]
    in_pieces = [
        called(index, id, "light", ""),
        called(index, id, None, hall[:7]),
        called(index, id, None, hall[7:]),
        called(index, id, "light", attic[:5]),
        called(index, id, None, attic[5:]),
        called(index, id, "ping", "{}"),
    ]
    assert calls_of(*in_pieces) == [("light", hall), ("light", attic), ("ping", "{}")]


def test_a_name_that_is_repeated_is_no_other_call() -> None:
    """Services that repeat name and id with each piece have made one call."""
    pieces = ['{"room"', ': "hall"}', ""]
    assert calls_of(*(called(0, "a", "light", piece) for piece in pieces)) == [("light", '{"room": "hall"}')]
    assert calls_of(*(called(0, None, "light", piece) for piece in pieces[:2])) == [("light", '{"room": "hall"}')]


def test_two_calls_in_one_event_without_any_number() -> None:
    """Their places in the list tell them apart, in each event."""
    first = [{"function": {"name": "light", "arguments": ""}}, {"function": {"name": "light", "arguments": ""}}]
    second = [{"function": {"arguments": '{"a": 1}'}}, {"function": {"arguments": '{"b": 2}'}}]
    events = chunk({"tool_calls": first}), chunk({"tool_calls": second})
    assert calls_of(*events) == [("light", '{"a": 1}'), ("light", '{"b": 2}')]


def test_arguments_may_be_an_object_or_come_at_the_end() -> None:
    """Arguments that no piece has said are taken from where they are said at last."""
    assert calls_of(called(0, "", "light", {"a": 1}), called(0, "", "light", {"b": 2})) == [
        ("light", '{"a":1}'),
        ("light", '{"b":2}'),
    ]
    whole = {"tool_calls": [{"id": "a", "function": {"name": "light", "arguments": '{"a": 1}'}}]}
    assert calls_of({"choices": [{"message": whole, "finish_reason": "tool_calls"}]}) == [("light", '{"a": 1}')]
    added = {
        "type": "response.output_item.added",
        "output_index": 0,
        "item": {"type": "function_call", "name": "light"},
    }
    done = {"type": "response.function_call_arguments.done", "output_index": 0, "arguments": '{"a": 1}'}
    assert calls_of(added, done, model=ResponsesModel) == [("light", '{"a": 1}')]
    item = {"type": "function_call", "call_id": "x", "name": "light", "arguments": '{"a": 1}'}
    assert calls_of({"type": "response.output_item.done", "item": item}, model=ResponsesModel) == [
        ("light", '{"a": 1}')
    ]
    end = {"type": "response.completed", "response": {"output": [item, {**item, "call_id": "y"}]}}
    assert calls_of(end, model=ResponsesModel) == [("light", '{"a": 1}')] * 2
    assert calls_of(added, done, end, model=ResponsesModel)[:1] == [("light", '{"a": 1}')]
    block = {"type": "tool_use", "id": "a", "name": "light", "input": {"a": 1}}
    assert calls_of({"type": "content_block_start", "content_block": block}, model=MessagesModel) == [
        ("light", '{"a":1}')
    ]


def test_a_tool_of_the_service_s_own_is_no_call() -> None:
    """Arguments of what the service runs itself belong to nobody."""
    block = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    events = [
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "{}"}},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "id": "a", "name": "light"}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": "{}"}},
    ]
    assert calls_of(*events, model=MessagesModel) == [("light", "{}")]


def test_calls_have_a_most() -> None:
    """Of thousands some dozens are run, as many are told that they were not, and the answer is read no further."""
    _, answer = read(*(called(n, f"c{n}", "book", "{}") for n in range(3000)))
    calls, results = settled(answer.calls.complete(1, 0))
    assert (len(calls), len(results), answer.over, answer.stop) == (MOST_KEPT, MOST_KEPT - MOST_CALLS, True, "calls")
    assert {result.text[:17] for result in results.values()} == {"Not run: too many"}


@pytest.mark.parametrize("size", [1, 1000, 200_000])
def test_arguments_have_a_most(size: int) -> None:
    """Arguments that never end are read to a bound, run by nothing, and not repeated to the model."""
    events = [called(0, "a", "book", '{"x": "')] + [called(0, None, None, " " * size)] * min(70_000, 300_000 // size)
    _, answer = read(*events)
    calls, results = settled(answer.calls.complete(1, 0))
    assert answer.over
    assert calls[0].arguments == "{}"
    assert "longer than" in results["a"].text or "not a JSON object" in results["a"].text
    assert len(results["a"].text) < 400
    assert answer.calls._size <= MOST_ARGUMENTS + size


def test_an_id_or_a_name_of_any_length_is_not_repeated() -> None:
    """They stand in every later request."""
    _, answer = read(called(0, "i" * 100_000, "n" * 100_000, "{}"))
    [call], _ = settled(answer.calls.complete(1, 0))
    assert len(call.id) + len(call.name) < 100


# --- ends ---


@pytest.mark.parametrize(
    ("events", "stop"),
    [
        ([chunk({"content": "At nine."})], "end"),
        ([chunk({"content": "At nine!) "})], "end"),
        ([chunk({"content": "九点。"})], "end"),
        ([chunk({"content": "सब ठीक है।"})], "end"),
        ([chunk({"content": "At nine"})], None),
        ([chunk({"content": "At nine"}), "[DONE]"], "end"),
        ([called(0, "a", "book", "{}")], "calls"),
        ([called(0, "a", "book", '{"x"')], None),
        ([called(0, "a", "book", '{"x"'), "[DONE]"], "calls"),
        ([chunk({"content": "At nine"}, ""), chunk({}, 7)], None),
        ([chunk({"content": "At nine"}, "eos")], "end"),
        ([], None),
    ],
)
def test_an_answer_without_a_stop_ends_in_good_order_or_not(events: list[Any], stop: str | None) -> None:
    """The word that it is over, a whole sentence or whole calls are an end; anything else is broken off."""
    assert read(*events)[1].stop == stop


def test_an_end_without_its_empty_line_is_read() -> None:
    """Some services leave out the last line end."""
    answer = ModelAnswer(ChatModel("m", ENDPOINT, {}))
    said = "".join(answer.feed(f"data: {json.dumps(chunk({'content': 'At nine'}))}\n\ndata: [DONE]".encode()))
    assert "".join([said, *answer.end()]) == "At nine"
    assert answer.stop == "end"


def test_a_final_event_says_what_no_delta_has() -> None:
    """Text that comes only at the end is said, once; what was said already is not said again."""
    item = {"type": "message", "content": [{"type": "output_text", "text": "At nine."}]}
    finals = [
        {"type": "response.output_text.done", "text": "At nine."},
        {"type": "response.output_item.done", "item": item},
        {"type": "response.completed", "response": {"output": [item], "usage": None}},
    ]
    for some in (finals, finals[1:], finals[2:]):
        said, answer = read(*some, model=ResponsesModel)
        assert (said, answer.stop) == ("At nine.", answer.stop and "end")
    begun = {"type": "response.output_text.delta", "delta": "At "}
    assert read(begun, *finals, model=ResponsesModel)[0] == "At nine."
    assert read({"choices": [{"message": {"content": "At nine."}}]})[0] == "At nine."
    assert read(chunk({"content": "At nine."}), {"choices": [{"message": {"content": "At nine."}}]})[0] == "At nine."


def test_an_answer_has_a_most() -> None:
    """A model that never stops is stopped."""
    said, answer = read(*[chunk({"content": "la " * 1000})] * 100)
    assert MOST_TEXT <= len(said) < MOST_TEXT + 4000
    assert (answer.over, answer.stop) == (True, "length")
