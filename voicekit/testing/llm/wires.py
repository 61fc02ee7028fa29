"""The service's side of the three wire formats for language models: writes answers and refusals."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from voicekit.testing.llm.answers import AnswerCalls

JsonObject = Mapping[str, Any]

GIVEN, WRITTEN, CACHED = 24, 7, 16
"""How many tokens every answer claims to have used."""


class ModelWire(Protocol):
    """Writes the events of one answer as bytes. The ids of tool calls are unique, because they contain the answer's
    number."""

    def begin(self) -> Iterable[bytes]: ...
    def words(self, text: str) -> Iterable[bytes]: ...
    def call(self, place: int, call: AnswerCalls) -> Iterable[bytes]: ...
    def refuse(self, text: str) -> Iterable[bytes]: ...
    def stop(self, why: str) -> Iterable[bytes]: ...
    def done(self) -> Iterable[bytes]: ...
    def fail(self, error_type: str, message: str) -> Iterable[bytes]: ...


def event(data: JsonObject, kind: str | None = None) -> bytes:
    """One server-sent event."""
    named = f"event: {kind}\n" if kind is not None else ""
    return f"{named}data: {json.dumps(data)}\n\n".encode()


class ChatWire:
    """The chat completions wire: it has unnamed chunks, and a last line that is not JSON."""

    def __init__(self, number: int) -> None:
        self._number = number

    _WHY: Mapping[str, str] = {"calls": "tool_calls", "length": "length", "filtered": "content_filter"}

    def begin(self) -> Iterable[bytes]:
        yield self._chunk({"role": "assistant", "content": "", "refusal": None})

    def words(self, text: str) -> Iterable[bytes]:
        yield self._chunk({"content": text})

    def call(self, place: int, call: AnswerCalls) -> Iterable[bytes]:
        which = call.numbered("index", place)
        own = {"id": call.id or f"call_{self._number}_{place}", "type": "function"}
        yield self._chunk({"tool_calls": [{**which, **own, "function": {"name": call.name, "arguments": ""}}]})
        for piece in call.cut():
            yield self._chunk({"tool_calls": [{**which, "function": {"arguments": piece}}]})

    def refuse(self, text: str) -> Iterable[bytes]:
        yield self._chunk({"refusal": text})

    def stop(self, why: str) -> Iterable[bytes]:
        yield self._chunk({}, self._WHY.get(why, "stop"))

    def done(self) -> Iterable[bytes]:
        details = {"cached_tokens": CACHED}
        usage = {"prompt_tokens": GIVEN, "completion_tokens": WRITTEN, "prompt_tokens_details": details}
        yield event({"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [], "usage": usage})
        yield b"data: [DONE]\n\n"

    def fail(self, error_type: str, message: str) -> Iterable[bytes]:
        yield event({"error": {"message": message, "type": error_type, "code": None}})

    def _chunk(self, delta: JsonObject, finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return event({"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "stand-in", "choices": [choice]})


class ResponsesWire:
    """The responses wire: it has named and numbered events, most of which repeat the content of earlier ones."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._events = 0

    def begin(self) -> Iterable[bytes]:
        yield self._event("response.created", response={"id": "resp_1", "status": "in_progress", "output": []})
        yield self._event("response.in_progress", response={"id": "resp_1", "status": "in_progress", "output": []})
        item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
        yield self._event("response.output_item.added", output_index=0, item=item)

    def words(self, text: str) -> Iterable[bytes]:
        yield self._event("response.output_text.delta", item_id="msg_1", output_index=0, content_index=0, delta=text)

    def call(self, place: int, call: AnswerCalls) -> Iterable[bytes]:
        where = call.numbered("output_index", place + 1)
        item = {
            "id": f"fc_{place}",
            "type": "function_call",
            "call_id": call.id or f"call_{self._number}_{place}",
            "name": call.name,
        }
        yield self._event("response.output_item.added", **where, item={**item, "arguments": ""})
        for piece in call.cut():
            yield self._event("response.function_call_arguments.delta", **where, item_id=f"fc_{place}", delta=piece)
        whole = "".join(call.cut())
        yield self._event("response.function_call_arguments.done", **where, item_id=f"fc_{place}", arguments=whole)
        yield self._event("response.output_item.done", **where, item={**item, "arguments": whole})

    def refuse(self, text: str) -> Iterable[bytes]:
        yield self._event("response.refusal.delta", item_id="msg_1", output_index=0, content_index=0, delta=text)

    def stop(self, why: str) -> Iterable[bytes]:
        usage = {
            "input_tokens": GIVEN,
            "input_tokens_details": {"cached_tokens": CACHED},
            "output_tokens": WRITTEN,
            "total_tokens": GIVEN + WRITTEN,
        }
        cut_short = {"length": "max_output_tokens", "filtered": "content_filter"}.get(why)
        if cut_short is None:
            yield self._event("response.completed", response={"id": "resp_1", "status": "completed", "usage": usage})
        else:
            response = {"status": "incomplete", "incomplete_details": {"reason": cut_short}, "usage": usage}
            yield self._event("response.incomplete", response={"id": "resp_1", **response})

    def done(self) -> Iterable[bytes]:
        """Write nothing, since this wire's last event has already been sent."""
        return ()

    def fail(self, error_type: str, message: str) -> Iterable[bytes]:
        error = {"code": error_type, "message": message}
        yield self._event("response.failed", response={"id": "resp_1", "status": "failed", "error": error})

    def _event(self, kind: str, **fields: Any) -> bytes:
        self._events += 1
        return event({"type": kind, "sequence_number": self._events - 1, **fields}, kind)


