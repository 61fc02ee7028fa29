"""Spells out English text that is not read aloud as it is written: money, times, dates, addresses, telephone numbers.

Plain numbers are left to the voice, which can say them. Some voices skip "3:05" or the dot in "example.com", so
everything that contains symbols is spelled out here. The rules are tried in order at each position; the first that fits
wins. A match never begins with a word that has neither a digit nor a symbol, because such words have already been
passed on (see `voicekit.reply.spoken`). If a rule finds that the matched text means something else, it returns the text
unchanged.
"""

# ruff: noqa: RUF001, RUF002  # some patterns match typographic dashes and minus signs

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeAlias

from voicekit.reply.numerals import amount, cardinal, digits, ordinal, year

SpokenRule: TypeAlias = tuple[str, Callable[["re.Match[str]"], str]]
"""A pattern, with group names that no other rule uses, and a function that returns the words for its match."""

_NUMBER = (  # 1,250.50, or 12,34,567 as in India, but not the 1 of "1 250,00"
    r"(?:\d{1,3}(?:,\d{3})+|\d{1,2}(?:,\d{2})+,\d{3}|\d+)(?:\.\d+)?(?![ \u00a0\u202f]\d{3}(?!\d))"
)
_TO = r"(?:[-–—]|[ ]–[ ])"
_MAYBE_GROUPED = re.compile(r"[1-9]\d{0,2}\.\d{3}")
_START = r"(?<![\w.,:/–—-])"  # a place that is not inside a word, a longer number or a date
_BEFORE_NUMBER = (  # a place that is not inside a word or a longer number, nor directly before the 250 of "1 250"
    r"(?<![\w.,])(?:(?<!\d[ \u00a0\u202f])|(?!\d{3}(?!\d)))"
)
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
_CURRENCIES = {  # the singular and the plural of the currency, then those of its hundredth part
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
_UNITS = {  # the singular and the plural; units that may also be a word or a name (5 in, 5G, 5m) are left out
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
    """The pattern of am and pm; it leaves out the last dot if this may end a sentence."""
    return rf"(?P<{name}>[AaPp])\.?[Mm]\b(?:\.(?=[^\S\n]+[a-z–]|[,;:!?)–—-]))?"


def _address(match: re.Match[str]) -> str:
    text = re.sub(r"^https?://", "", match[0], flags=re.IGNORECASE).rstrip("/")
    return " ".join(_SIGNS.get(part, part) for part in re.findall(r"[^\W_]+|.", text))


def _clock(match: re.Match[str]) -> str:
    return _moment(match["hour"], match["minute"], match["half"])


def _full_hour(match: re.Match[str]) -> str:
    return _moment(match["full_hour"], None, match["full_half"])


def _hours(match: re.Match[str]) -> str:
    """The words for a range of times, at least one of which looks like a time: "8am-6pm", "8–10 pm", "11:30-14:00"."""
    begin, end = match["begin"], match["end_word"]
    first = _moment(begin, match["begin_minute"], match["begin_half"], bare=True)
    last = end or _moment(match["end"], match["end_minute"], match["end_half"], bare=True)
    return f"{first} to {last}"


def _moment(hour: str, minute: str | None, half: str | None, *, bare: bool = False) -> str:
    """The words for a time of day; if `bare`, an hour without minutes and am/pm stays a number."""
    words = [cardinal(int(hour))]
    if minute and int(minute):
        words.append(f"oh {cardinal(int(minute))}" if int(minute) < 10 else cardinal(int(minute)))
    elif not half and (minute or not bare):
        words.append("o'clock" if 0 < int(hour) <= 12 else "hundred")
    return " ".join([*words, f"{half.upper()} M"] if half else words)


def _date(match: re.Match[str]) -> str:
    return f"{_MONTHS[int(match['month']) - 1]} {ordinal(int(match['day']))}, {year(int(match['year']))}"


def _telephone(match: re.Match[str]) -> str:
    groups = re.findall(r"\d+", match[0])
    if len(groups) == 1:
        groups = re.findall(r"\d{3}(?=\d{3})|\d+", groups[0])
    return ("plus " if match[0][0] == "+" else "") + ", ".join(digits(group) for group in groups)


def _money(match: re.Match[str]) -> str:
    scale = match["scale"] or _SCALES.get((match["letter"] or "").lower())
    minus, sign, number, up_to = _minus(match["debt"]), match["currency"], match["money"], match["up_to"]
    if _is_unclear(number, up_to):
        return match[0]
    if scale or (up_to and "." not in number + up_to):
        return f"{minus}{_range(number, up_to)}{f' {scale}' if scale else ''} {_CURRENCIES[sign][1]}"
    return minus + " to ".join(_priced(price, sign) for price in (number, up_to) if price)


def _euros(match: re.Match[str]) -> str:
    number, up_to = match["euros"], match["euros_to"]
    if _is_unclear(number, up_to):
        return match[0]
    if up_to and "." not in number + up_to:
        return f"{_range(number, up_to)} euros"
    return " to ".join(_priced(price, "€") for price in (number, up_to) if price)


def _priced(number: str, sign: str) -> str:
    """The words for a price, with cents if it has two decimals."""
    one, many, cent, cents = _CURRENCIES[sign]
    whole, _, fraction = number.replace(",", "").partition(".")
    if fraction and (len(fraction) != 2 or not cent):
        return f"{amount(number)} {many}"
    parts = [_counted(int(whole), one, many)] if int(whole) or not int(fraction or 0) else []
    parts += [_counted(int(fraction), cent, cents)] if int(fraction or 0) else []
    return " and ".join(parts)


def _percent(match: re.Match[str]) -> str:
    if _is_unclear(match["percent"], match["percent_to"]):
        return match[0]
    return f"{_minus(match['less'])}{_range(match['percent'], match['percent_to'])} percent"


def _measure(match: re.Match[str]) -> str:
    if _is_unclear(match["measure"], match["measure_to"]):
        return match[0]
    one, many = _UNITS[match["unit"]]
    number = _range(match["measure"], match["measure_to"])
    return f"{_minus(match['below'])}{number} {one if number == 'one' else many}"


def _is_unclear(number: str, up_to: str | None) -> bool:
    """Whether the number may mean something else: 1.250 is more than a thousand in much of Europe, and 10-5 is no
    range."""
    if any(_MAYBE_GROUPED.fullmatch(it) for it in (number, up_to or "")):
        return True
    return up_to is not None and float(number.replace(",", "")) > float(up_to.replace(",", ""))


def _range(number: str, up_to: str | None) -> str:
    return f"{amount(number)} to {amount(up_to)}" if up_to else amount(number)


def _minus(sign: str | None) -> str:
    return "minus " if sign else ""


def _counted(number: int, one: str, many: str) -> str:
    return f"{cardinal(number)} {one if number == 1 else many}"


def _place(match: re.Match[str]) -> str:
    places = (match["place_from"], match["place"])
    return " to ".join(ordinal(int(place.replace(",", ""))) for place in places if place)


_TELEPHONE = (
    r"(?<![\w+])\+(?=(?:[ .()-]{0,2}\d){8})\d{1,3}(?:[ .-]?(?:\(\d{1,4}\)|\d{1,4})){2,5}(?!\w)"  # +44 20 7946 0958
    r"|(?<![\w.,-])(?:1[ .-])?(?:\(\d{3}\)[ ]?|\d{3}[ .-])\d{3}[ .-]\d{4}(?![\w-])"  # (555) 123-4567
    r"|(?<![\w.,/-])\d{3}-\d{4}(?![\w-])"  # 555-1234
    r"|(?<![\w.,-])\d{4}(?:[ -]\d{4}){3}(?![\w-])"  # a card number
    r"|(?<![\w.,-])\d{10,}(?!\w)"
)
_MONEY = (
    rf"{_MINUS.format('debt')}(?P<currency>[$€£¥₹])[ ]?(?P<money>{_NUMBER})(?:{_TO}[$€£¥₹]?(?P<up_to>{_NUMBER}))?"
    r"(?:[ ]?(?P<scale>(?i:thousand|million|billion|trillion)\b)|(?P<letter>[KkMmBb]|mn|bn)\b)?"
)
_EUROS = rf"{_BEFORE_NUMBER}(?P<euros>{_NUMBER})(?:[ ]?€?{_TO}(?P<euros_to>{_NUMBER}))?[ ]?€"
_PERCENT = (
    rf"{_MINUS.format('less')}{_BEFORE_NUMBER}(?P<percent>{_NUMBER})(?:[ ]?%?{_TO}(?P<percent_to>{_NUMBER}))?[ ]?%"
)
_ANY_UNIT = "|".join(sorted(_UNITS, key=len, reverse=True))
_MEASURE = (
    rf"{_MINUS.format('below')}{_BEFORE_NUMBER}(?<![:/])(?P<measure>{_NUMBER})"
    rf"(?:(?:[ ]?(?:{_ANY_UNIT}))?{_TO}(?P<measure_to>{_NUMBER}))?[ ]?(?P<unit>{_ANY_UNIT})(?![\w/])"
)
_HOUR = "(?P<{0}>[01]?\\d|2[0-3])(?::(?P<{0}_minute>[0-5]\\d)(?!:?\\d))?(?:[ ]?{1})?"
_HOURS = (
    rf"{_START}(?=\d+(?::|[ ]?[AaPp]\.?[Mm]\b)|\d+{_TO}\d+(?::|[ ]?[AaPp]\.?[Mm]\b))"
    + _HOUR.format("begin", _meridiem("begin_half"))
    + rf"{_TO}(?:(?P<end_word>noon|midnight)\b|"
    + _HOUR.format("end", _meridiem("end_half"))
    + r"(?![\w:/%€]|[.,]\d|[-–—]\d))"
)

RULES: Sequence[SpokenRule] = (
    (r"\b\w[\w.+-]*@[\w-]+(?:\.[\w-]+)+", _address),
    (r"(?i:\b(?:https?://|www\.)[^\s<>\"]*[\w/])", _address),
    (rf"\b(?:[\w-]+\.)+(?:{_TOP_LEVEL})\b(?![.-]\w)(?:/[^\s<>\"]*[\w/])?", _address),
    (rf"{_START}(?P<year>[12]\d{{3}})-(?P<month>0[1-9]|1[0-2])-(?P<day>0[1-9]|[12]\d|3[01])(?![\d-])", _date),
    (_HOURS, _hours),
    (rf"{_START}(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?!:?\d)(?:[ ]?{_meridiem('half')})?", _clock),
    (rf"{_START}(?P<full_hour>1[0-2]|0?[1-9])[ ]?{_meridiem('full_half')}", _full_hour),
    (_TELEPHONE, _telephone),
    (_MONEY, _money),
    (_EUROS, _euros),
    (_PERCENT, _percent),
    (
        rf"{_START}(?:(?P<place_from>\d+)(?i:st|nd|rd|th)?{_TO})?(?P<place>\d{{1,3}}(?:,\d{{3}})+|\d+)(?i:st|nd|rd|th)\b",
        _place,
    ),
    (_MEASURE, _measure),
    (r"#(?=\d)", lambda match: "number"),
    (r"&(?:amp;)?", lambda match: "and"),
)
