"""Spoken times of day and durations."""

from __future__ import annotations

from datetime import time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicekit.reply.numerals import cardinal
from voicekit.rules.times import read_duration, read_time
from voicekit.rules.words import bare


def read(reader, text):
    """The value that all of `text` is."""
    words = bare(text)
    reading = reader(words, 0)
    return reading.value if reading is not None and reading.end == len(words) else None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("noon", time(12)),
        ("midnight", time(0)),
        ("three", time(3)),
        ("15:30", time(15, 30)),
        ("3:30 pm", time(15, 30)),
        ("3 p.m.", time(15)),
        ("12 am", time(0)),
        ("12 pm", time(12)),
        ("twelve noon", time(12)),
        ("twelve midnight", time(0)),
        ("three thirty", time(3, 30)),
        ("three thirty pm", time(15, 30)),
        ("seven oh five", time(7, 5)),
        ("fifteen forty-five", time(15, 45)),
        ("three o'clock", time(3)),
        ("seven o'clock in the evening", time(19)),
        ("seven in the morning", time(7)),
        ("half past three", time(3, 30)),
        ("half past three in the afternoon", time(15, 30)),
        ("quarter past four", time(4, 15)),
        ("a quarter to five", time(4, 45)),
        ("ten to one", time(12, 50)),
        ("quarter to one in the morning", time(0, 45)),
        ("twenty minutes past six", time(6, 20)),
        ("ten to midnight", time(23, 50)),
        ("five past noon", time(12, 5)),
        ("ten to thirteen", time(12, 50)),
        ("ten at night", time(22)),
        ("two at night", time(2)),
    ],
)
def test_times_are_read(text, expected):
    """A time of day may be told in any of the usual ways."""
    assert read(read_time, text) == expected


@pytest.mark.parametrize(
    "text", ["", "house", "24:00", "12:60", "25", "half three", "seventy past three", "past three"]
)
def test_what_is_no_time_is_not_read(text):
    """Hours and minutes that no clock has are none."""
    assert read(read_time, text) is None


@given(st.integers(0, 23), st.integers(0, 59))
def test_every_time_is_read(hour, minute):
    """In figures, in words, and with the half of the day, a time is what it is."""
    expected = time(hour, minute)
    assert read(read_time, f"{hour}:{minute:02}") == expected
    spoken = f"{'oh ' if minute < 10 else ''}{cardinal(minute)}" if minute else "o'clock"
    assert read(read_time, f"{cardinal(hour)} {spoken}") == expected
    assert read(read_time, f"{hour % 12 or 12}:{minute:02} {'am' if hour < 12 else 'pm'}") == expected


@given(st.integers(1, 12), st.integers(1, 59))
def test_before_the_hour_is_after_the_hour_before(hour, minute):
    """Ten to five is ten minutes before five, on a clock of twelve hours."""
    before = read(read_time, f"{cardinal(minute)} to {cardinal(hour)}")
    assert before.minute == 60 - minute
    assert before.hour % 12 == (hour - 1) % 12


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ten minutes", timedelta(minutes=10)),
        ("a minute", timedelta(minutes=1)),
        ("an hour and a half", timedelta(minutes=90)),
        ("two and a half hours", timedelta(minutes=150)),
        ("half an hour", timedelta(minutes=30)),
        ("half a minute", timedelta(seconds=30)),
        ("a half hour", timedelta(minutes=30)),
        ("a quarter of an hour", timedelta(minutes=15)),
        ("three quarters of an hour", timedelta(minutes=45)),
        ("one hour and twenty minutes", timedelta(minutes=80)),
        ("2 hours 30 minutes 5 seconds", timedelta(hours=2, minutes=30, seconds=5)),
        ("1.5 hours", timedelta(minutes=90)),
        ("an hour and a quarter", timedelta(minutes=75)),
        ("90 secs", timedelta(seconds=90)),
        ("a couple of days", timedelta(days=2)),
        ("a fortnight", timedelta(days=14)),
        ("a hundred and five minutes", timedelta(minutes=105)),
    ],
)
def test_durations_are_read(text, expected):
    """A duration may be told in any of the usual ways."""
    assert read(read_duration, text) == expected


@pytest.mark.parametrize(
    "text", ["", "ten", "a", "minutes", "minus five minutes", "half", "and a half", "9" * 30 + " weeks"]
)
def test_what_is_no_duration_is_not_read(text):
    """A number alone is none, nor is what is negative or beyond all calendars."""
    assert read(read_duration, text) is None


def test_a_duration_ends_where_another_begins():
    """Two durations in a row are two."""
    reading = read_duration(bare("ten minutes and five minutes"), 0)
    assert (reading.value, reading.end) == (timedelta(minutes=10), 2)


@given(st.integers(0, 100), st.integers(0, 59), st.integers(0, 59))
def test_every_duration_is_read(hours, minutes, seconds):
    """Hours, minutes and seconds add up."""
    said = f"{cardinal(hours)} hours {cardinal(minutes)} minutes and {cardinal(seconds)} seconds"
    assert read(read_duration, said) == timedelta(hours=hours, minutes=minutes, seconds=seconds)
