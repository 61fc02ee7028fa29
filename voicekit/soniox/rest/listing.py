"""Lists that come in pages, read as one: the next page is asked for when the one before has been used up."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Generic, TypeVar

from voicekit.errors import RemoteProtocolError

T = TypeVar("T")


class Listing(Generic[T]):
    """Everything in a list, once: `async for file in soniox.files.list()`. `pages` gives it page by page instead.

    Nothing is asked before the first step. Raises what the requests raise; nothing is left behind by stopping early.
    """

    def __init__(self, fetch: Callable[[str | None], Awaitable[tuple[tuple[T, ...], str | None]]]) -> None:
        self._pages = _Pages(fetch)
        self._here: tuple[T, ...] = ()
        self._place = 0

    def pages(self) -> AsyncIterator[tuple[T, ...]]:
        """The pages, as the service cuts them."""
        return self._pages

    def __aiter__(self) -> Listing[T]:
        return self

    async def __anext__(self) -> T:
        while self._place >= len(self._here):
            self._here, self._place = await self._pages.__anext__(), 0
        self._place += 1
        return self._here[self._place - 1]


class _Pages(Generic[T]):
    def __init__(self, fetch: Callable[[str | None], Awaitable[tuple[tuple[T, ...], str | None]]]) -> None:
        self._fetch = fetch
        self._cursor: str | None = None
        self._over = False

    def __aiter__(self) -> _Pages[T]:
        return self

    async def __anext__(self) -> tuple[T, ...]:
        if self._over:
            raise StopAsyncIteration
        things, cursor = await self._fetch(self._cursor)
        if cursor is not None and cursor == self._cursor:
            raise RemoteProtocolError("Soniox: expected another page, got the cursor of this one again")
        self._cursor, self._over = cursor, not cursor
        return things
