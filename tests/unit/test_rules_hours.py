"""Opening hours: what is open at a moment that is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicekit.errors import ConfigError
from voicekit.rules import OpeningHours

BERLIN = ZoneInfo("Europe/Berlin")
SHOP = OpeningHours(
    {"mon-fri": "9-12:30, 14-18", "Saturday": "10-14"},
    BERLIN,
    {"2026-12-24": "9-12", "2026-12-25": "closed", "2026-12-27": "11:00 - 15:00"},
)
BAR = OpeningHours({"fri-sat": "22-2"}, UTC)


def at(text, zone=BERLIN):
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("now", "is_open"),
    [
        ("2026-12-21 08:59", False),  # a Monday
        ("2026-12-21 09:00", True),
        ("2026-12-21 12:29:59", True),
        ("2026-12-21 12:30", False),
        ("2026-12-21 17:00", True),
        ("2026-12-24 10:00", True),
        ("2026-12-24 15:00", False),
        ("2026-12-25 10:00", False),
        ("2026-12-26 13:00", True),  # a Saturday
        ("2026-12-27 13:00", True),  # a Sunday with hours of its own
        ("2027-01-03 13:00", False),
    ],
)
def test_it_is_open_when_it_says_so(now, is_open):
    """Weekly hours hold, exceptions go before them, and days that are not named are closed."""
    assert SHOP.is_open(at(now)) is is_open


def test_the_zone_is_that_of_the_hours():
    """A moment is what it is by the clock on the wall there, wherever it was told."""
    assert SHOP.is_open(datetime(2026, 12, 21, 8, 0, tzinfo=UTC))
    assert not SHOP.is_open(datetime(2026, 12, 21, 9, 0, tzinfo=timezone(timedelta(hours=9))))
    assert SHOP.is_open(datetime(2026, 7, 20, 7, 0, tzinfo=UTC))
    assert not SHOP.is_open(datetime(2026, 12, 21, 7, 59, tzinfo=UTC))


def test_hours_past_midnight_belong_to_their_evening():
    """Friday night ends on Saturday, and the night after Saturday on Sunday."""
    nights = {"2026-12-25 21:59": False, "2026-12-26 01:59": True, "2026-12-26 02:00": False, "2026-12-27 01:00": True}
    assert {now: BAR.is_open(at(now, UTC)) for now in nights} == nights


def test_the_next_opening_is_told():
    """Over lunch, over the night, over holidays; by the clock there."""
    assert SHOP.opens_at(at("2026-12-21 12:45")) == at("2026-12-21 14:00")
    assert SHOP.opens_at(at("2026-12-21 15:00")) == at("2026-12-22 09:00")
    assert SHOP.opens_at(at("2026-12-24 12:00")) == at("2026-12-26 10:00")
    assert SHOP.opens_at(datetime(2026, 12, 21, 11, 45, tzinfo=UTC)).isoformat() == "2026-12-21T14:00:00+01:00"
    assert OpeningHours({}, UTC).opens_at(at("2026-12-24 12:00")) is None


def test_the_closing_is_told():
    """While it is open, and not otherwise."""
    assert SHOP.closes_at(at("2026-12-21 10:00")) == at("2026-12-21 12:30")
    assert SHOP.closes_at(at("2026-12-21 13:00")) is None
    assert BAR.closes_at(at("2026-12-25 23:00", UTC)) == at("2026-12-26 02:00", UTC)


def test_hours_without_a_gap_are_one():
    """Midnight is no closing time for who goes on, and who never closes has none."""
    late = OpeningHours({"fri": "18-24", "sat": "0-4"}, UTC)
    assert late.closes_at(at("2026-12-25 23:00", UTC)) == at("2026-12-26 04:00", UTC)
    assert late.opens_at(at("2026-12-25 23:00", UTC)) == at("2027-01-01 18:00", UTC)
    always = OpeningHours({"mon-sun": "0-24"}, UTC)
    assert always.is_open(at("2026-12-25 00:00", UTC))
    assert always.closes_at(at("2026-12-25 23:00", UTC)) is None


def test_summer_time_is_minded():
    """The night on which the clocks go forward is an hour shorter."""
    night = OpeningHours({"sat": "22-6"}, BERLIN)
    begun = at("2026-03-28 22:00")
    assert night.closes_at(begun).astimezone(UTC) - begun.astimezone(UTC) == timedelta(hours=7)


def test_a_week_may_be_named_past_its_end():
    """From Saturday to Monday are three days."""
    weekend = OpeningHours({"sat-mon": "9-10"}, UTC)
    days = [day for day in range(21, 28) if weekend.is_open(datetime(2026, 12, day, 9, 30, tzinfo=UTC))]
    assert days == [21, 26, 27]


@given(st.integers(0, 700 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes)))
def test_openings_and_closings_agree(later):
    """It is open from an opening until its closing, and not in the instant of the closing."""
    now = at("2026-01-01 00:00", UTC) + later
    opens = SHOP.opens_at(now)
    assert opens > now
    assert SHOP.is_open(opens)
    assert not SHOP.is_open(SHOP.closes_at(opens))
    assert (SHOP.closes_at(now) is not None) == SHOP.is_open(now)


def test_a_time_without_a_zone_is_refused():
    """Nobody can tell what it means."""
    with pytest.raises(ValueError, match="expected a time with a time zone"):
        SHOP.is_open(datetime.fromisoformat("2026-12-21 09:00"))


@pytest.mark.parametrize(
    ("weekly", "exceptions", "expected"),
    [
        ({"mo": "9-17"}, {}, "'mo': expected days such as 'mon', 'saturday' or 'mon-fri'"),
        ({"mon-": "9-17"}, {}, "'mon-': expected days such as"),
        ({"mon": "9"}, {}, "'mon': expected hours such as '9-12:30' or '22-2', got '9'"),
        ({"mon": "9-9"}, {}, "got '9-9'"),
        ({"mon": "9-25"}, {}, "got '9-25'"),
        ({"mon": "24-2"}, {}, "got '24-2'"),
        ({"mon": "9:60-12"}, {}, "got '9:60-12'"),
        ({"mon": "9-12, 11-14"}, {}, "'mon': expected hours that don't overlap, got '9-12, 11-14'"),
        ({"mon": ""}, {}, "'mon': expected hours such as '9-12, 14-18' or 'closed', got ''"),
        ({"mon": 9}, {}, "got 9"),
        ({5: "9-17"}, {}, "5: expected days such as"),
        ({"mon-wed": "9-17", "tue": "10-12"}, {}, "'tue': the hours of tuesday are set twice"),
        ({}, {"24.12.2026": "closed"}, "exceptions: expected a date such as '2026-12-24', got '24.12.2026'"),
        ({}, {"2026-12-24": "shut"}, "'2026-12-24': expected hours such as"),
    ],
)
def test_hours_that_no_clock_has_are_refused(weekly, exceptions, expected):
    """The error names the entry, what was expected, and what is there."""
    with pytest.raises(ConfigError, match=r"^opening hours") as caught:
        OpeningHours(weekly, UTC, exceptions)
    assert expected in str(caught.value)


def test_a_zone_is_a_zone():
    """Its name is not enough."""
    with pytest.raises(ConfigError, match="expected a time zone"):
        OpeningHours({}, "Europe/Berlin")
