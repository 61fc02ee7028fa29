"""An in-memory httpx transport to the stand-in for a language model, for virtual time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing

import httpx
import trio

from voicekit.testing.llm.answering import Asked, ConnectionCut, Take


class ModelServerInMemory(httpx.AsyncBaseTransport):
    """Answers requests to any address by calling `take`; `greeted` is called for each request other than POST."""

    def __init__(self, take: Take, greeted: Callable[[], None]) -> None:
        self._take = take
        self._greeted = greeted

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await trio.lowlevel.checkpoint()
        if request.method != "POST":
            self._greeted()
            return httpx.Response(405)
        asked, response = self._take(request.url.path, request.headers, await request.aread())
        return httpx.Response(response.status, headers=response.headers, stream=_Stream(asked, response.body))


class _Stream(httpx.AsyncByteStream):
    def __init__(self, asked: Asked, body: AsyncGenerator[bytes, None]) -> None:
        self._asked = asked
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async with aclosing(self._body) as chunks:
            try:
                async for chunk in chunks:
                    await trio.lowlevel.checkpoint()
                    yield chunk
            except ConnectionCut:
                raise httpx.RemoteProtocolError("the test server cut the connection") from None

    async def aclose(self) -> None:
        if not self._asked.complete:
            self._asked.left.set()
