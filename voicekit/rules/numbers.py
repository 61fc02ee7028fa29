"""Reads spoken English numbers: "a hundred and five" as 105, and the digits "double five one two" as "5512" (pure).

A reader is a function that gets bare words and a starting position. It returns the longest value that begins there, and
where that value ends; None if no value begins there. Readers also accept figures: "2.5 million", "55 12".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

LONGEST = 40
"""The maximum number of characters of a number in figures; a longer number is not an amount, and is slow to compute
with.
"""


class Reading(NamedTuple):
    """A value that was read, and the index after its words. `words` are the words in which to say the value back; None
    means the caller's own words."""

    value: object
    end: int
    words: str | None = None


class _Amount(NamedTuple):
    value: Fraction
    end: int


_ONES = {
    word: value
    for value, word in enumerate(
        (  # noqa: SIM905  # reads better as words
            "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
            "seventeen eighteen nineteen"
        ).split()
    )
} | {"nought": 0}
_TENS = {
    word: 10 * value
    for value, word in enumerate(
        "twenty thirty forty fifty sixty seventy eighty ninety".split(),  # noqa: SIM905
        start=2,
    )
}
_MULTIPLES = {"hundred": 100, "dozen": 12}
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_MINUS = ("minus", "negative")
_REPEATED = {"double": 2, "triple": 3}
_ZEROS = {"hundred": "00", "thousand": "000"}
_OH = ("oh", "o")
_NUMERAL = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")


def read_number(words: Sequence[str], start: int) -> Reading | None:
    """Read an int, or a float if there is a fraction: "twenty three", "minus two point five", "1,200", "3 million"."""
    minus = word_at(words, start) in _MINUS
    amount = _amount(words, start + minus)
    if amount is None:
        return None
    value = -amount.value if minus else amount.value
    return Reading(int(value) if value.denominator == 1 else float(value), amount.end)


def read_digits(words: Sequence[str], start: int, count: int | None = None) -> Reading | None:
    """Read the digits of a telephone number, account or PIN as a str: "oh one double seven", "55 12", "fifty five
    twelve".

    If `count` is given, longer and shorter sequences do not match. An "oh" alone is an exclamation, not a digit.
    """
    if count is not None and start and _digit_piece(words, start - 1) is not None:
        return None  # the sequence began before `start`
    digits, end = "", start
    while (piece := _digit_piece(words, end, inside=end > start)) is not None:
        digits, end = digits + piece[0], piece[1]
    if not digits or all(word in _OH for word in words[start:end]) or (count is not None and len(digits) != count):
        return None
    return Reading(digits, end, " ".join(digits))


def read_small(words: Sequence[str], start: int) -> tuple[int, int] | None:
    """Read a whole number below a hundred: "five", "forty five", "45"."""
    word = word_at(words, start)
    if word.isdecimal() and len(word) <= 2:
        return int(word), start + 1
    if word in _ONES:
        return _ONES[word], start + 1
    if word not in _TENS:
        return None
    one = _ONES.get(word_at(words, start + 1), 0)
    return (_TENS[word] + one, start + 2) if 0 < one < 10 else (_TENS[word], start + 1)


def word_at(words: Sequence[str], place: int) -> str:
    """The word at `place`; "" after the last word."""
    return words[place] if place < len(words) else ""


def _amount(words: Sequence[str], start: int) -> _Amount | None:
    whole = _whole(words, start)
    at = whole.end if whole is not None else start
    if word_at(words, at) != "point":
        return whole
    fraction, end = "", at + 1
    while (digit := _single_digit(words, end)) is not None:
        fraction, end = fraction + digit, end + 1
    if not fraction:
        return whole
    value = (whole.value if whole is not None else 0) + Fraction(int(fraction), 10 ** len(fraction))
    return _scaled(words, _Amount(Fraction(value), end))


def _whole(words: Sequence[str], start: int) -> _Amount | None:
    """Read a whole number: groups with ever smaller scales (million, thousand), such as "two million and five thousand
    three"."""
    total: _Amount | None = None
    limit: Fraction | None = None
    at = start
    while (group := _group(words, at)) is not None:
        scaled = _scaled(words, group)
        if limit is not None and scaled.value >= limit:
            break
        total = _Amount(scaled.value + (total.value if total is not None else 0), scaled.end)
        if scaled.end == group.end:  # without a scale ("thousand", "million") after it, a group ends the number
            break
        limit = scaled.value / group.value if group.value else Fraction(1)
        at = total.end + (word_at(words, total.end) == "and")
    return total


def _scaled(words: Sequence[str], group: _Amount) -> _Amount:
    scale = _SCALES.get(word_at(words, group.end))
    return group if scale is None else _Amount(group.value * scale, group.end + 1)


def _group(words: Sequence[str], start: int) -> _Amount | None:
    """Read a number that may precede "thousand": "three", "three hundred and five", "250", or "a" if a scale
    follows."""
    one = start + (word_at(words, start) in ("a", "an"))
    if word_at(words, one) in _SCALES:
        return _Amount(Fraction(1), one)
    if word_at(words, one) in _MULTIPLES:
        return _multiple(words, 1, one)
    small = read_small(words, start)
    if small is not None and word_at(words, small[1]) in _MULTIPLES:
        return _multiple(words, *small)
    if small is not None:
        return _Amount(Fraction(small[0]), small[1])
    word = word_at(words, start)
    is_numeral = len(word) <= LONGEST and _NUMERAL.fullmatch(word)
    return _Amount(Fraction(word.replace(",", "")), start + 1) if is_numeral else None


def _multiple(words: Sequence[str], count: int, at: int) -> _Amount:
    """Read `count` hundreds or dozens (the word at `at` says which), and the number that may follow "hundred"."""
    value, end = count * _MULTIPLES[words[at]], at + 1
    if words[at] == "hundred":
        rest = read_small(words, end + (word_at(words, end) == "and"))
        if rest is not None:
            return _Amount(Fraction(value + rest[0]), rest[1])
    return _Amount(Fraction(value), end)


def _digit_piece(words: Sequence[str], at: int, *, inside: bool = False) -> tuple[str, int] | None:
    """Read the next digits of a sequence; if it is `inside` a sequence, "hundred" is two zeros."""
    word = word_at(words, at)
    if word.isdecimal():
        return "".join(str(int(figure)) for figure in word), at + 1  # accepts digits of any script
    if word in _OH:
        return "0", at + 1
    if word in _REPEATED and (digit := _single_digit(words, at + 1)) is not None:
        return digit * _REPEATED[word], at + 2
    if inside and word in _ZEROS and _single_digit(words, at - 1) is not None:
        return _ZEROS[word], at + 1
    small = read_small(words, at)
    return None if small is None else (str(small[0]), small[1])


def _single_digit(words: Sequence[str], at: int) -> str | None:
    word = word_at(words, at)
    if word in _OH:
        return "0"
    value = int(word) if word.isdecimal() and len(word) == 1 else _ONES.get(word, 10)
    return str(value) if value < 10 else None
