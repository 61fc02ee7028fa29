"""What was used, and how much ran at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

from msgspec import Struct

from voicekit.errors import ConfigError
from voicekit.soniox.rest.files import check_page
from voicekit.soniox.rest.http import rest_limits as limits
from voicekit.soniox.rest.http.driver import Http, RestQuery
from voicekit.soniox.rest.listing import Listing
from voicekit.soniox.rest.schema.usage_answers import ConcurrencyLimits, StreamsHistory, UsageLog, UsageSummary


class UsageLogsPage(Struct, frozen=True):
    """One page of the list."""

    usage_logs: tuple[UsageLog, ...] = ()
    next_page_cursor: str | None = None


class Usage:
    """`soniox.usage`. Times are aware datetimes; a window begins with `start` and ends before `end`."""

    def __init__(self, http: Http, base: str) -> None:
        self._http = http
        self._base = base

    def logs(
        self, start: datetime, end: datetime, *, newest_first: bool = False, page: int = limits.PAGE[1]
    ) -> Listing[UsageLog]:
        """Every request that ended in a window of at most 31 days.

        The service remembers 91 days. That is for it to refuse, with a ServiceError: nothing here knows today's date.
        """
        check_page(page)
        query = _window(start, end, limits.LOG_WINDOW_DAYS)
        sort = limits.SORTS[1] if newest_first else limits.SORTS[0]

        async def fetch(cursor: str | None) -> tuple[tuple[UsageLog, ...], str | None]:
            ask = RestQuery(
                "GET", f"{self._base}/v1/usage-logs", {**query, "sort": sort, "limit": page, "cursor": cursor}
            )
            got = await self._http.answer(ask, UsageLogsPage)
            return got.usage_logs, got.next_page_cursor

        return Listing(fetch)

    async def summary(self, start: datetime, end: datetime) -> UsageSummary:
        """Usage by day and model, in a window of at most 366 days."""
        query = _window(start, end, limits.SUMMARY_WINDOW_DAYS)
        return await self._http.answer(RestQuery("GET", f"{self._base}/v1/usage/summary", query), UsageSummary)


class ConcurrencyOf:
    """`soniox.concurrency`."""

    def __init__(self, http: Http, base: str) -> None:
        self._http = http
        self._base = base

    async def limits(self) -> ConcurrencyLimits:
        """How many sessions and streams run now, and may, of the project and of its organization."""
        return await self._http.answer(RestQuery("GET", f"{self._base}/v1/concurrency-limits"), ConcurrencyLimits)

    async def history(
        self, start: datetime, end: datetime, *, kind: Literal["stt", "tts"], period_sec: int = 3_600
    ) -> StreamsHistory:
        """How many streams ran at once, in periods of 60, 3600 or 86400 s without gaps."""
        for name, value, allowed in (("kind", kind, limits.KINDS), ("period_sec", period_sec, limits.PERIODS_S)):
            if value not in allowed:
                expected = ", ".join(map(str, allowed))
                raise ConfigError(f"Soniox option {name}: expected one of {expected}, got {value!r}")
        query = {**_window(start, end, None), "kind": kind, "period_sec": period_sec}
        return await self._http.answer(
            RestQuery("GET", f"{self._base}/v1/concurrent-streams-history", query), StreamsHistory
        )


def _window(start: datetime, end: datetime, most_days: int | None) -> dict[str, str]:
    """The window as the service wants it; ConfigError for one that it would refuse."""
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
