"""Bodies of requests and answers. They close all of httpx's generators, because trio warns about open ones."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import httpx
import trio

CLOSE_S: Final = 0.5  # seconds allowed for returning a connection to the pool; this does not wait for the peer


class RequestBody(httpx.AsyncByteStream):
    """A request body that is passed on unchanged. httpx's own bodies are generators, which httpx leaves open when a
    request fails."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._pieces


class InOne:
    """Yields a body as a single piece, or nothing if there is no body."""

    def __init__(self, data: bytes | None) -> None:
        self._left = [] if data is None else [data]

    def __aiter__(self) -> InOne:
        return self

    async def __anext__(self) -> bytes:
        if not self._left:
            raise StopAsyncIteration
        return self._left.pop()


@asynccontextmanager
async def reading(response: httpx.Response) -> AsyncIterator[AsyncIterator[bytes]]:
    """Provide the pieces of the answer's body; the block may end before all of them have arrived.

    httpx reads through a chain of generators and closes only the outermost one, and trio warns about the others. So if
    the block ends early, reading continues in a cancelled scope, which ends all generators and the connection. This is
    not needed for an answer from a mock transport, which is already complete.
    """
    if response.is_stream_consumed:
        yield InOne(response.content)
        return
    pieces = response.aiter_raw()
    try:
        yield pieces
    finally:
        with trio.CancelScope() as scope:
            scope.cancel()
            with suppress(httpx.RequestError):  # the answer is abandoned, so errors in the rest of it do not matter
                while await anext(pieces, None) is not None:
                    pass  # skips data that has already been received


async def close(response: httpx.Response) -> None:
    """Return the connection to the pool, or close it. This works even during a cancellation, since it does not wait for
    the peer.
    """
    with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_S):
        await response.aclose()
