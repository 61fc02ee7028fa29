"""Chat completions: the wire that most services speak beside their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from voicekit.llm.faults import told
from voicekit.llm.messages import (
    Assistant,
    CallPiece,
    Delta,
    Done,
    ModelFault,
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


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _Call(msgspec.Struct):
    index: int | None = None  # some services leave it out: then its place in the list is meant
    id: str | None = None
    function: _Function = msgspec.field(default_factory=_Function)


class _Delta(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct):
    delta: _Delta = msgspec.field(default_factory=_Delta)
    finish_reason: str | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: Any = None  # that some services send in the middle of an answer


_decoder = msgspec.json.Decoder(_Chunk)


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
        if event.data == END:
            yield Done()
            return
        chunk = _decoder.decode(event.data)
        if chunk.error is not None:
            yield told(event.data.encode()) or ModelFault(str(chunk.error))
        for choice in chunk.choices or ():
            yield from _said(choice)
        if chunk.usage is not None:
            yield ModelUsage(chunk.usage.prompt_tokens, chunk.usage.completion_tokens)


def written(messages: Sequence[ModelMessage]) -> Iterable[dict[str, Any]]:
    """`messages` as the wire has them; each result is a message of its own."""
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


def _said(choice: _Choice) -> Iterable[ModelPiece]:
    delta = choice.delta
    if delta.content:
        yield Delta(delta.content)
    if delta.refusal:
        yield ModelRefusal(delta.refusal)
    for place, call in enumerate(delta.tool_calls or ()):
        where = place if call.index is None else call.index
        yield CallPiece(where, call.function.arguments or "", call.id, call.function.name)
    if choice.finish_reason is not None:
        yield Stop(WHY.get(choice.finish_reason, "end"))