class MessagesWire:
    """The messages wire: it has blocks for text and for tool calls, each with a start and a stop event."""

    _WHY: Mapping[str, str] = {"calls": "tool_use", "length": "max_tokens", "filtered": "refusal", "refused": "refusal"}

    def __init__(self, number: int) -> None:
        self._number = number
        self._block = -1
        self._in_text = False

    def begin(self) -> Iterable[bytes]:
        usage = {
            "input_tokens": GIVEN - CACHED,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": CACHED,
            "output_tokens": 1,
        }
        message: JsonObject = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "content": [],
            "stop_reason": None,
        }
        yield self._event("message_start", message={**message, "usage": usage})
        yield self._event("ping")

    def words(self, text: str) -> Iterable[bytes]:
        if not self._in_text:
            self._block += 1
            self._in_text = True
            yield self._event("content_block_start", index=self._block, content_block={"type": "text", "text": ""})
        yield self._event("content_block_delta", index=self._block, delta={"type": "text_delta", "text": text})

    def call(self, place: int, call: AnswerCalls) -> Iterable[bytes]:
        yield from self._close()
        self._block += 1
        which = call.numbered("index", self._block)
        block = {"type": "tool_use", "id": call.id or f"toolu_{self._number}_{place}", "name": call.name, "input": {}}
        yield self._event("content_block_start", **which, content_block=block)
        for piece in ("", *call.cut()):
            delta = {"type": "input_json_delta", "partial_json": piece}
            yield self._event("content_block_delta", **which, delta=delta)

    def refuse(self, text: str) -> Iterable[bytes]:
        """Write only the stop reason, since this wire has no field for the words of a refusal."""
        return ()

    def stop(self, why: str) -> Iterable[bytes]:
        yield from self._close()
        delta = {"stop_reason": self._WHY.get(why, "end_turn"), "stop_sequence": None}
        yield self._event("message_delta", delta=delta, usage={"output_tokens": WRITTEN})

    def done(self) -> Iterable[bytes]:
        yield self._event("message_stop")

    def fail(self, error_type: str, message: str) -> Iterable[bytes]:
        yield self._event("error", error={"type": error_type, "message": message})

    def _close(self) -> Iterable[bytes]:
        if self._block >= 0:
            self._in_text = False
            yield self._event("content_block_stop", index=self._block)

    def _event(self, kind: str, **fields: Any) -> bytes:
        return event({"type": kind, **fields}, kind)
