"""The Messages API: how a request is written, and how the events of its answer are read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from voicekit.llm.faults import told
from voicekit.llm.messages import (
    Ask,
    Assistant,
    CallPiece,
    Delta,
    Done,
    Fault,
    Message,
    Piece,
    Results,
    Stop,
    Usage,
    User,
    Why,
)
from voicekit.llm.model import Request, Secret, checked_url
from voicekit.llm.sse import ServerSentEvent

BASE_URL = "https://api.anthropic.com"
KEY_VARIABLE = "ANTHROPIC_API_KEY"
URL_VARIABLE = "ANTHROPIC_BASE_URL"
VERSION = "2023-06-01"

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


class MessagesModel:
    """A model behind `/v1/messages`. See `voicekit.llm.Model`."""

    service = "anthropic"

    def __init__(
        self,
        name: str,
        max_tokens: int,
        *,
        base_url: str | None = None,
        key: str | None = None,
        body: Mapping[str, Any] | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.name = name
        self.url = f"{checked_url(base_url or environ.get(URL_VARIABLE) or BASE_URL, 'anthropic')}/v1/messages"
        self._secret = Secret.find(key, KEY_VARIABLE, environ, "Anthropic")
        self._max_tokens = max_tokens
        self._body = body or {}

    def redact(self, text: str) -> str:
        return self._secret.redact(text)

    def request(self, ask: Ask) -> Request:
        body: dict[str, Any] = {
            "model": self.name,
            "max_tokens": self._max_tokens,
            "system": ask.system,
            "messages": written(ask.messages),
            "stream": True,
        }
        if ask.tools:
            body["tools"] = [
                {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}
                for tool in ask.tools
            ]
        if ask.tools and not ask.may_call:
            body["tool_choice"] = {"type": "none"}
        filled = {name: value for name, value in {**body, **self._body}.items() if value is not None}
        headers = {"x-api-key": self._secret.value, "anthropic-version": VERSION}
        return Request(self.url, headers, msgspec.json.encode(filled))

    def parse(self, event: ServerSentEvent) -> Iterable[Piece]:
        kind = _kind.decode(event.data).type
        if kind == "error":
            return (told(event.data.encode()) or Fault(event.data),)
        read = _READ.get(kind)
        return () if read is None else read(_decoder.decode(event.data))


def written(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """`messages` as the wire has them. Results are the caller's: what the caller says behind them joins them."""
    said: list[dict[str, Any]] = []
    for message in messages:
        role = "assistant" if isinstance(message, Assistant) else "user"
        if said and said[-1]["role"] == role:
            said[-1]["content"] += _blocks(message)
        else:
            said.append({"role": role, "content": _blocks(message)})
    return said


def _blocks(message: Message) -> list[dict[str, Any]]:
    match message:
        case User(text):
            return [{"type": "text", "text": text}]
        case Results(results):
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


def _begun(event: _Event) -> Iterable[Piece]:
    block = event.content_block
    if block.type == "tool_use":
        yield CallPiece(event.index, "", block.id, block.name)
    elif block.type == "text" and block.text:
        yield Delta(block.text)


def _more(event: _Event) -> Iterable[Piece]:
    if event.delta.type == "text_delta" and event.delta.text:
        yield Delta(event.delta.text)
    elif event.delta.type == "input_json_delta":
        yield CallPiece(event.index, event.delta.partial_json)


def _used(usage: _Usage) -> Usage:
    """What is read from and written to a cache is counted apart on this wire."""
    if usage.input_tokens is None:
        return Usage(None, usage.output_tokens)
    apart = (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
    return Usage(usage.input_tokens + apart, usage.output_tokens)


def _ended(event: _Event) -> Iterable[Piece]:
    if event.usage is not None:
        yield Usage(None, event.usage.output_tokens)
    if event.delta.stop_reason is not None:
        yield Stop(WHY.get(event.delta.stop_reason, "end"))


_READ: Mapping[str, Callable[[_Event], Iterable[Piece]]] = {
    "message_start": lambda event: (_used(event.message.usage),),
    "content_block_start": _begun,
    "content_block_delta": _more,
    "message_delta": _ended,
    "message_stop": lambda event: (Done(),),
}
"""The events that matter; pings, ends of blocks and kinds that are yet to come don't."""
