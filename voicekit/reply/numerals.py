"""English numbers as words: cardinals, ordinals, decimals, years, digits one by one."""

from __future__ import annotations

_ONES = (  # noqa: SIM905  # reads better as words
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "- - twenty thirty forty fifty sixty seventy eighty ninety".split()  # noqa: SIM905
_SCALES = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (10**3, "thousand"), (100, "hundred"))
_IRREGULAR_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}

TOO_LARGE = 10**15
"""The first number without a common name: from here on, numbers are spoken digit by digit."""


def cardinal(number: int) -> str:
    """`number`, which must not be negative, in words.

    >>> cardinal(1249)
    'one thousand two hundred forty-nine'
    """
    if number >= TOO_LARGE:
        return digits(str(number))
    for scale, name in _SCALES:
        if number >= scale:
            rest = f" {cardinal(number % scale)}" if number % scale else ""
            return f"{cardinal(number // scale)} {name}{rest}"
    if number < len(_ONES):
        return _ONES[number]
    return _TENS[number // 10] + (f"-{_ONES[number % 10]}" if number % 10 else "")


def ordinal(number: int) -> str:
    """`number` as an ordinal.

    >>> ordinal(21), ordinal(40), ordinal(112)
    ('twenty-first', 'fortieth', 'one hundred twelfth')
    """
    words = cardinal(number)
    start = max(words.rfind(" "), words.rfind("-")) + 1
    last = words[start:]
    if last in _IRREGULAR_ORDINALS:
        return words[:start] + _IRREGULAR_ORDINALS[last]
    return words[:-1] + "ieth" if last.endswith("y") else words + "th"


def amount(number: str) -> str:
    """A written number, with or without commas and a decimal point, in words.

    >>> amount("1,200.05")
    'one thousand two hundred point zero five'
    """
    whole, _, fraction = number.replace(",", "").partition(".")
    return cardinal(int(whole)) + (f" point {digits(fraction)}" if fraction else "")


def year(number: int) -> str:
    """The four-digit year `number` in words.

    >>> year(1999), year(2005), year(1900)
    ('nineteen ninety-nine', 'two thousand five', 'nineteen hundred')
    """
    century, rest = divmod(number, 100)
    if century % 10 == 0 and rest < 10:
        return cardinal(number)
    if rest == 0:
        return f"{cardinal(century)} hundred"
    return f"{cardinal(century)} {'oh ' if rest < 10 else ''}{cardinal(rest)}"


def digits(number: str) -> str:
    """The name of each digit.

    >>> digits("507")
    'five zero seven'
    """
    return " ".join(_ONES[int(digit)] for digit in number)
