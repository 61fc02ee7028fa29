"""Voices: those that come with a model, and one's own, made from a recording."""

from __future__ import annotations

from msgspec import Struct, structs

from voicekit.soniox.rest.files import at, check_page, form_fields
from voicekit.soniox.rest.http import rest_limits as limits
from voicekit.soniox.rest.http.driver import Http, RestQuery
from voicekit.soniox.rest.http.retry import Repeat
from voicekit.soniox.rest.http.upload import Content, Upload, UploadProgress
from voicekit.soniox.rest.listing import Listing
from voicekit.soniox.rest.schema.answers import SharedVoice, Voice
from voicekit.soniox.rest.schema.requests import RecomputeRequest, SharedVoicesQuery, VoiceFields, check


class SharedVoicesPage(Struct, frozen=True):
    """One page of the list."""

    voices: tuple[SharedVoice, ...] = ()
    next_page_cursor: str | None = None


class VoicesPage(Struct, frozen=True):
    """One page of the list."""

    voices: tuple[Voice, ...] = ()
    next_page_cursor: str | None = None


class VoicesCount(Struct, frozen=True):
    """How many there are."""

    total: int = 0


class Voices:
    """`soniox.voices`. Every method raises ServiceError, and ConfigError for what the service would refuse."""

    def __init__(self, http: Http, base: str) -> None:
        self._http = http
        self._shared = f"{base}/v1/shared-voices"
        self._url = f"{base}/v1/voices"

    def shared(self, query: SharedVoicesQuery | None = None, *, page: int = 100) -> Listing[SharedVoice]:
        """The voices that come with a model and fit all of `query`; `page` is how many at a time (1 to 200)."""
        query = query or SharedVoicesQuery()
        check(query)
        check_page(page, limits.SHARED_PAGE)

        async def fetch(cursor: str | None) -> tuple[tuple[SharedVoice, ...], str | None]:
            ask = RestQuery("GET", self._shared, {**structs.asdict(query), "limit": page, "cursor": cursor})
            got = await self._http.answer(ask, SharedVoicesPage)
            return got.voices, got.next_page_cursor

        return Listing(fetch)

    def list(self, *, page: int = limits.PAGE[1]) -> Listing[Voice]:
        """One's own voices, oldest first; `page` is how many are asked for at a time (1 to 1000)."""
        check_page(page)

        async def fetch(cursor: str | None) -> tuple[tuple[Voice, ...], str | None]:
            got = await self._http.answer(RestQuery("GET", self._url, {"limit": page, "cursor": cursor}), VoicesPage)
            return got.voices, got.next_page_cursor

        return Listing(fetch)

    async def count(self) -> int:
        """How many voices of one's own there are; an organization may have 20."""
        return (await self._http.answer(RestQuery("GET", f"{self._url}/count"), VoicesCount)).total

    async def get(self, voice_id: str) -> Voice:
        """A voice and for which models it is ready; ServiceError with the code 404 where there is none."""
        return await self._http.answer(RestQuery("GET", at(self._url, voice_id)), Voice)

    async def create(
        self, content: Content, *, name: str, filename: str | None = None, progress: UploadProgress | None = None
    ) -> Voice:
        """A voice from a recording of at most 20 s and 10 MB; it is prepared at once, which takes a while.

        `name` is its own within the project; a second one is refused with the code 409.
        """
        fields = VoiceFields(name=name)
        check(fields)
        upload = Upload(
            content, filename=filename, fields=form_fields(fields), most=limits.VOICE_BYTES, progress=progress
        )
        ask = RestQuery("POST", self._url, upload=upload, status=201, repeat=Repeat.UNSTARTED)
        return await self._http.answer(ask, Voice)

    async def recompute(self, voice_id: str, *, model: str | None = None) -> Voice:
        """Prepare a voice for `model`, or for all models that it is not ready for."""
        request = RecomputeRequest(model=model)
        check(request)
        ask = RestQuery("POST", at(self._url, voice_id, "recompute"), json=request, repeat=Repeat.ALWAYS)
        return await self._http.answer(ask, Voice)

    async def delete(self, voice_id: str) -> None:
        """Delete a voice of one's own; ServiceError with the code 404 where there is none."""
        await self._http.done(RestQuery("DELETE", at(self._url, voice_id), status=204))
