"""Bodies under httpx, both ways, without leaving one of its generators open: trio detects every one that is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import httpx
import trio

CLOSE_S: Final = 0.5  # for returning a connection to the pool, which does not wait for the peer


class RequestBody(httpx.AsyncByteStream):
    """A body that is passed on unchanged. httpx's own are generators, which it leaves open when a request fails."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._pieces


class InOne:
    """The pieces of a body that has one, or none."""

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
    """The pieces of the body; the block may be left before their end.

    httpx reads through a chain of generators and closes only the outermost, and trio warns about the others. So if the
    body is left early, it is read on with a cancellation: this ends all of them, and the connection. The answer of a
    mock is already complete.
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
            with suppress(httpx.RequestError):  # the answer is abandoned, so its end does not matter
                while await anext(pieces, None) is not None:
                    pass  # skips what was already received


async def close(response: httpx.Response) -> None:
    """Return the connection to the pool, or close it; works even while being cancelled, as it does not wait for the
    peer.
    """
    with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_S):
        await response.aclose()
