"""The Responses API. Nothing is stored at the service: each request tells the whole call, as it was heard."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

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
    User,
    Why,
)
from voicekit.llm.model import HttpModel
from voicekit.llm.sse import ServerSentEvent
from voicekit_openai.chat import described

INCOMPLETE: Mapping[str, Why] = {"max_output_tokens": "length", "content_filter": "filtered"}


class _Item(msgspec.Struct):
    type: str = ""
    call_id: str | None = None
    name: str | None = None
    arguments: str = ""


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None


class _Details(msgspec.Struct):
    reason: str = ""


class _Error(msgspec.Struct):
    message: str = ""
    code: str | None = None


class _Response(msgspec.Struct):
    usage: _Usage | None = None
    error: _Error | None = None
    incomplete_details: _Details | None = None


class _Event(msgspec.Struct):
    """All that any of the events tells which matter here."""

    type: str = ""
    delta: str = ""
    output_index: int = 0
    item: _Item = msgspec.field(default_factory=_Item)
    response: _Response = msgspec.field(default_factory=_Response)
    message: str = ""
    code: str | None = None


class _Kind(msgspec.Struct):
    type: str = ""


_kind = msgspec.json.Decoder(_Kind)
_decoder = msgspec.json.Decoder(_Event)


class ResponsesModel(HttpModel):
    """A model behind `/responses`. See `voicekit.llm.Model`."""

    service, path = "openai", "/responses"

    def fields(self, query: ModelQuery) -> Mapping[str, Any]:
        tools = [{"type": "function", "strict": False, **described(tool)} for tool in query.tools]
        return {
            "model": self.name,
            "instructions": query.system,
            "input": list(written(query.messages)),
            "stream": True,
            "store": False,
            "tools": tools or None,
            "tool_choice": "none" if tools and not query.may_call else None,
        }

    def parse(self, event: ServerSentEvent) -> Iterable[ModelPiece]:
        read = _READ.get(_kind.decode(event.data).type)
        return () if read is None else read(_decoder.decode(event.data))


def written(messages: Sequence[ModelMessage]) -> Iterable[dict[str, Any]]:
    """`messages` as the wire has them; calls and results are items of their own."""
    for message in messages:
        match message:
            case User(text):
                yield {"role": "user", "content": text}
            case Assistant(text, calls):
                if text:
                    yield {"role": "assistant", "content": text}
                for call in calls:
                    yield {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments}
            case ToolResults(results):
                for result in results:
                    yield {"type": "function_call_output", "call_id": result.id, "output": result.text}


def _call(event: _Event) -> Iterable[ModelPiece]:
    item = event.item
    if item.type == "function_call":
        yield CallPiece(event.output_index, item.arguments, item.call_id, item.name)


def _completed(event: _Event) -> Iterable[ModelPiece]:
    yield from _used(event)
    yield Stop("end")
    yield Done()


def _incomplete(event: _Event) -> Iterable[ModelPiece]:
    details = event.response.incomplete_details
    yield from _used(event)
    yield Stop(INCOMPLETE.get(details.reason if details else "", "length"))
    yield Done()


def _failed(event: _Event) -> Iterable[ModelPiece]:
    error = event.response.error or _Error(event.message, event.code)
    yield ModelFault(error.message, error.code)


def _used(event: _Event) -> Iterable[ModelPiece]:
    usage = event.response.usage
    if usage is not None:
        yield ModelUsage(usage.input_tokens, usage.output_tokens)


_READ: Mapping[str, Callable[[_Event], Iterable[ModelPiece]]] = {
    "response.output_text.delta": lambda event: (Delta(event.delta),),
    "response.refusal.delta": lambda event: (ModelRefusal(event.delta),),
    "response.output_item.added": _call,
    "response.function_call_arguments.delta": lambda event: (CallPiece(event.output_index, event.delta),),
    "response.completed": _completed,
    "response.incomplete": _incomplete,
    "response.failed": _failed,
    "error": _failed,
}
"""The events that matter, of some fifty; the others repeat what these have said, or tell of what we don't ask for."""
