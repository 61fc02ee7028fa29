"""The Messages API: writes requests, and reads the events in the responses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from voicekit.llm.faults import told
from voicekit.llm.json_value import JsonValue
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
"""The maximum number of tokens in an answer: about six minutes of speech. The service requires a limit."""

WHY: Mapping[str, Why] = {
    "end_turn": "end",
    "stop_sequence": "end",
    "pause_turn": "end",
    "tool_use": "calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refused",
}


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
        data = JsonValue.read(event.data)
        kind = data["type"].word or event.kind
        if kind == "error":
            return (told(event.data) or ModelFault(event.data),)
        read = _READ.get(kind)
        return () if read is None else read(data)


def written(messages: Sequence[ModelMessage]) -> list[dict[str, Any]]:
    """`messages` in the API's format. Tool results become a user message, and the caller's next words are added to
    that message.
    """
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


def _begun(data: JsonValue) -> Iterable[ModelPiece]:
    block = data["content_block"]
    kind, name, place = block["type"].word, block["name"].word, data["index"].number
    if kind == "tool_use" or (not kind and name):
        yield CallPiece(place, "", block["id"].word, name)
        if block["input"]:  # the complete input, unless it is sent in pieces
            yield CallPiece(place, msgspec.json.encode(block["input"].raw).decode(), block["id"].word, name, final=True)
    elif text := block.part:
        yield Delta(text)


def _more(data: JsonValue) -> Iterable[ModelPiece]:
    delta = data["delta"]
    if text := delta.part:
        yield Delta(text)
    elif piece := delta["partial_json"].word:
        yield CallPiece(data["index"].number, piece)


def _used(usage: JsonValue) -> ModelUsage:
    """Tokens read from and written to a cache are counted separately in this API."""
    given = usage["input_tokens"].number
    apart = (usage[f"cache_{how}_input_tokens"].number or 0 for how in ("read", "creation"))
    return ModelUsage(None if given is None else given + sum(apart), usage["output_tokens"].number)


def _ended(data: JsonValue) -> Iterable[ModelPiece]:
    yield ModelUsage(None, data["usage"]["output_tokens"].number)
    if reason := data["delta"]["stop_reason"].word:
        yield Stop(WHY.get(reason, "end"))


_READ: Mapping[str, Callable[[JsonValue], Iterable[ModelPiece]]] = {
    "message_start": lambda data: (_used(data["message"]["usage"]),),
    "content_block_start": _begun,
    "content_block_delta": _more,
    "message_delta": _ended,
    "message_stop": lambda data: (Done(),),
}
"""The events that matter; pings, ends of blocks and future kinds are ignored."""
