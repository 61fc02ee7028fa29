"""Chat completions: the API that most services offer in addition to their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from voicekit.llm.faults import told
from voicekit.llm.json_value import JsonValue
from voicekit.llm.messages import (
    Assistant,
    CallPiece,
    Delta,
    Done,
    ModelMessage,
    ModelPiece,
    ModelQuery,
    ModelRefusal,
    ModelUsage,
    Stop,
    ToolResults,
    ToolSpec,
    User,
    Why,
)
from voicekit.llm.model import HttpModel
from voicekit.llm.sse import ServerSentEvent

END = "[DONE]"

WHY: Mapping[str, Why] = {
    "stop": "end",
    "tool_calls": "calls",
    "function_call": "calls",
    "length": "length",
    "content_filter": "filtered",
}


class ChatModel(HttpModel):
    """A model behind `/chat/completions`. See `voicekit.llm.Model`."""

    service, path = "openai", "/chat/completions"

    def fields(self, query: ModelQuery) -> Mapping[str, Any]:
        tools = [{"type": "function", "function": described(tool)} for tool in query.tools]
        return {
            "model": self.name,
            "messages": [{"role": "system", "content": query.system}, *written(query.messages)],
            "stream": True,
            "stream_options": {"include_usage": True},
            "tools": tools or None,
            "tool_choice": "none" if tools and not query.may_call else None,
        }

    def parse(self, event: ServerSentEvent) -> Iterable[ModelPiece]:
        if event.data.strip() == END:
            yield Done()
            return
        chunk = JsonValue.read(event.data)
        fault = told(event.data) if chunk["error"] else None
        for choice in chunk["choices"]:
            yield from _pieces(choice["delta"], final=False)
            yield from _pieces(choice["message"], final=True)
            if reason := choice["finish_reason"].word:
                yield Stop(WHY.get(reason, "end"))
        usage = chunk["usage"]
        if usage:
            yield ModelUsage(usage["prompt_tokens"].number, usage["completion_tokens"].number)
        if fault is not None:
            yield fault


def written(messages: Sequence[ModelMessage]) -> Iterable[dict[str, Any]]:
    """`messages` in the API's format; each tool result is a separate message."""
    for message in messages:
        match message:
            case User(text):
                yield {"role": "user", "content": text}
            case Assistant(text, ()):
                yield {"role": "assistant", "content": text}
            case Assistant(text, calls):
                called = [
                    {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
                    for call in calls
                ]
                yield {"role": "assistant", "content": text or None, "tool_calls": called}
            case ToolResults(results):
                for result in results:
                    yield {"role": "tool", "tool_call_id": result.id, "content": result.text}


def described(tool: ToolSpec) -> dict[str, Any]:
    return {"name": tool.name, "description": tool.description, "parameters": tool.parameters}


def _pieces(delta: JsonValue, *, final: bool) -> Iterable[ModelPiece]:
    """The pieces in a delta; with `final`, those in a complete message, which some services send instead of deltas."""
    if text := delta["content"].text:
        yield Delta(text, final)
    if refusal := delta["refusal"].text:
        yield ModelRefusal(refusal, final)
    calls = list(delta["tool_calls"])
    for place, call in enumerate(calls):
        index, function = call["index"].number, call["function"]
        where = place if index is None and len(calls) > 1 else index  # some services omit the index
        id, name, written = call["id"].word, function["name"].word, function["arguments"]  # noqa: A001  # API's word
        yield CallPiece(where, written.word, id, name, final)
        if isinstance(written.raw, dict):  # some services send an object instead of JSON text
            yield CallPiece(where, arguments(written), id, name, final=True)


def arguments(value: JsonValue) -> str:
    """All the arguments as JSON text, whether they were sent as text or as an object."""
    return msgspec.json.encode(value.raw).decode() if isinstance(value.raw, dict) else value.word
