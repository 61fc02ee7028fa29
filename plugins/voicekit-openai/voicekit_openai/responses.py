"""The Responses API. The service stores nothing: a request contains the whole conversation, as the caller heard it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

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
    ModelRefusal,
    ModelUsage,
    Stop,
    ToolResults,
    User,
    Why,
)
from voicekit.llm.model import HttpModel
from voicekit.llm.sse import ServerSentEvent
from voicekit_openai.chat import arguments, described

INCOMPLETE: Mapping[str, Why] = {"max_output_tokens": "length", "content_filter": "filtered"}


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
        data = JsonValue.read(event.data)
        read = _READ.get(data["type"].word or event.kind)
        return () if read is None else read(data)


def written(messages: Sequence[ModelMessage]) -> Iterable[dict[str, Any]]:
    """`messages` in the API's format; tool calls and their results are separate items."""
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


def _item(item: JsonValue, place: int | None, *, final: bool) -> Iterable[ModelPiece]:
    """The pieces in an item of the output: a tool call or, if the item is `final`, also a message."""
    kind, name = item["type"].word, item["name"].word
    if kind == "function_call" or (not kind and name):
        written = arguments(item["arguments"]) if final else item["arguments"].word
        yield CallPiece(place, written, item["call_id"].word, name, final)
    elif final and kind in ("message", ""):
        for part in item["content"]:
            if text := part.text:
                yield Delta(text, final)
            if refusal := part["refusal"].text:
                yield ModelRefusal(refusal, final)


def _begun(data: JsonValue) -> Iterable[ModelPiece]:
    return _item(data["item"], data["output_index"].number, final=False)


def _done(data: JsonValue) -> Iterable[ModelPiece]:
    return _item(data["item"], data["output_index"].number, final=True)


def _arguments(data: JsonValue) -> Iterable[ModelPiece]:
    yield CallPiece(data["output_index"].number, data["delta"].word)


def _all_arguments(data: JsonValue) -> Iterable[ModelPiece]:
    yield CallPiece(data["output_index"].number, arguments(data["arguments"]), None, data["name"].word, final=True)


def _ended(data: JsonValue) -> Iterable[ModelPiece]:
    response, kind = data["response"], data["type"].word
    items = list(response["output"])
    if text := "".join(part.text for item in items if item["type"].word in ("message", "") for part in item["content"]):
        yield Delta(text, final=True)
    for item in items:
        if item["type"].word != "message":
            yield from _item(item, None, final=True)
    usage = response["usage"]
    yield ModelUsage(usage["input_tokens"].number, usage["output_tokens"].number)
    reason = response["incomplete_details"]["reason"].word
    cut_short = kind == "response.incomplete" or response["status"].word == "incomplete" or bool(reason)
    yield Stop(INCOMPLETE.get(reason, "length") if cut_short else "end")
    yield Done()


def _failed(data: JsonValue) -> Iterable[ModelPiece]:
    error = next((error for error in (data["response"]["error"], data["error"], data) if error), data)
    yield ModelFault(error["message"].text, error["code"].word or None)


_READ: Mapping[str, Callable[[JsonValue], Iterable[ModelPiece]]] = {
    "response.output_text.delta": lambda data: (Delta(data["delta"].text),),
    "response.output_text.done": lambda data: (Delta(data["text"].text, final=True),),
    "response.refusal.delta": lambda data: (ModelRefusal(data["delta"].text),),
    "response.refusal.done": lambda data: (ModelRefusal(data["refusal"].text, final=True),),
    "response.output_item.added": _begun,
    "response.output_item.done": _done,
    "response.function_call_arguments.delta": _arguments,
    "response.function_call_arguments.done": _all_arguments,
    "response.completed": _ended,
    "response.incomplete": _ended,
    "response.failed": _failed,
    "error": _failed,
}
"""The events that we need, of about fifty; the others repeat these, or report things we don't need."""
