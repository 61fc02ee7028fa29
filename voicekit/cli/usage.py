"""`voicekit usage`: shows usage and its cost, by day and model; with --now, also the current streams."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import TypeVar

from voicekit.cli.cloud import parser_of, with_client, write_json, write_table
from voicekit.soniox.rest import SonioxClient
from voicekit.soniox.rest.schema.usage_answers import ConcurrencyLimits, UsageLog, UsageSummary

HELP = "show what you used and what it cost"
T = TypeVar("T")


def main(arguments: Sequence[str]) -> int:
    """Print the usage between two days: a line for each day, or for each request."""
    parser = parser_of("usage", HELP)
    parser.add_argument("since", type=_day, metavar="DAY", help="the first day, such as 2026-01-31 (UTC)")
    parser.add_argument(
        "until", type=_day, nargs="?", metavar="DAY", help="the last day, inclusive (default: the first day)"
    )
    parser.add_argument("--requests", action="store_true", help="list every request, newest first (at most 31 days)")
    parser.add_argument("--now", action="store_true", help="also show the current streams and their limits")
    options = parser.parse_args(arguments)
    start, end = options.since, (options.until or options.since) + timedelta(days=1)

    async def show(soniox: SonioxClient) -> int:
        now = await soniox.concurrency.limits() if options.now else None
        if options.requests:
            logs = [log async for log in soniox.usage.logs(start, end, newest_first=True)]
            _write(options.json, now, "requests", logs, _requests)
        else:
            _write(options.json, now, "summary", await soniox.usage.summary(start, end), _days)
        return 0

    return with_client(options.region, show)


def _day(said: str) -> datetime:
    try:
        return datetime.combine(datetime.strptime(said, "%Y-%m-%d").replace(tzinfo=UTC).date(), time(), UTC)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a day such as 2026-01-31, got {said!r}") from None


def _write(json: bool, now: ConcurrencyLimits | None, name: str, used: T, table: Callable[[T], None]) -> None:
    """Print tables, or one JSON document: the usage or, with the current streams, an object with both."""
    if json:
        write_json(used if now is None else {"now": now, name: used})
        return
    if now is not None:
        _now(now)
    table(used)


def _requests(logs: Sequence[UsageLog]) -> None:
    rows = [
        (
            f"{log.end_time:%Y-%m-%d %H:%M:%S}" if log.end_time else "",
            log.model,
            _minutes(log.input_audio_duration_ms + log.output_audio_duration_ms),
            log.cost_usd,
            log.client_reference_id,
        )
        for log in logs
    ]
    write_table(("END (UTC)", "MODEL", "MINUTES", "USD", "REFERENCE"), rows)


def _now(now: ConcurrencyLimits) -> None:
    rows = [
        (whose, kind, getattr(scope.current, field), getattr(scope.limits, field))
        for whose, scope in (("project", now.project), ("organization", now.organization))
        for kind, field in (("listening", "transcribe_concurrent"), ("speaking", "tts_concurrent"))
    ]
    write_table(("WHOSE", "WHAT", "NOW", "LIMIT"), rows)
    print()


def _days(summary: UsageSummary) -> None:
    rows: list[tuple[object, ...]] = []
    for entry in summary.models:
        for place, day in enumerate(entry.days):
            if entry.num_requests[place]:
                minutes = _minutes(entry.duration_ms[place])
                rows.append((day, entry.model, entry.num_requests[place], minutes, entry.cost_usd[place]))
    total = summary.total
    rows.append(("total", "", total.total_num_requests, _minutes(total.total_duration_ms), total.total_cost_usd))
    write_table(("DAY", "MODEL", "REQUESTS", "MINUTES", "USD"), sorted(rows, key=lambda row: str(row[0])))


def _minutes(ms: int) -> str:
    return f"{ms / 60_000:.1f}"
