"""Represents the kind of each character as one letter, so that one pattern can search text in any script.

`re` has no classes for combining marks or for scripts, and the packages that implement Unicode's segmentation cost more
than everything else in `import voicekit`: `regex` 37 ms and 3.6 MB, `uniseg` 61 ms and 11 MB, `grapheme` 26 ms and 1.5
MB. So text is mapped to its shape, which has one letter (see the kinds below) for each character of the text, and plain
`re` searches the shape. A character is looked up only once, in the standard library's `unicodedata`; after that,
`str.translate` maps it, in 50 to 65 ns.

The kinds follow Unicode's grapheme clusters (UAX #29), with three exceptions, which only make clusters longer. The
vowels of Thai and Lao that are written before or after a consonant stay with it. Characters that repeat or lengthen
another one (U+30FC, U+0E46) stay with that one. Format characters belong to the previous character.
"""

from __future__ import annotations

from typing import Final
from unicodedata import category

SPACE: Final = " "
DIGIT: Final = "0"
LETTER: Final = "a"  # a letter of a script with spaces
ALONE: Final = "u"  # a letter of a script without spaces
LEADING: Final = "p"  # a vowel that is written before its consonant, in a script without spaces
PREFIX: Final = "q"  # a character that is joined to the letter after it, in a script with spaces
MARK: Final = "m"  # a character that is joined to the one before it
LINKER: Final = "v"  # a character that is joined to the one before it and the letter after it, as in a conjunct
JOINER: Final = "z"  # a character that is joined to those on both sides
REGION: Final = "r"  # half a flag
WIDE: Final = "w"  # punctuation of a script without spaces: a word may begin directly after it
OTHER: Final = "."  # all other punctuation, and symbols

_UNSPACED: Final = (
    *((0x0E00, 0x109F), (0x1780, 0x17FF), (0x1950, 0x19FF), (0x1A20, 0x1AAF), (0x1B00, 0x1B7F)),  # Thai to Balinese
    *((0x2E80, 0x2FDF), (0x3000, 0x312F), (0x31A0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF)),  # Chinese, kana
    *((0xA980, 0xA9FF), (0xAA60, 0xAADF), (0xF900, 0xFAFF), (0xFE10, 0xFE1F), (0xFE30, 0xFE6F)),
    # full-width punctuation, half-width kana
    *((0xFF00, 0xFF0F), (0xFF1A, 0xFF20), (0xFF3B, 0xFF40), (0xFF5B, 0xFF9F)),
    *((0x1B000, 0x1B16F), (0x20000, 0x3FFFF)),
)
"""Scripts that are written without spaces between words."""

_LINKERS: Final = frozenset("\u094d\u09cd\u0acd\u0b4d\u0c4d\u0ccd\u0d4d\u1039\u17d2\u1a60\u1b44\u1bab\ua9c0\uaaf6")
_LEADING: Final = frozenset(map(chr, (*range(0xE40, 0xE45), *range(0xEC0, 0xEC5), 0x19B5, 0x19B6, 0x19B7, 0x19BA)))
_PREFIXES: Final = frozenset(
    map(chr, (*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0xD4E, *range(0x1100, 0x1160)))
).union(map(chr, range(0xA960, 0xA980)))
_MARKS: Final = frozenset("\u0e30\u0e32\u0e33\u0e45\u0eb0\u0eb2\u0eb3\uff9e\uff9f").union(
    map(chr, range(0x1160, 0x1200)),  # characters that continue a Korean syllable written in pieces
    map(chr, range(0xD7B0, 0xD7FC)),
    map(chr, range(0x1F3FB, 0x1F400)),  # skin tones
)
"""Characters that count as marks in addition to Unicode's: vowels after their consonant, the voicing of narrow kana,
and the characters named here.
"""


def shape(text: str) -> str:
    """The kind of each character of `text`.

    >>> shape("Hi, 你好。 ที่")
    'aa. uuw umm'
    """
    return text.translate(_SHAPES)


def skeleton(text: str) -> str:
    """The shape of `text`, but with its punctuation, signs, digits and white space unchanged.

    >>> skeleton("It costs $5, 你好。")
    'aa aaaaa $5, uu。'
    """
    return text.translate(_BONES)


class _Shapes(dict[int, str]):
    """A table from characters to kinds; an entry is added when a character is first seen."""

    def __missing__(self, code: int) -> str:
        kind = self[code] = _kind(chr(code))
        return kind


class _Bones(dict[int, str]):
    """The same table for `skeleton`."""

    def __missing__(self, code: int) -> str:
        kind = _SHAPES[code]
        bone = self[code] = chr(code) if kind in (SPACE, DIGIT, WIDE, OTHER, REGION) else kind
        return bone


_SHAPES: Final = _Shapes()
_BONES: Final = _Bones()


def _kind(character: str) -> str:
    named = ((LINKER, _LINKERS), (LEADING, _LEADING), (PREFIX, _PREFIXES), (MARK, _MARKS), (JOINER, "\u200d"))
    for kind, characters in named:
        if character in characters:
            return kind
    if character.isspace():
        return SPACE
    group = category(character)
    unspaced = any(first <= ord(character) <= last for first, last in _UNSPACED)
    if group[0] == "M" or group == "Cf" or (group == "Lm" and unspaced):
        return MARK
    if group == "Nd":
        return DIGIT
    if character.isalnum():
        return ALONE if unspaced else LETTER
    if "\U0001f1e6" <= character <= "\U0001f1ff":
        return REGION
    return WIDE if unspaced and group[0] == "P" else OTHER
