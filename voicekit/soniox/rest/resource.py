"""The common operations on all kinds of objects that the service stores: list, read, count and delete."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import cache
from typing import Any, Final, Generic, TypeAlias, TypeVar

from msgspec import Struct, defstruct, structs

from voicekit.errors import ConfigError, RemoteProtocolError
from voicekit.soniox.rest.http import rest_limits as limits
from voicekit.soniox.rest.http.driver import Http, RestQuery
from voicekit.soniox.rest.http.retry import Repeat
from voicekit.soniox.rest.http.upload import Content, Upload, UploadProgress
from voicekit.soniox.rest.schema.answers import Count
from voicekit.soniox.rest.schema.requests import check

ID_LENGTH: Final = 256  # the maximum length of an id, in characters; the service's own ids are much shorter
EMPTY_PAGES: Final = 30
"""How many empty pages in a row are an error; a real list has none before its end."""

T = TypeVar("T")
T_struct = TypeVar("T_struct", bound=Struct)

Fetch: TypeAlias = Callable[[str | None], Awaitable[tuple[tuple[T, ...], str | None]]]
"""A function that fetches a page and the cursor of the next one, which is None or empty at the end."""


class Listing(Generic[T]):
    """All entries of a list, each only once: `async for file in soniox.files.list()`. `pages` yields whole pages
    instead.

    The first page is requested when the iteration starts, and each further page when the previous one is used up. The
    iteration raises the errors of its requests, and RemoteProtocolError if the pages form a loop. You may stop at any
    time; nothing needs to be closed.
    """

    def __init__(self, fetch: Fetch[T]) -> None:
        self._pages = _Pages(fetch)
        self._here: tuple[T, ...] = ()
        self._place = 0

    def pages(self) -> AsyncIterator[tuple[T, ...]]:
        """Yield whole pages, as the service returns them."""
        return self._pages

    def __aiter__(self) -> Listing[T]:
        return self

    async def __anext__(self) -> T:
        while self._place >= len(self._here):
            self._here, self._place = await anext(self._pages), 0
        self._place += 1
        return self._here[self._place - 1]


class _Pages(Generic[T]):
    """Fetches pages in order. A loop is detected with a single stored cursor, as in Brent's algorithm."""

    def __init__(self, fetch: Fetch[T]) -> None:
        self._fetch = fetch
        self._cursor: str | None = None
        self._kept: str | None = None
        self._read = self._keep_at = 1
        self._empty = 0
        self._over = False

    def __aiter__(self) -> _Pages[T]:
        return self

    async def __anext__(self) -> tuple[T, ...]:
        if self._over:
            raise StopAsyncIteration
        things, self._cursor = await self._fetch(self._cursor)
        self._over = not self._cursor
        self._empty = 0 if things else self._empty + 1
        if self._cursor and self._cursor == self._kept:
            raise RemoteProtocolError("Soniox: expected the next page, got a cursor that was already used")
        if self._empty > EMPTY_PAGES:
            raise RemoteProtocolError(f"Soniox: expected the list to end, got {self._empty} empty pages in a row")
        if self._read == self._keep_at:
            self._kept, self._keep_at = self._cursor, 2 * self._keep_at
        self._read += 1
        return things


class Resource(Generic[T_struct]):
    """Lists, looks up, counts and deletes the objects of one kind. Every method may raise ServiceError, or ConfigError
    for values that the service would reject."""

    def __init__(self, http: Http, url: str, kind: type[T_struct]) -> None:
        self._http = http
        self._url = url
        self._kind = kind

    def list(self, *, page: int = limits.PAGE[1]) -> Listing[T_struct]:
        """All objects, oldest first; `page` is how many are requested at a time (1 to 1000)."""
        return listing(self._http, self._url, self._kind, page)

    async def get(self, id_: str) -> T_struct:
        """The object with this id. Raises ServiceError with code 404 if there is no such object."""
        return await self._http.answer(RestQuery("GET", at(self._url, id_)), self._kind)

    async def count(self) -> Count:
        """The number of objects."""
        return await self._http.answer(RestQuery("GET", f"{self._url}/count"), Count)

    async def delete(self, id_: str) -> None:
        """Delete the object with this id. Raises ServiceError with code 404 if there is no such object."""
        await self._http.done(RestQuery("DELETE", at(self._url, id_), status=204))

    async def _upload(
        self, content: Content, fields: Struct, most: int, filename: str | None, progress: UploadProgress | None
    ) -> T_struct:
        check(fields)
        form = {name: value for name, value in structs.asdict(fields).items() if value is not None}
        upload = Upload(content, filename=filename, fields=form, most=most, progress=progress)
        ask = RestQuery("POST", self._url, upload=upload, status=201, repeat=Repeat.UNSTARTED)
        return await self._http.answer(ask, self._kind)


def listing(
    http: Http,
    url: str,
    kind: type[T_struct],
    page: int,
    query: Mapping[str, Any] | None = None,
    bounds: tuple[int, int] = limits.PAGE,
) -> Listing[T_struct]:
    """The list at `url`. Raises ConfigError for a page size outside `bounds`."""
    if not bounds[0] <= page <= bounds[1]:
        raise ConfigError(f"Soniox option limit: expected {bounds[0]} to {bounds[1]} entries per page, got {page}")

    async def fetch(cursor: str | None) -> tuple[tuple[T_struct, ...], str | None]:
        ask = RestQuery("GET", url, {**(query or {}), "limit": page, "cursor": cursor})
        got: Any = await http.answer(ask, page_of(kind))
        return got.entries, got.next_page_cursor

    return Listing(fetch)


@cache
def page_of(kind: type[Struct]) -> type[Struct]:
    """Return the type of one page of `kind` objects. The entries are in the field that the service uses for this
    kind."""
    fields = [("entries", tuple[kind, ...], ()), ("next_page_cursor", str | None, None)]  # type: ignore[valid-type]
    return defstruct(f"{kind.__name__}Page", fields, frozen=True, rename={"entries": _ENTRIES[kind.__name__]})


_ENTRIES: Final = {
    "File": "files",
    "Transcription": "transcriptions",
    "Voice": "voices",
    "SharedVoice": "voices",
    "SttModel": "models",
    "TtsModel": "models",
    "UsageLog": "usage_logs",
}


def at(url: str, name: str, *more: str) -> str:
    """The address of one object. Raises ConfigError for an id that would change the path."""
    fits = 0 < len(name) <= ID_LENGTH and all(letter.isalnum() or letter in "-_." for letter in name)
    if not fits or ".." in name:
        raise ConfigError(f"Soniox id: expected letters, digits, '-', '_' and '.', got {name[:80]!r}")
    return "/".join((url, name, *more))
