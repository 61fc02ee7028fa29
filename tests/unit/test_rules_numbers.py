"""Spoken numbers and digits."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicekit.reply.numerals import amount, cardinal, digits
from voicekit.rules.numbers import LONGEST, read_digits, read_number
from voicekit.rules.words import bare


def number(text):
    """The number that all of `text` is."""
    words = bare(text)
    reading = read_number(words, 0)
    return reading.value if reading is not None and reading.end == len(words) else None


def read_as_digits(text, count=None):
    words = bare(text)
    reading = read_digits(words, 0, count)
    return reading.value if reading is not None and reading.end == len(words) else None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("zero", 0),
        ("seven", 7),
        ("twenty-three", 23),
        ("a hundred and five", 105),
        ("hundred", 100),
        ("one hundred twelve", 112),
        ("twelve hundred", 1200),
        ("nineteen hundred and four", 1904),
        ("a thousand", 1000),
        ("two thousand and five", 2005),
        ("five hundred thousand", 500_000),
        ("two hundred and five thousand", 205_000),
        ("three million two hundred thousand and one", 3_200_001),
        ("2.5 million", 2_500_000),
        ("2.3 million", 2_300_000),
        ("three point one four", 3.14),
        ("point five", 0.5),
        ("two point five million", 2_500_000),
        ("minus five", -5),
        ("minus two point five", -2.5),
        ("1,000", 1000),
        ("250 thousand", 250_000),
        ("3.0", 3),
        ("two dozen", 24),
        ("a dozen", 12),
    ],
)
def test_numbers_are_read(text, value):
    """A number in words, figures or both has its value, and is an int where it has no fraction."""
    assert number(text) == value
    assert type(number(text)) is type(value)


@pytest.mark.parametrize(
    ("text", "value", "words"),
    [
        ("five six", 5, 1),
        ("five and six", 5, 1),
        ("twenty twenty", 20, 1),
        ("a hundred and", 100, 2),
        ("one thousand two thousand", 1000, 2),
        ("two thousand 5000", 2000, 2),
        ("three point", 3, 1),
        ("twenty ten", 20, 1),
    ],
)
def test_a_number_ends_where_another_begins(text, value, words):
    """The longest number is read, and nothing that does not belong to it."""
    reading = read_number(bare(text), 0)
    assert (reading.value, reading.end) == (value, words)


@pytest.mark.parametrize("text", ["", "house", "a", "and five", "minus", "point", "12:30", "1" * (LONGEST + 1)])
def test_what_is_no_number_is_not_read(text):
    """Neither are words, nor times, nor figures without end."""
    assert read_number(bare(text), 0) is None


@given(st.integers(0, 10**15 - 1))
def test_every_number_is_read_as_it_is_said(value):
    """What the voice says for a number is read as that number, with and without "and"."""
    said = cardinal(value)
    assert number(said) == value
    assert number(re.sub(r"hundred (?!\w+illion|thousand)", "hundred and ", said)) == value
    assert number(f"minus {said}") == -value


@given(st.integers(0, 10**6), st.integers(1, 9999))
def test_every_decimal_is_read_as_it_is_said(whole, fraction):
    """What the voice says for a number with a fraction is read as that number."""
    written = f"{whole}.{fraction}"
    assert number(amount(written)) == pytest.approx(float(written))


@given(st.text("0123456789", min_size=1, max_size=20))
def test_every_row_of_digits_is_read_as_it_is_said(row):
    """Digits are read one by one, in figures, and with "oh" for zero behind the first."""
    said = digits(row)
    assert read_as_digits(said) == row
    assert read_as_digits(row) == row
    assert read_as_digits(said[:4] + said[4:].replace("zero", "oh")) == row


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("five five one two", "5512"),
        ("55 12", "5512"),
        ("fifty five twelve", "5512"),
        ("double five one two", "5512"),
        ("triple oh seven", "0007"),
        ("oh one", "01"),
        ("eight hundred five five five", "800555"),
        ("nineteen eighty-four", "1984"),
        ("٣٤", "34"),
    ],
)
def test_digits_are_read_as_people_say_them(text, value):
    """Doubles, tens and hundreds are the digits that they stand for."""
    assert read_as_digits(text) == value


@pytest.mark.parametrize("text", ["", "oh", "oh oh", "hundred", "double", "house", "1.5"])
def test_what_are_no_digits_is_not_read(text):
    """An exclamation is no zero, and a hundred alone has no digits."""
    assert read_digits(bare(text), 0) is None


def test_digits_of_a_certain_count_are_exactly_so_many():
    """Neither a shorter nor a longer row will do, nor the end of a longer one."""
    assert read_as_digits("five five one two", 4) == "5512"
    assert read_as_digits("five five one", 4) is None
    assert read_as_digits("five five one two three", 4) is None
    assert [read_digits(bare("five five one two three"), start, 4) for start in range(5)] == [None] * 5


def test_digits_are_said_one_by_one():
    """However they were said, they are repeated digit by digit."""
    assert read_digits(("5512",), 0).words == "5 5 1 2"
