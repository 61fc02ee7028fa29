"""The parts of the client that concern the account itself: its models, temporary keys, usage and concurrency."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeVar

from msgspec import Struct

from voicekit.errors import ConfigError
from voicekit.soniox.api.wrongs import one_of
from voicekit.soniox.rest.http import rest_limits as limits
from voicekit.soniox.rest.http.driver import Http, RestQuery
from voicekit.soniox.rest.http.retry import Repeat
from voicekit.soniox.rest.resource import Listing, listing, page_of
from voicekit.soniox.rest.schema.answers import SttModel, TemporaryKey, TtsModel
from voicekit.soniox.rest.schema.requests import KeyRequest, check
from voicekit.soniox.rest.schema.usage_answers import ConcurrencyLimits, StreamsHistory, UsageLog, UsageSummary

T = TypeVar("T", bound=Struct)


class Models:
    """`soniox.models`: the models for recognition and speech. Every method may raise ServiceError."""

    def __init__(self, http: Http, base: str) -> None:
        self._http = http
        self._base = base

    async def stt(self) -> tuple[SttModel, ...]:
        """All models for recognition, both for streams and for whole files."""
        return await self._all("models", SttModel)

    async def tts(self) -> tuple[TtsModel, ...]:
        """All models for speech synthesis, with their voices."""
        return await self._all("tts-models", TtsModel)

    async def _all(self, where: str, kind: type[T]) -> tuple[T, ...]:
        got: Any = await self._http.answer(RestQuery("GET", f"{self._base}/v1/{where}"), page_of(kind))
        entries: tuple[T, ...] = got.entries
        return entries


class Keys:
    """`soniox.keys`: temporary keys for browsers or mobile apps, instead of the main key."""

    def __init__(self, http: Http, base: str) -> None:
        self._http = http
        self._url = f"{base}/v1/auth/temporary-api-key"

    async def create(self, request: KeyRequest) -> TemporaryKey:
        """Create a temporary key. Raises ServiceError, and ConfigError for a field that is out of bounds.

        The main key must be permitted to create temporary keys, and to use the service that the new key is for.
        """
        check(request)
        ask = RestQuery("POST", self._url, json=request, status=201, repeat=Repeat.REFUSED)
        return await self._http.answer(ask, TemporaryKey)


class Usage:
    """`soniox.usage`. A requested period includes `start`, but not `end`; both are datetimes with a time zone."""

    def __init__(self, http: Http, base: str) -> None:
        self._http = http
        self._base = base

    def logs(
        self, start: datetime, end: datetime, *, newest_first: bool = False, page: int = limits.PAGE[1]
    ) -> Listing[UsageLog]:
        """All requests that ended in a period of at most 31 days.

        The service keeps the logs for 91 days; a request for an older period raises ServiceError.
        """
        window = _window(start, end, limits.LOG_WINDOW_DAYS)
        query = {**window, "sort": limits.SORTS[1] if newest_first else limits.SORTS[0]}
        return listing(self._http, f"{self._base}/v1/usage-logs", UsageLog, page, query)

    async def summary(self, start: datetime, end: datetime) -> UsageSummary:
        """The usage by day and model, in a period of at most 366 days."""
        query = _window(start, end, limits.SUMMARY_WINDOW_DAYS)
        return await self._http.answer(RestQuery("GET", f"{self._base}/v1/usage/summary", query), UsageSummary)


class ConcurrencyOf:
    """`soniox.concurrency`: how many sessions and streams run at the same time."""

    def __init__(self, http: Http, base: str) -> None:
        self._http = http
        self._base = base

    async def limits(self) -> ConcurrencyLimits:
        """How many sessions and streams are running, and how many may run, both in the project and in its
        organization."""
        return await self._http.answer(RestQuery("GET", f"{self._base}/v1/concurrency-limits"), ConcurrencyLimits)

    async def history(
        self, start: datetime, end: datetime, *, kind: Literal["stt", "tts"], period_sec: int = 3_600
    ) -> StreamsHistory:
        """How many streams ran at the same time, in consecutive periods of 60, 3600 or 86400 s."""
        for wrong in (*one_of("kind", kind, limits.KINDS), *one_of("period_sec", period_sec, limits.PERIODS_S)):
            raise wrong.error
        query = {**_window(start, end, None), "kind": kind, "period_sec": period_sec}
        url = f"{self._base}/v1/concurrent-streams-history"
        return await self._http.answer(RestQuery("GET", url, query), StreamsHistory)


def _window(start: datetime, end: datetime, most_days: int | None) -> dict[str, str]:
    """The period as the service expects it. Raises ConfigError for a period that the service would reject."""
    for name, moment in (("start", start), ("end", end)):
        if moment.tzinfo is None:
            raise ConfigError(f"Soniox usage {name}: expected a datetime with a time zone, got {moment.isoformat()}")
    if not start < end:
        raise ConfigError(f"Soniox usage: expected an end after {start.isoformat()}, got {end.isoformat()}")
    if most_days is not None and end - start > timedelta(days=most_days):
        raise ConfigError(f"Soniox usage: expected a window of at most {most_days} days, got {end - start}")
    return {"start_time": _iso(start), "end_time": _iso(end)}


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
