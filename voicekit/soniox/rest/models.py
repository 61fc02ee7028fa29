"""The models that listen, and those that speak."""

from __future__ import annotations

from msgspec import Struct

from voicekit.soniox.rest.http.driver import Http, RestQuery
from voicekit.soniox.rest.schema.answers import SttModel, TtsModel


class SttModels(Struct, frozen=True):
    """The whole list."""

    models: tuple[SttModel, ...] = ()


class TtsModels(Struct, frozen=True):
    """The whole list."""

    models: tuple[TtsModel, ...] = ()


class Models:
    """`soniox.models`. Every method raises ServiceError."""

    def __init__(self, http: Http, base: str) -> None:
        self._http = http
        self._base = base

    async def stt(self) -> tuple[SttModel, ...]:
        """All models that listen, for streams and for whole files."""
        return (await self._http.answer(RestQuery("GET", f"{self._base}/v1/models"), SttModels)).models

    async def tts(self) -> tuple[TtsModel, ...]:
        """All models that speak, with their voices."""
        return (await self._http.answer(RestQuery("GET", f"{self._base}/v1/tts-models"), TtsModels)).models
