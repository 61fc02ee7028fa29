"""One request to the stand-in for a language model, and the answer, in any wire format."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import trio

from voicekit.testing.llm.answers import (
    AnswerCalls,
    AnswerCut,
    AnswerStall,
    Broken,
    Fails,
    Pause,
    Refuses,
    ScriptedAnswer,
    Status,
    Stops,
    tokens,
)
from voicekit.testing.llm.wires import ModelWire

EVENTS = "text/event-stream; charset=utf-8"
JSON = "application/json"


class ConnectionCut(Exception):
    """Raised where the script ends the connection."""


@dataclass
class Asked:
    """One request. `complete` says whether the whole answer was sent; `left` is set if the client left before that.

    `sent` holds the times, by trio's clock, at which the tokens of the answer were sent.
    """

    path: str
    headers: Mapping[str, str]
    body: Any
    sent: list[float] = field(default_factory=list)
    complete: bool = False
    left: trio.Event = field(default_factory=trio.Event)

    @property
    def said(self) -> str:
        """The caller's last message."""
        texts = [text for role, text in self.transcript if role == "user"]
        return texts[-1] if texts else ""

    @property
    def transcript(self) -> list[tuple[str, str]]:
        """The conversation as (role, text) pairs, without tool calls and results; the same for every wire format."""
        items = self.body.get("messages") or self.body.get("input") or []
        spoken = [(item.get("role", ""), _text(item.get("content"))) for item in items]
        return [(role, text) for role, text in spoken if text and role in ("user", "assistant")]


@dataclass
class Response:
    """The headers of an answer, and its body as an async stream."""

    status: int
    headers: list[tuple[str, str]]
    body: AsyncGenerator[bytes, None]


Take: TypeAlias = Callable[[str, Mapping[str, str], bytes], tuple[Asked, Response]]
"""A function that answers a request, given its path, headers and body."""


async def streamed(answer: ScriptedAnswer, wire: ModelWire, asked: Asked) -> AsyncGenerator[bytes, None]:
    """Yield the events of `answer`. Raises ConnectionCut where the script ends the connection."""
    for chunk in wire.begin():
        yield chunk
    stop, calls = "end", 0
    trouble: AnswerCut | AnswerStall | None = None
    for part in answer.parts:
        match part:
            case str():
                for token in tokens(part):
                    await trio.sleep(answer.every)  # even a sleep of 0 lets other tasks run
                    chunks = list(wire.words(token))
                    asked.sent.append(trio.current_time())
                    for chunk in chunks:
                        yield chunk
            case AnswerCalls():
                stop = "calls"
                for chunk in wire.call(calls, part):
                    await trio.sleep(answer.every)  # even a sleep of 0 lets other tasks run
                    yield chunk
                calls += 1
            case Refuses(text):
                stop = "refused"
                for chunk in wire.refuse(text):
                    yield chunk
            case Stops(why):
                stop = why
            case Pause(seconds):
                await trio.sleep(seconds)
            case AnswerCut(None) | AnswerStall(None):
                await _go_through(part)
            case AnswerCut() | AnswerStall():
                trouble = part
            case Broken():
                yield b'data: {"choices": [\n\n'
            case Fails(error_type, message):
                for chunk in wire.fail(error_type, message):
                    yield chunk
    for word, ending in ("stop", wire.stop(stop)), ("done", wire.done()):
        for chunk in ending:
            yield chunk
        if trouble is not None and trouble.behind == word:
            await _go_through(trouble)
    asked.complete = True


async def _go_through(trouble: AnswerCut | AnswerStall) -> None:
    if isinstance(trouble, AnswerCut):
        raise ConnectionCut
    await trio.sleep_forever()


def told(status: Status, asked: Asked) -> Response:
    """The response that reports the error `status`."""
    error = {"error": {"type": status.error_type, "code": status.error_type, "message": status.message}}
    body = status.body if status.body is not None else json.dumps({"type": "error", **error}).encode()
    headers = [("content-type", JSON), ("content-length", str(len(body))), ("x-request-id", "req_1")]
    if status.retry_after is not None:
        headers.append(("retry-after", f"{status.retry_after:g}"))

    async def once() -> AsyncGenerator[bytes, None]:
        yield body
        asked.complete = True

    return Response(status.code, headers, once())


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(block["text"] for block in content if block.get("type") == "text")
    return content or ""
