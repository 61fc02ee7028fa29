"""Reads spoken English times and durations: "half past three", "an hour and a half" (pure; reads no clock)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import time, timedelta
from fractions import Fraction

from voicekit.rules.numbers import Reading, read_number, read_small, word_at

_NAMED = {"noon": 12, "midday": 12, "midnight": 0}
_FIGURES = re.compile(r"(\d{1,2}):(\d{2})")
_HALVES_OF_DAY = {
    ("am",): "am",
    ("a", "m"): "am",
    ("pm",): "pm",
    ("p", "m"): "pm",
    ("in", "the", "morning"): "am",
    ("in", "the", "afternoon"): "pm",
    ("in", "the", "evening"): "pm",
    ("at", "night"): "night",
    ("noon",): "pm",
    ("midnight",): "am",
}
_AFTER = ("past", "after")
_BEFORE = ("to", "before", "till")
_UNITS = {  # the seconds in each unit; recognisers and people also write these abbreviations
    **dict.fromkeys(("second", "seconds", "sec", "secs", "s"), 1),
    **dict.fromkeys(("minute", "minutes", "min", "mins"), 60),
    **dict.fromkeys(("hour", "hours", "hr", "hrs", "h"), 3_600),
    **dict.fromkeys(("day", "days"), 86_400),
    **dict.fromkeys(("week", "weeks"), 604_800),
    **dict.fromkeys(("fortnight", "fortnights"), 1_209_600),
}
_FRACTIONS = {
    ("half",): Fraction(1, 2),
    ("quarter", "of"): Fraction(1, 4),
    ("three", "quarters", "of"): Fraction(3, 4),
    ("couple", "of"): Fraction(2),
    ("couple",): Fraction(2),
}
_PARTS = {"half": Fraction(1, 2), "quarter": Fraction(1, 4)}


def read_time(words: Sequence[str], start: int) -> Reading | None:
    """Read a `datetime.time`: "noon", "quarter to five", "three thirty pm", "15:30", "seven o'clock in the evening".

    A time without am or pm is taken literally: "three" is 03:00.
    """
    if word_at(words, start) in _NAMED:
        return Reading(time(_NAMED[words[start]]), start + 1)
    said = _figures(words, start) or _relative(words, start) or _hour_and_minute(words, start)
    if said is None:
        return None
    hour, minute, end = said
    half, end = _half_of_day(words, end)
    if half and hour <= 12:
        hour = _on_24_hours(hour, half)
    return Reading(time(hour, minute), end)


def read_duration(words: Sequence[str], start: int) -> Reading | None:
    """Read a `timedelta`: "ten minutes", "an hour and a half", "2 hours 30 minutes", "three quarters of an hour"."""
    total, unit, end = Fraction(0), 0, start
    while (part := _part_of_duration(words, _behind_and(words, end) if unit else end)) is not None:
        if unit and part[1] >= unit:
            break
        total, unit, end = total + part[0], part[1], part[2]
    if not unit:
        return None
    try:
        return Reading(timedelta(seconds=float(total)), end)
    except OverflowError:
        return None


def _figures(words: Sequence[str], start: int) -> tuple[int, int, int] | None:
    figures = _FIGURES.fullmatch(word_at(words, start))
    if figures is None or int(figures[1]) > 23 or int(figures[2]) > 59:
        return None
    return int(figures[1]), int(figures[2]), start + 1


def _relative(words: Sequence[str], start: int) -> tuple[int, int, int] | None:
    """Read minutes before or after an hour: "ten past four", "a quarter to five", "half past six"."""
    at = start + (word_at(words, start) == "a")
    minutes = {"half": (30, at + 1), "quarter": (15, at + 1)}.get(word_at(words, at)) or read_small(words, start)
    if minutes is None or not 0 < minutes[0] < 60:
        return None
    minute, at = minutes
    at += word_at(words, at) in ("minute", "minutes")
    hour = _hour(words, at + 1)
    if hour is None or word_at(words, at) not in _AFTER + _BEFORE:
        return None
    if words[at] in _AFTER:
        return hour[0], minute, hour[1]
    return _hour_before(hour[0]), 60 - minute, hour[1]


def _hour_before(hour: int) -> int:
    """The hour before `hour`, on the same clock face: 12 is before 1 and before 13, and 23 is before 0."""
    return (hour - 2) % 12 + 1 if 1 <= hour <= 12 else (hour - 1) % 24


def _hour_and_minute(words: Sequence[str], start: int) -> tuple[int, int, int] | None:
    hour = _hour(words, start)
    if hour is None:
        return None
    value, at = hour
    if word_at(words, at) == "oclock":
        return value, 0, at + 1
    if word_at(words, at) in ("oh", "o", "zero"):
        small = read_small(words, at + 1)
        return (value, small[0], small[1]) if small is not None and small[0] < 10 else (value, 0, at)
    small = read_small(words, at)
    return (value, small[0], small[1]) if small is not None and 10 <= small[0] < 60 else (value, 0, at)


def _hour(words: Sequence[str], at: int) -> tuple[int, int] | None:
    if word_at(words, at) in _NAMED:
        return _NAMED[words[at]], at + 1
    small = read_small(words, at)
    return small if small is not None and small[0] < 24 else None


def _half_of_day(words: Sequence[str], at: int) -> tuple[str, int]:
    """Which half of the day is named ("" for neither), and the index after it; an "o'clock" may come before it."""
    at += word_at(words, at) == "oclock"
    for name, half in _HALVES_OF_DAY.items():
        if tuple(words[at : at + len(name)]) == name:
            return half, at + len(name)
    return "", at


def _on_24_hours(hour: int, half: str) -> int:
    if half == "night":
        return hour % 12 + (12 if 6 <= hour <= 11 else 0)
    return hour % 12 + (12 if half == "pm" else 0)


def _part_of_duration(words: Sequence[str], start: int) -> tuple[Fraction, int, int] | None:
    """Read "two and a half hours", "half an hour" or "an hour": the seconds, the seconds in one unit, and the index
    after it."""
    quantity = _quantity(words, start)
    if quantity is None:
        return None
    count, at = quantity
    unit = _UNITS.get(word_at(words, at))
    if unit is None:
        return None
    more, end = _and_a_part(words, at + 1)
    return (count + more) * unit, unit, end


def _quantity(words: Sequence[str], start: int) -> tuple[Fraction, int] | None:
    article = start + (word_at(words, start) in ("a", "an"))
    for name, value in _FRACTIONS.items():
        if tuple(words[article : article + len(name)]) == name:
            behind = article + len(name)
            return value, behind + (word_at(words, behind) in ("a", "an"))
    number = read_number(words, start)
    if number is not None and isinstance(number.value, int | float) and number.value >= 0:
        more, end = _and_a_part(words, number.end)
        return Fraction(number.value) + more, end
    return (Fraction(1), article) if article > start else None


def _and_a_part(words: Sequence[str], at: int) -> tuple[Fraction, int]:
    """The fraction that "and a half" adds to the number before it; 0 if a separate unit follows."""
    part = _PARTS.get(word_at(words, at + 2))
    if tuple(words[at : at + 2]) != ("and", "a") or part is None or word_at(words, at + 3) in ("a", "an", "of"):
        return Fraction(0), at
    return part, at + 3


def _behind_and(words: Sequence[str], at: int) -> int:
    return at + (word_at(words, at) == "and")
