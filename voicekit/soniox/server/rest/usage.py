"""The usage per request and per day, and the number of concurrent streams in each minute.

Costs are zero unless the server's operator sets them: there is no price list here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any, Final

from voicekit.soniox.rest.http import rest_limits as limits
from voicekit.soniox.rest.schema.usage_answers import StreamsHistory, StreamsPeriod, UsageEntry, UsageLog, UsageSummary
from voicekit.soniox.server.account import Service, StreamUse
from voicekit.soniox.server.rest.reading import answer, page, violation
from voicekit.soniox.server.rest.refusal import invalid
from voicekit.soniox.server.rest.shared import RestAnswer, RestCall, RestDesk, RestRoute

KEPT: Final = 100_000  # the maximum number of entries; older ones are dropped
PERIODS: Final = 10_000  # the maximum number of periods in an answer: our own limit
YEARS: Final = range(2000, 2200)  # any other year is a mistake, and extreme years break the arithmetic
_KINDS: Final = {"stt": Service.STT, "tts": Service.TTS}
_SLOTS: Final = {60: 1, 3_600: 60, 86_400: 24}  # maps the length of a period, in seconds, to its `total_count`
_FROM_LAST: Final = 10**12
_SUMS: Final = (
    "input_text_tokens", "input_audio_tokens", "input_audio_duration_ms",
    "output_text_tokens", "output_audio_tokens", "output_audio_duration_ms",
)  # fmt: skip
_COSTS: Final = ("cost_usd", "input_cost_usd", "output_cost_usd")


class ServedUsage:
    """The usage logs, and the statistics that are calculated from them."""

    def __init__(self, desk: RestDesk) -> None:
        self._desk = desk
        self._logs: dict[int, UsageLog] = {}
        self._peaks: dict[tuple[Service, datetime], int] = {}
        self._numbers = count(1)
        desk.account.begun, desk.account.used = self._count, self._used

    def routes(self) -> list[RestRoute]:
        return [
            RestRoute("GET", "/v1/usage-logs", self._list),
            RestRoute("GET", "/v1/usage/summary", self._summary),
            RestRoute("GET", "/v1/concurrent-streams-history", self._history),
        ]

    def add(self, log: UsageLog) -> None:
        """Add the entry for a request. Requests must be added in the order in which they ended."""
        self._logs[next(self._numbers)] = log
        _bound(self._logs)

    # --- from the account ---

    def _count(self, now: float) -> None:
        """Record how many streams are running now."""
        minute = self._desk.date(now).replace(second=0, microsecond=0)
        for service, running in self._desk.account.running.items():
            self._peaks[service, minute] = max(running, self._peaks.get((service, minute), 0))
        _bound(self._peaks)

    def _used(self, use: StreamUse) -> None:
        heard = use.service is Service.STT
        sound_ms, side = round(use.sound_s * 1000), ("input", "output")[:: 1 if heard else -1]
        used: dict[str, Any] = {f"{side[0]}_audio_duration_ms": sound_ms, f"{side[1]}_text_tokens": use.text}
        self.add(
            UsageLog(
                uuid=self._desk.account.request_id(),
                request_scope="api",
                client_reference_id=use.reference,
                model=use.model,
                start_time=self._desk.date(use.began),
                end_time=self._desk.date(use.ended),
                **used,
            )
        )

    # --- from the client ---

    def _list(self, call: RestCall) -> RestAnswer:
        start, end = self._window(call, limits.LOG_WINDOW_DAYS)
        sort = _choice(call, "sort", limits.SORTS, limits.SORTS[0])
        logs = [(place, log) for place, log in self._logs.items() if log.end_time and start <= log.end_time < end]
        if sort == "end_time_desc":
            logs = [(_FROM_LAST - place, log) for place, log in reversed(logs)]
        return page(call, "usage_logs", logs)

    def _summary(self, call: RestCall) -> RestAnswer:
        start, end = self._window(call, limits.SUMMARY_WINDOW_DAYS)
        days = [start.date() + timedelta(days=n) for n in range((end - start).days + 1)]
        days = [day for day in days if datetime(day.year, day.month, day.day, tzinfo=UTC) < end]
        logs = [log for log in self._logs.values() if log.end_time and start <= log.end_time < end]
        models = [
            _entry(name, days, [log for log in logs if log.model == name])
            for name in sorted({log.model for log in logs})
        ]
        return answer(200, UsageSummary(total=_entry(None, days, logs), models=tuple(models)))

    def _history(self, call: RestCall) -> RestAnswer:
        seconds = int(_choice(call, "period_sec", [str(period) for period in limits.PERIODS_S]))
        kind = _choice(call, "kind", limits.KINDS)
        start, end = self._window(call, PERIODS * seconds // 86_400)
        first = datetime.fromtimestamp(start.timestamp() // seconds * seconds, UTC)
        number = -int((first - end).total_seconds() // seconds)
        starts = [first + timedelta(seconds=seconds * n) for n in range(number)]
        entries = tuple(self._period(_KINDS[kind], at, seconds) for at in starts if at >= start)
        return answer(200, StreamsHistory(kind=kind, entries=entries))

    def _period(self, service: Service, start: datetime, seconds: int) -> StreamsPeriod:
        end = start + timedelta(seconds=seconds)
        peaks = [peak for (whose, at), peak in self._peaks.items() if whose is service and start <= at < end]
        return StreamsPeriod(
            period_start=start,
            period_sec=seconds,
            sample_max=max(peaks, default=0),
            sample_sum=sum(peaks),
            sample_count=len(peaks),
            total_count=_SLOTS[seconds] if peaks else 0,
        )

    def _window(self, call: RestCall, most_days: int) -> tuple[datetime, datetime]:
        start, end = (_moment(call, name) for name in ("start_time", "end_time"))
        if not start < end:
            raise invalid([violation("query.end_time", "a time after start_time")])
        if end - start > timedelta(days=most_days):
            raise invalid([violation("query.end_time", f"at most {most_days} days after start_time")])
        return start, end


def _bound(kept: dict[Any, Any]) -> None:
    while len(kept) > KEPT:
        del kept[next(iter(kept))]


def _entry(model: str | None, days: Sequence[date], logs: Sequence[UsageLog]) -> UsageEntry:
    of_day: dict[date, list[UsageLog]] = {day: [] for day in days}
    for log in logs:
        if log.end_time is not None:
            of_day[log.end_time.date()].append(log)
    fields: dict[str, Any] = {}
    for name in _SUMS:
        fields[name] = tuple(sum(getattr(log, name) for log in of_day[day]) for day in days)
        fields[f"total_{name}"] = sum(fields[name])
    for name in _COSTS:
        costs = [sum((Decimal(getattr(log, name)) for log in of_day[day]), Decimal(0)) for day in days]
        fields[name] = tuple(map(str, costs))
        fields[f"total_{name}"] = str(sum(costs, Decimal(0)))
    requests = tuple(len(of_day[day]) for day in days)
    spoken = (fields["input_audio_duration_ms"], fields["output_audio_duration_ms"])
    durations = tuple(map(sum, zip(*spoken, strict=True)))
    return UsageEntry(
        model=model,
        days=tuple(days),
        num_requests=requests,
        total_num_requests=sum(requests),
        duration_ms=durations,
        total_duration_ms=sum(durations),
        duration_cost_usd=("0",) * len(days),
        **fields,
    )


def _moment(call: RestCall, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(call.query[name][0])
        if moment.year not in YEARS:
            raise ValueError(moment.year)
    except (KeyError, ValueError):
        raise invalid([violation(f"query.{name}", "a time such as 2026-01-31T12:00:00Z")]) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _choice(call: RestCall, name: str, allowed: Sequence[str], usual: str | None = None) -> str:
    said = call.query.get(name, [usual or ""])[0]
    if said not in allowed:
        raise invalid([violation(f"query.{name}", f"one of {', '.join(allowed)}")])
    return said
