"""Answers of the three wires, event by event, with every field that the services document; and mutations of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

Path = tuple[str | int, ...]

MISSING = object()
"""Stands for a field that is left out."""

NO_LINE = "event"
"""The path of the line that names an event's kind."""

TALK = ("The shop", " opens at nine,", " and it closes", " at five.")
BEFORE = ("Let me", " see.")
CALLS = (("call_a", "light", '{"room": "hall"}'), ("call_b", "light", '{"room": "attic", "dim": true}'))


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stream: its data, the kind in its `event:` line, and what would be lost with it."""

    data: Any
    kind: str | None = None
    carries: Path | None = None  # the path to the field with the words, or with something else that a call needs
    words: str = ""

    def loses(self, path: Path) -> bool:
        """Whether a mutation of the field at `path` may lose what the event carries."""
        if self.carries is None:
            return False
        return path == self.carries[: len(path)] or path[: len(self.carries)] == self.carries


def stream(events: list[Event]) -> bytes:
    return b"".join(written(event, json.dumps(event.data)) for event in events)


def written(event: Event, data: str, *, named: bool = True) -> bytes:
    line = f"event: {event.kind}\n" if event.kind is not None and named else ""
    return f"{line}data: {data}\n\n".encode()


def pieces(text: str) -> list[str]:
    return [text[:5], text[5:9], text[9:]]


# --- chat completions ---


def _chunk(delta: Any, finish: str | None = None, carries: Path | None = None, words: str = "") -> Event:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1764000000, "model": "m"}
    rest = {"service_tier": "default", "system_fingerprint": "fp_1", "obfuscation": "aJ7", "usage": None}
    return Event({**head, **rest, "choices": [choice]}, carries=carries, words=words)


def chat(words: tuple[str, ...], calls: tuple[tuple[str, str, str], ...]) -> list[Event]:
    delta: Path = ("choices", 0, "delta")
    events = [_chunk({"role": "assistant", "content": "", "refusal": None, "tool_calls": None})]
    for text in words:
        events.append(_chunk({"content": text, "annotations": []}, carries=(*delta, "content"), words=text))
    for index, (id, name, arguments) in enumerate(calls):  # noqa: A001  # as the wire calls it
        function: Path = (*delta, "tool_calls", 0, "function")
        call = {"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": ""}}
        events.append(_chunk({"tool_calls": [call]}, carries=(*function, "name")))
        for piece in pieces(arguments):
            more = {"index": index, "id": None, "type": None, "function": {"name": None, "arguments": piece}}
            events.append(_chunk({"tool_calls": [more]}, carries=(*function, "arguments")))
    events.append(_chunk({}, "tool_calls" if calls else "stop"))
    usage = {
        "prompt_tokens": 24,
        "completion_tokens": 7,
        "total_tokens": 31,
        "prompt_tokens_details": {"cached_tokens": 16, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }
    events.append(Event({"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [], "usage": usage}))
    return events


# --- responses ---


def responses(words: tuple[str, ...], calls: tuple[tuple[str, str, str], ...]) -> list[Event]:
    events: list[Event] = []

    def add(kind: str, carries: Path | None = None, said: str = "", **fields: Any) -> None:
        data = {"type": kind, "sequence_number": len(events), **fields}
        events.append(Event(data, kind, carries, said))

    whole = "".join(words)
    part = {"type": "output_text", "text": whole, "annotations": [], "logprobs": []}
    message = {"id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": [part]}
    response: dict[str, Any] = {
        "id": "resp_1",
        "object": "response",
        "status": "in_progress",
        "error": None,
        "output": [],
        "usage": None,
    }
    where: dict[str, Any] = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    add("response.created", response=response)
    add("response.in_progress", response=response)
    add("response.output_item.added", output_index=0, item={**message, "status": "in_progress", "content": []})
    add("response.content_part.added", **where, part={**part, "text": ""})
    for text in words:
        add("response.output_text.delta", ("delta",), text, **where, delta=text, logprobs=[], obfuscation="x1")
    add("response.output_text.done", **where, text=whole, logprobs=[])
    add("response.content_part.done", **where, part=part)
    add("response.output_item.done", output_index=0, item=message)
    items: list[Any] = [message]
    for index, (id, name, arguments) in enumerate(calls, 1):  # noqa: A001  # as the wire calls it
        item = {"id": f"fc_{index}", "type": "function_call", "status": "completed", "call_id": id, "name": name}
        place: dict[str, Any] = {"item_id": f"fc_{index}", "output_index": index}
        add("response.output_item.added", output_index=index, item={**item, "arguments": ""})
        for piece in pieces(arguments):
            add("response.function_call_arguments.delta", **place, delta=piece, obfuscation="x2")
        add("response.function_call_arguments.done", **place, name=name, arguments=arguments)
        items.append({**item, "arguments": arguments})
        add("response.output_item.done", output_index=index, item=items[-1])
    usage = {"input_tokens": 24, "input_tokens_details": {"cached_tokens": 16}, "output_tokens": 7, "total_tokens": 31}
    finished = {**response, "status": "completed", "incomplete_details": None, "output": items, "usage": usage}
    add("response.completed", response=finished)
    return events


# --- messages ---


def messages(words: tuple[str, ...], calls: tuple[tuple[str, str, str], ...]) -> list[Event]:
    events: list[Event] = []

    def add(kind: str, carries: Path | None = None, said: str = "", **fields: Any) -> None:
        events.append(Event({"type": kind, **fields}, kind, carries, said))

    usage = {"input_tokens": 8, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 16, "output_tokens": 1}
    message: dict[str, Any] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "stop_reason": None,
    }
    add("message_start", message={**message, "stop_sequence": None, "usage": {**usage, "service_tier": "standard"}})
    add("content_block_start", index=0, content_block={"type": "text", "text": "", "citations": None})
    add("ping")
    for text in words:
        add("content_block_delta", ("delta", "text"), text, index=0, delta={"type": "text_delta", "text": text})
    add("content_block_stop", index=0)
    for index, (id, name, arguments) in enumerate(calls, 1):  # noqa: A001  # as the wire calls it
        block = {"type": "tool_use", "id": id, "name": name, "input": {}}
        add("content_block_start", ("content_block", "name"), index=index, content_block=block)
        for piece in ("", *pieces(arguments)):
            delta = {"type": "input_json_delta", "partial_json": piece}
            add("content_block_delta", ("delta", "partial_json"), index=index, delta=delta)
        add("content_block_stop", index=index)
    reason = "tool_use" if calls else "end_turn"
    add("message_delta", delta={"stop_reason": reason, "stop_sequence": None}, usage={"output_tokens": 7})
    add("message_stop")
    return events


WIRES = {"chat": (chat, b"data: [DONE]\n\n"), "responses": (responses, b""), "messages": (messages, b"")}


# --- mutations ---


@dataclass(frozen=True, slots=True)
class Mutation:
    """A stream with one thing changed; `lossy` if what the event carries may be lost, `words` being its words."""

    what: str
    body: bytes
    lossy: bool = False
    words: str = ""


def mutations(events: list[Event], end: bytes) -> Iterator[Mutation]:
    """Every field of every event null, of other types, left out, and repeated."""
    for number, event in enumerate(events):
        before, after = stream(events[:number]), stream(events[number + 1 :]) + end
        for how, data, path in _changes(event):
            lossy = event.loses(path)
            where = f"event {number} {'.'.join(map(str, path)) or '(all of it)'} {how}"
            yield Mutation(where, before + written(event, data) + after, lossy, event.words)
        if event.kind is not None:
            unnamed = written(event, json.dumps(event.data), named=False)
            yield Mutation(f"event {number}: no line with its kind", before + unnamed + after)


def _changes(event: Event) -> Iterator[tuple[str, str, Path]]:
    for path, value in _fields(event.data):
        for wrong in _wrong(value):
            yield f"is {wrong!r}", json.dumps(_with(event.data, path, wrong)), path
        if path and isinstance(path[-1], str):
            yield "is left out", json.dumps(_with(event.data, path, MISSING)), path
            yield "is repeated", _twice(event.data, path), path


def _fields(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    yield path, value
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from _fields(inner, (*path, key))


def _wrong(value: Any) -> Iterator[Any]:
    """Null, and values of other types that can't be taken for one that means anything."""
    for wrong in (None, 7, [None], {"x": None}):
        if type(wrong) is not type(value):
            yield wrong
    if not isinstance(value, str) and value is not None:
        yield "seven"


def _with(data: Any, path: Path, value: Any) -> Any:
    if not path:
        return value
    key, *rest = path
    if isinstance(data, list):
        return [_with(each, tuple(rest), value) if place == key else each for place, each in enumerate(data)]
    if value is MISSING and not rest:
        return {name: each for name, each in data.items() if name != key}
    return {name: _with(each, tuple(rest), value) if name == key else each for name, each in data.items()}


def _twice(data: Any, path: Path) -> str:
    """`data` as JSON in which the field at `path` stands twice, first as null."""
    marked = json.dumps(_with(data, path, "(here)"))
    name, value = json.dumps(path[-1]), json.dumps(_at(data, path))
    return marked.replace(f'{name}: "(here)"', f"{name}: null, {name}: {value}", 1)


def _at(data: Any, path: Path) -> Any:
    for key in path:
        data = data[key]
    return data


Scenario = Literal["talk", "calls"]
SCENARIOS: dict[Scenario, tuple[tuple[str, ...], tuple[tuple[str, str, str], ...]]] = {
    "talk": (TALK, ()),
    "calls": (BEFORE, CALLS),
}
