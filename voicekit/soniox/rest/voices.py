"""Voices: the shared voices that come with a model, and your own voices, made from recordings."""

from __future__ import annotations

from msgspec import structs

from voicekit.soniox.rest.http import rest_limits as limits
from voicekit.soniox.rest.http.driver import RestQuery
from voicekit.soniox.rest.http.upload import Content, UploadProgress
from voicekit.soniox.rest.resource import Listing, Resource, at, listing
from voicekit.soniox.rest.schema.answers import SharedVoice, Voice
from voicekit.soniox.rest.schema.requests import RecomputeRequest, SharedVoicesQuery, VoiceFields, check


class Voices(Resource[Voice]):
    """`soniox.voices`: your own voices, of which an organization may have up to 20; `shared` lists the voices of a
    model."""

    def shared(self, query: SharedVoicesQuery | None = None, *, page: int = 100) -> Listing[SharedVoice]:
        """The shared voices of a model that match all of `query`; `page` is the page size (1 to 200)."""
        query = query or SharedVoicesQuery()
        check(query)
        url = self._url.removesuffix("voices") + "shared-voices"
        return listing(self._http, url, SharedVoice, page, structs.asdict(query), limits.SHARED_PAGE)

    async def create(
        self, content: Content, *, name: str, filename: str | None = None, progress: UploadProgress | None = None
    ) -> Voice:
        """Create a voice from a recording of at most 20 s and 10 MB. The service immediately begins to prepare it,
        which takes a while.

        `name` must be unique within the project; a second voice with the same name is rejected with code 409.
        """
        return await self._upload(content, VoiceFields(name=name), limits.VOICE_BYTES, filename, progress)

    async def recompute(self, voice_id: str, *, model: str | None = None) -> Voice:
        """Prepare a voice for `model`, or for all models for which the voice is not ready."""
        request = RecomputeRequest(model=model)
        check(request)
        return await self._http.answer(RestQuery("POST", at(self._url, voice_id, "recompute"), json=request), Voice)
