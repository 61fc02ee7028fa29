"""Temporary keys: what may be given to a browser or a telephone, instead of the key itself."""

from __future__ import annotations

from voicekit.soniox.rest.http.driver import Http, RestQuery
from voicekit.soniox.rest.http.retry import Repeat
from voicekit.soniox.rest.schema.answers import TemporaryKey
from voicekit.soniox.rest.schema.requests import KeyRequest, check


class Keys:
    """`soniox.keys`."""

    def __init__(self, http: Http, base: str) -> None:
        self._http = http
        self._url = f"{base}/v1/auth/temporary-api-key"

    async def create(self, request: KeyRequest) -> TemporaryKey:
        """A new temporary key. ServiceError, and ConfigError for a field that is out of bounds.

        The main key needs the permission for temporary keys, and for the service that the new one is for.
        """
        check(request)
        ask = RestQuery("POST", self._url, json=request, status=201, repeat=Repeat.REFUSED)
        return await self._http.answer(ask, TemporaryKey)
