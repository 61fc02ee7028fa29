"""The Messages API: how a request is written, and how the events of its answer are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
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
    ModelUsage,
    Stop,
    ToolResults,
    User,
    Why,
)
from voicekit.llm.model import HttpModel
from voicekit.llm.sse import ServerSentEvent

MAX_TOKENS = 1024
"""Of one answer: some six minutes of speech. The service wants to be told a limit."""

WHY: Mapping[str, Why] = {
    "end_turn": "end",
    "stop_sequence": "end",
    "pause_turn": "end",
    "tool_use": "calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refused",
}


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None


class _Message(msgspec.Struct):
    usage: _Usage = msgspec.field(default_factory=_Usage)


class _Block(msgspec.Struct):
    type: str = ""
    text: str = ""
    id: str | None = None
    name: str | None = None


class _Delta(msgspec.Struct):
    type: str = ""
    text: str = ""
    partial_json: str = ""
    stop_reason: str | None = None


class _Event(msgspec.Struct):
    type: str = ""
    index: int = 0
    message: _Message = msgspec.field(default_factory=_Message)
    content_block: _Block = msgspec.field(default_factory=_Block)
    delta: _Delta = msgspec.field(default_factory=_Delta)
    usage: _Usage | None = None


class _Kind(msgspec.Struct):
    type: str = ""


_kind = msgspec.json.Decoder(_Kind)
_decoder = msgspec.json.Decoder(_Event)


class MessagesModel(HttpModel):
    """A model behind `/v1/messages`. See `voicekit.llm.Model`."""

    service, path = "anthropic", "/v1/messages"

    def fields(self, query: ModelQuery) -> Mapping[str, Any]:
        tools = [
            {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}
            for tool in query.tools
        ]
        return {
            "model": self.name,
            "max_tokens": MAX_TOKENS,
            "system": query.system,
            "messages": written(query.messages),
            "stream": True,
            "tools": tools or None,
            "tool_choice": {"type": "none"} if tools and not query.may_call else None,
        }

    def parse(self, event: ServerSentEvent) -> Iterable[ModelPiece]:
        kind = _kind.decode(event.data).type
        if kind == "error":
            return (told(event.data.encode()) or ModelFault(event.data),)
        read = _READ.get(kind)
        return () if read is None else read(_decoder.decode(event.data))


def written(messages: Sequence[ModelMessage]) -> list[dict[str, Any]]:
    """`messages` as the wire has them. Results are the caller's: what the caller says behind them joins them."""
    said: list[dict[str, Any]] = []
    for message in messages:
        role = "assistant" if isinstance(message, Assistant) else "user"
        if said and said[-1]["role"] == role:
            said[-1]["content"] += _blocks(message)
        else:
            said.append({"role": role, "content": _blocks(message)})
    return said


def _blocks(message: ModelMessage) -> list[dict[str, Any]]:
    match message:
        case User(text):
            return [{"type": "text", "text": text}]
        case ToolResults(results):
            return [
                {"type": "tool_result", "tool_use_id": result.id, "content": result.text, "is_error": result.failed}
                for result in results
            ]
        case Assistant(text, calls):
            called = [
                {"type": "tool_use", "id": call.id, "name": call.name, "input": msgspec.json.decode(call.arguments)}
                for call in calls
            ]
            return [{"type": "text", "text": text}, *called] if text else called


def _begun(event: _Event) -> Iterable[ModelPiece]:
    block = event.content_block
    if block.type == "tool_use":
        yield CallPiece(event.index, "", block.id, block.name)
    elif block.type == "text" and block.text:
        yield Delta(block.text)


def _more(event: _Event) -> Iterable[ModelPiece]:
    if event.delta.type == "text_delta" and event.delta.text:
        yield Delta(event.delta.text)
    elif event.delta.type == "input_json_delta":
        yield CallPiece(event.index, event.delta.partial_json)


def _used(usage: _Usage) -> ModelUsage:
    """What is read from and written to a cache is counted apart on this wire."""
    if usage.input_tokens is None:
        return ModelUsage(None, usage.output_tokens)
    apart = (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
    return ModelUsage(usage.input_tokens + apart, usage.output_tokens)


def _ended(event: _Event) -> Iterable[ModelPiece]:
    if event.usage is not None:
        yield ModelUsage(None, event.usage.output_tokens)
    if event.delta.stop_reason is not None:
        yield Stop(WHY.get(event.delta.stop_reason, "end"))


_READ: Mapping[str, Callable[[_Event], Iterable[ModelPiece]]] = {
    "message_start": lambda event: (_used(event.message.usage),),
    "content_block_start": _begun,
    "content_block_delta": _more,
    "message_delta": _ended,
    "message_stop": lambda event: (Done(),),
}
"""The events that matter; pings, ends of blocks and kinds that are yet to come don't."""
