"""Opening hours as a value: weekly hours, exceptions and a time zone. No clock is read; `now` is an argument (pure).

    weekly = {"mon-fri": "9-12:30, 14-18", "sat": "10-14"}
    hours = OpeningHours(weekly, zone, {"2026-12-24": "9-12", "2026-12-25": "closed"})
    hours.is_open(now)

Hours may extend past midnight ("22-2"); they then belong to the day on which they begin.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import pairwise
from typing import TypeAlias

from voicekit.errors import ConfigError

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

AHEAD = 366
"""How many days ahead the next opening is searched for: enough for a year of holidays."""

_SPAN = re.compile(r"(\d{1,2})(?::(\d{2}))?\s*[-\u2013]\s*(\d{1,2})(?::(\d{2}))?")
_MINUTES_OF_DAY = 24 * 60

Now: TypeAlias = Callable[[], datetime]
"""A function that returns the time with its time zone. The program that runs the call provides it."""

Spans: TypeAlias = tuple[tuple[int, int], ...]
"""The opening and closing times of a day, in minutes since its midnight; a closing time may be on the next day."""


class OpeningHours:
    """When a business is open. `weekly` gives the hours for days ("mon", "saturday", "mon-fri"), `exceptions` for dates
    ("2026-12-24").

    Hours are a string such as "9-17:30", "9-12, 14-18" or "closed", in the time zone `zone`; on days without an entry,
    the business is closed. If an entry is invalid, raises a ConfigError that names it.
    """

    def __init__(self, weekly: Mapping[str, str], zone: tzinfo, exceptions: Mapping[str, str] | None = None) -> None:
        if not isinstance(zone, tzinfo):
            raise ConfigError(f"opening hours: expected a time zone (a tzinfo), got {zone!r}")
        self.zone = zone
        self._weekly: dict[int, Spans] = {}
        for days, hours in weekly.items():
            for day in _days(days):
                if day in self._weekly:
                    raise ConfigError(f"opening hours, {days!r}: the hours of {DAYS[day]} are set twice")
                self._weekly[day] = _spans(hours, days)
        self._exceptions = {_date(text): _spans(hours, text) for text, hours in (exceptions or {}).items()}

    def is_open(self, now: datetime) -> bool:
        """Whether the business is open at `now`. Raises ValueError if `now` has no time zone."""
        return any(opens <= _utc(now) < closes for opens, closes in self._around(now, days=1))

    def opens_at(self, now: datetime) -> datetime | None:
        """When the business next opens after `now`, in the time zone `zone`; None if it does not open within a year."""
        spans = self._around(now, AHEAD)
        return next((opens.astimezone(self.zone) for opens, _ in spans if opens > _utc(now)), None)

    def closes_at(self, now: datetime) -> datetime | None:
        """When the business next closes after `now`, in the time zone `zone`; None if it is closed now, or stays open
        for a year."""
        spans = self._around(now, AHEAD)
        closes = next((closes for opens, closes in spans if opens <= _utc(now) < closes), None)
        return None if closes is None or self.is_open(closes) else closes.astimezone(self.zone)

    def _around(self, now: datetime, days: int) -> Iterator[tuple[datetime, datetime]]:
        """The hours from the day before `now` to `days` days after it, in order; adjacent hours are joined."""
        today = _utc(now).astimezone(self.zone).date()
        current: tuple[datetime, datetime] | None = None
        for offset in range(-1, days + 1):
            for opens, closes in self._on(today + timedelta(days=offset)):
                if current is not None and opens <= current[1]:
                    current = current[0], max(current[1], closes)
                    continue
                if current is not None:
                    yield current
                current = opens, closes
        if current is not None:
            yield current

    def _on(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        for opens, closes in self._exceptions.get(day, self._weekly.get(day.weekday(), ())):
            yield self._instant(day, opens), self._instant(day, closes)

    def _instant(self, day: date, minutes: int) -> datetime:
        """The instant at which the clock is `minutes` past the midnight of `day`; in UTC, so that daylight saving does
        not matter."""
        days, minutes = divmod(minutes, _MINUTES_OF_DAY)
        at = time(minutes // 60, minutes % 60, tzinfo=self.zone)
        return datetime.combine(day + timedelta(days=days), at).astimezone(UTC)


def _utc(now: datetime) -> datetime:
    if now.tzinfo is None:
        raise ValueError(f"opening hours: expected a time with a time zone, got {now!r}")
    return now.astimezone(UTC)


def _days(text: str) -> list[int]:
    """The days that a text such as "mon", "Monday" or "mon-fri" means; "sat-mon" wraps around the end of the week."""
    first, dash, last = (part.strip().lower() for part in str(text).partition("-"))
    start = _day(first, text)
    end = _day(last, text) if dash else start
    return [day % 7 for day in range(start, end + 1 if start <= end else end + 8)]


def _day(name: str, where: str) -> int:
    found = [place for place, day in enumerate(DAYS) if len(name) >= 3 and day.startswith(name)]
    if not found:
        raise ConfigError(f"opening hours, {where!r}: expected days such as 'mon', 'saturday' or 'mon-fri'")
    return found[0]


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except (ValueError, TypeError):
        raise ConfigError(f"opening hours, exceptions: expected a date such as '2026-12-24', got {text!r}") from None


def _spans(hours: str, where: str) -> Spans:
    if not isinstance(hours, str) or not hours.strip():
        raise ConfigError(f"opening hours, {where!r}: expected hours such as '9-12, 14-18' or 'closed', got {hours!r}")
    if hours.strip().lower() == "closed":
        return ()
    spans = sorted(_span(part.strip(), where) for part in hours.split(","))
    if any(before[1] > after[0] for before, after in pairwise(spans)):
        raise ConfigError(f"opening hours, {where!r}: expected hours that don't overlap, got {hours!r}")
    return tuple(spans)


def _span(text: str, where: str) -> tuple[int, int]:
    found = _SPAN.fullmatch(text)
    opens, closes = (_minutes(found[1], found[2]), _minutes(found[3], found[4])) if found else (None, None)
    if opens is None or closes is None or opens in (_MINUTES_OF_DAY, closes):
        raise ConfigError(f"opening hours, {where!r}: expected hours such as '9-12:30' or '22-2', got {text!r}")
    return opens, closes if closes > opens else closes + _MINUTES_OF_DAY


def _minutes(hour: str, minute: str | None) -> int | None:
    minutes = 60 * int(hour) + int(minute or 0)
    return minutes if int(minute or 0) < 60 and minutes <= _MINUTES_OF_DAY else None
