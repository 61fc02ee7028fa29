"""What is written one way and read aloud another, in English: money, times, dates, addresses, telephone numbers.

Plain numbers are left to the voice, which knows how to say them; some voices drop "3:05" or the dot of "example.com",
so whatever has signs in it becomes words here. The rules are tried in order at each place; the first that fits wins.
A rule never begins with a word that has neither digit nor sign in it: such words have been said already
(see `voicekit.reply.spoken`).
"""

# ruff: noqa: RUF001  # dashes and the minus sign of real text are what some patterns are about

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeAlias

from voicekit.reply.numerals import amount, cardinal, digits, ordinal, year

SpokenRule: TypeAlias = tuple[str, Callable[["re.Match[str]"], str]]
"""A pattern, whose groups have names that no other rule uses, and the words for what it matched."""

_NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
_START = r"(?<![\w.,:/-])"  # not in the middle of a word, a longer number or a date
_MINUS = r"(?P<{}>(?<!\w)[-−])?"
_TOP_LEVEL = "com|org|net|edu|gov|info|io|ai|dev|app|co|me|tv|eu|uk|us|ca|au|de|fr|es|it|nl|ch|at|in|jp"

_SIGNS = {
    ".": "dot",
    "@": "at",
    "-": "dash",
    "_": "underscore",
    "+": "plus",
    "/": "slash",
    ":": "colon",
    "?": "question mark",
    "=": "equals",
    "&": "and",
    "#": "hash",
    "%": "percent",
    "~": "tilde",
}
_CURRENCIES = {  # one, many, one hundredth, many hundredths
    "$": ("dollar", "dollars", "cent", "cents"),
    "€": ("euro", "euros", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "₹": ("rupee", "rupees", "paisa", "paise"),
    "¥": ("yen", "yen", "", ""),
}
_SCALES = {"k": "thousand", "m": "million", "mn": "million", "b": "billion", "bn": "billion"}
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_UNITS = {  # one, many; left out: what is also a word or a name (5 in, 5G, 5m)
    "km": ("kilometer", "kilometers"),
    "cm": ("centimeter", "centimeters"),
    "mm": ("millimeter", "millimeters"),
    "ft": ("foot", "feet"),
    "kg": ("kilogram", "kilograms"),
    "g": ("gram", "grams"),
    "mg": ("milligram", "milligrams"),
    "lb": ("pound", "pounds"),
    "lbs": ("pound", "pounds"),
    "oz": ("ounce", "ounces"),
    "ml": ("milliliter", "milliliters"),
    "km/h": ("kilometer per hour", "kilometers per hour"),
    "mph": ("mile per hour", "miles per hour"),
    "kB": ("kilobyte", "kilobytes"),
    "KB": ("kilobyte", "kilobytes"),
    "MB": ("megabyte", "megabytes"),
    "GB": ("gigabyte", "gigabytes"),
    "TB": ("terabyte", "terabytes"),
    "Hz": ("hertz", "hertz"),
    "kHz": ("kilohertz", "kilohertz"),
    "MHz": ("megahertz", "megahertz"),
    "GHz": ("gigahertz", "gigahertz"),
    "kW": ("kilowatt", "kilowatts"),
    "kWh": ("kilowatt hour", "kilowatt hours"),
    "ms": ("millisecond", "milliseconds"),
    "°C": ("degree Celsius", "degrees Celsius"),
    "°F": ("degree Fahrenheit", "degrees Fahrenheit"),
    "°": ("degree", "degrees"),
}


def _meridiem(name: str) -> str:
    """The pattern of am and pm; its last dot stays where it may end a sentence."""
    return rf"(?P<{name}>[AaPp])\.?[Mm]\b(?:\.(?=[^\S\n]+[a-z]|[,;:!?)]))?"


def _address(match: re.Match[str]) -> str:
    text = re.sub(r"^https?://", "", match[0], flags=re.IGNORECASE).rstrip("/")
    return " ".join(_SIGNS.get(part, part) for part in re.findall(r"[^\W_]+|.", text))


def _clock(match: re.Match[str]) -> str:
    hour, minute, half = int(match["hour"]), int(match["minute"]), match["half"]
    words = [cardinal(hour)]
    if minute:
        words.append(f"oh {cardinal(minute)}" if minute < 10 else cardinal(minute))
    elif not half:
        words.append("o'clock" if 0 < hour <= 12 else "hundred")
    return " ".join([*words, f"{half.upper()} M"] if half else words)


def _full_hour(match: re.Match[str]) -> str:
    return f"{cardinal(int(match['full_hour']))} {match['full_half'].upper()} M"


def _date(match: re.Match[str]) -> str:
    return f"{_MONTHS[int(match['month']) - 1]} {ordinal(int(match['day']))}, {year(int(match['year']))}"


def _telephone(match: re.Match[str]) -> str:
    groups = re.findall(r"\d+", match[0])
    if len(groups) == 1:
        groups = re.findall(r"\d{3}(?=\d{3})|\d+", groups[0])
    return ("plus " if match[0][0] == "+" else "") + ", ".join(digits(group) for group in groups)


def _money(match: re.Match[str]) -> str:
    scale = match["scale"] or _SCALES.get((match["letter"] or "").lower())
    minus, sign, number = _minus(match["debt"]), match["currency"], match["money"]
    if not scale and not match["up_to"]:
        return minus + _priced(number, sign)
    return f"{minus}{_range(number, match['up_to'])}{f' {scale}' if scale else ''} {_CURRENCIES[sign][1]}"


def _priced(number: str, sign: str) -> str:
    """A price: with cents when it has two decimals."""
    one, many, cent, cents = _CURRENCIES[sign]
    whole, _, fraction = number.replace(",", "").partition(".")
    if fraction and (len(fraction) != 2 or not cent):
        return f"{amount(number)} {many}"
    parts = [_counted(int(whole), one, many)] if int(whole) or not int(fraction or 0) else []
    parts += [_counted(int(fraction), cent, cents)] if int(fraction or 0) else []
    return " and ".join(parts)


def _percent(match: re.Match[str]) -> str:
    return f"{_minus(match['less'])}{_range(match['percent'], match['percent_to'])} percent"


def _measure(match: re.Match[str]) -> str:
    one, many = _UNITS[match["unit"]]
    number = _range(match["measure"], match["measure_to"])
    return f"{_minus(match['below'])}{number} {one if number == 'one' else many}"


def _range(number: str, up_to: str | None) -> str:
    return f"{amount(number)} to {amount(up_to)}" if up_to else amount(number)


def _minus(sign: str | None) -> str:
    return "minus " if sign else ""


def _counted(number: int, one: str, many: str) -> str:
    return f"{cardinal(number)} {one if number == 1 else many}"


def _place(match: re.Match[str]) -> str:
    return ordinal(int(match["place"].replace(",", "")))


_TELEPHONE = (
    r"(?<![\w+])\+(?=(?:[ .()-]{0,2}\d){8})\d{1,3}(?:[ .-]?(?:\(\d{1,4}\)|\d{1,4})){2,5}(?!\w)"  # +44 20 7946 0958
    r"|(?<![\w.,-])(?:1[ .-])?(?:\(\d{3}\)[ ]?|\d{3}[ .-])\d{3}[ .-]\d{4}(?![\w-])"  # (555) 123-4567
    r"|(?<![\w.,/-])\d{3}-\d{4}(?![\w-])"  # 555-1234
    r"|(?<![\w.,-])\d{4}(?:[ -]\d{4}){3}(?![\w-])"  # the number of a card
    r"|(?<![\w.,-])\d{10,}(?!\w)"
)
_MONEY = (
    rf"{_MINUS.format('debt')}(?P<currency>[$€£¥₹])[ ]?(?P<money>{_NUMBER})(?:[-–][$€£¥₹]?(?P<up_to>{_NUMBER}))?"
    r"(?:[ ]?(?P<scale>(?i:thousand|million|billion|trillion)\b)|(?P<letter>[KkMmBb]|mn|bn)\b)?"
)
_MEASURE = (
    rf"{_MINUS.format('below')}(?<![\w.,:/])(?P<measure>{_NUMBER})(?:[-–](?P<measure_to>{_NUMBER}))?[ ]?"
    rf"(?P<unit>{'|'.join(sorted(_UNITS, key=len, reverse=True))})(?![\w/])"
)

RULES: Sequence[SpokenRule] = (
    (r"\b\w[\w.+-]*@[\w-]+(?:\.[\w-]+)+", _address),
    (r"(?i:\b(?:https?://|www\.)[^\s<>\"]*[\w/])", _address),
    (rf"\b(?:[\w-]+\.)+(?:{_TOP_LEVEL})\b(?![.-]\w)(?:/[^\s<>\"]*[\w/])?", _address),
    (rf"{_START}(?P<year>[12]\d{{3}})-(?P<month>0[1-9]|1[0-2])-(?P<day>0[1-9]|[12]\d|3[01])(?![\d-])", _date),
    (rf"{_START}(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?!:?\d)(?:[ ]?{_meridiem('half')})?", _clock),
    (rf"{_START}(?P<full_hour>1[0-2]|0?[1-9])[ ]?{_meridiem('full_half')}", _full_hour),
    (_TELEPHONE, _telephone),
    (_MONEY, _money),
    (rf"(?<![\w.,])(?P<euros>{_NUMBER})[ ]?€", lambda match: _priced(match["euros"], "€")),
    (rf"{_MINUS.format('less')}(?<![\w.,])(?P<percent>{_NUMBER})(?:[-–](?P<percent_to>{_NUMBER}))?[ ]?%", _percent),
    (rf"{_START}(?P<place>\d{{1,3}}(?:,\d{{3}})+|\d+)(?i:st|nd|rd|th)\b", _place),
    (_MEASURE, _measure),
    (r"#(?=\d)", lambda match: "number"),
    (r"&(?:amp;)?", lambda match: "and"),
)
