"""Files at the service: uploaded, listed, deleted. They go by themselves after 30 days."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from voicekit.errors import ConfigError
from voicekit.soniox.rest.http import rest_limits as limits
from voicekit.soniox.rest.http.driver import Http, RestQuery
from voicekit.soniox.rest.http.retry import Repeat
from voicekit.soniox.rest.http.upload import Content, Upload, UploadProgress
from voicekit.soniox.rest.listing import Listing
from voicekit.soniox.rest.schema.answers import Count, File
from voicekit.soniox.rest.schema.requests import FileFields, check

ID_LENGTH: Final = 256  # far longer than any id


class FilesPage(Struct, frozen=True):
    """One page of the list."""

    files: tuple[File, ...] = ()
    next_page_cursor: str | None = None


class Files:
    """`soniox.files`. Every method raises ServiceError, and ConfigError for what the service would refuse."""

    def __init__(self, http: Http, base: str) -> None:
        self._http = http
        self._url = f"{base}/v1/files"

    async def upload(
        self,
        content: Content,
        *,
        filename: str | None = None,
        client_reference_id: str | None = None,
        progress: UploadProgress | None = None,
    ) -> File:
        """Upload a path, bytes, an open file or whatever yields bytes, in pieces, never all of it in memory.

        At most 1 GiB. If the connection is lost, Unavailable says how far it had come; the service has kept nothing
        that we know of. Cancelling leaves nothing behind.
        """
        fields = FileFields(client_reference_id=client_reference_id)
        check(fields)
        upload = Upload(
            content, filename=filename, fields=form_fields(fields), most=limits.FILE_BYTES, progress=progress
        )
        ask = RestQuery("POST", self._url, upload=upload, status=201, repeat=Repeat.UNSTARTED)
        return await self._http.answer(ask, File)

    def list(self, *, page: int = limits.PAGE[1]) -> Listing[File]:
        """All files, oldest first; `page` is how many are asked for at a time (1 to 1000)."""
        check_page(page)

        async def fetch(cursor: str | None) -> tuple[tuple[File, ...], str | None]:
            got = await self._http.answer(RestQuery("GET", self._url, {"limit": page, "cursor": cursor}), FilesPage)
            return got.files, got.next_page_cursor

        return Listing(fetch)

    async def get(self, file_id: str) -> File:
        """What is known about a file; ServiceError with the code 404 where there is none."""
        return await self._http.answer(RestQuery("GET", at(self._url, file_id)), File)

    async def count(self) -> Count:
        """How many files there are."""
        return await self._http.answer(RestQuery("GET", f"{self._url}/count"), Count)

    async def delete(self, file_id: str) -> None:
        """Delete a file; ServiceError with the code 404 where there is none."""
        await self._http.done(RestQuery("DELETE", at(self._url, file_id), status=204))


def at(url: str, name: str, *more: str) -> str:
    """The address of one thing; ConfigError for a name that would lead elsewhere."""
    if (
        not 0 < len(name) <= ID_LENGTH
        or not all(letter.isalnum() or letter in "-_." for letter in name)
        or ".." in name
    ):
        raise ConfigError(f"Soniox id: expected letters, digits, '-', '_' and '.', got {name[:80]!r}")
    return "/".join((url, name, *more))


def check_page(size: int, bounds: tuple[int, int] = limits.PAGE) -> None:
    if not bounds[0] <= size <= bounds[1]:
        raise ConfigError(f"Soniox option limit: expected {bounds[0]} to {bounds[1]} entries a page, got {size}")


def form_fields(request: Struct) -> dict[str, str]:
    """The fields of a form, without those that are not given."""
    return {name: value for name, value in msgspec.structs.asdict(request).items() if value is not None}
