"""A stand-in model server: takes requests over loopback or in memory, answers them as scripted, and remembers them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TypeAlias

import httpx
import trio

from voicekit.flow.groups import alone
from voicekit.testing.llm.answering import EVENTS, Asked, Response, streamed, told
from voicekit.testing.llm.answers import ScriptedAnswer, Status
from voicekit.testing.llm.http import serve_http
from voicekit.testing.llm.memory import ModelServerInMemory
from voicekit.testing.llm.refusals import why_refused
from voicekit.testing.llm.wires import ChatWire, MessagesWire, ModelWire, ResponsesWire

WIRES: Mapping[str, Callable[[int], ModelWire]] = {
    "/chat/completions": ChatWire,
    "/responses": ResponsesWire,
    "/v1/messages": MessagesWire,
}

ScriptedReply: TypeAlias = str | ScriptedAnswer | Status


class ModelServer:
    """Answers each request with the next of `replies`; when `replies` is used up, the function `otherwise` provides the
    answers.

    If `key` is given, any other key is rejected with status 401. `asked` holds the requests so far, oldest first,
    including those that were rejected. `greetings` counts requests other than POST, which only open a connection;
    `connections` counts all connections over loopback so far, and `open_connections` those that are still open.
    """

    def __init__(
        self,
        *replies: ScriptedReply,
        otherwise: Callable[[Asked], ScriptedReply] = lambda asked: "I see.",
        key: str | None = None,
    ) -> None:
        self.replies = list(replies)
        self.asked: list[Asked] = []
        self.connections = self.open_connections = self.greetings = 0
        self._otherwise = otherwise
        self._key = key

    @property
    def transport(self) -> httpx.AsyncBaseTransport:
        """An in-memory httpx transport to this server, for virtual time; it ignores the address of a request."""
        return ModelServerInMemory(self.take, self._was_greeted)

    @asynccontextmanager
    async def serve(self, port: int = 0) -> AsyncIterator[str]:
        """Serve on a port of 127.0.0.1, and yield the server's URL, without a path."""
        listeners = await trio.open_tcp_listeners(port, host="127.0.0.1")
        with alone():
            async with trio.open_nursery() as nursery:
                await nursery.start(trio.serve_listeners, self._connected, listeners)
                yield f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
                nursery.cancel_scope.cancel()

    async def _connected(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        self.open_connections += 1
        try:
            await serve_http(stream, self.take, self._was_greeted)
        finally:
            self.open_connections -= 1

    def _was_greeted(self) -> None:
        self.greetings += 1

    def take(self, path: str, headers: Mapping[str, str], body: bytes) -> tuple[Asked, Response]:
        """Answer one request."""
        asked = Asked(path, headers, json.loads(body or b"{}"))
        self.asked.append(asked)
        reply = self._refusal(asked) or (self.replies.pop(0) if self.replies else self._otherwise(asked))
        if isinstance(reply, Status):
            return asked, told(reply, asked)
        answer = ScriptedAnswer(reply) if isinstance(reply, str) else reply
        wire = next(wire for ending, wire in WIRES.items() if path.endswith(ending))(len(self.asked))
        return asked, Response(200, [("content-type", EVENTS)], streamed(answer, wire, asked))

    def _refusal(self, asked: Asked) -> Status | None:
        if not any(asked.path.endswith(ending) for ending in WIRES):
            return Status(404, "not_found_error", f"no such path: {asked.path}")
        if self._key is not None and self._key not in (
            asked.headers.get("x-api-key"),
            asked.headers.get("authorization", "").removeprefix("Bearer "),
        ):
            return Status(401, "authentication_error", f"invalid key: {asked.headers.get('authorization')}")
        why = why_refused(asked.path, asked.body)
        return Status(400, "invalid_request_error", why) if why is not None else None
