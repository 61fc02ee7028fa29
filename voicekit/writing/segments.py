"""Splits text into characters as people see them (grapheme clusters), and into words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from unicodedata import normalize

from voicekit.writing.shapes import ALONE, LEADING, WIDE, shape

LONGEST_CLUSTER: Final = 32
"""How many characters before a position are examined to find out whether it is inside a cluster; real clusters have at
most eight.
"""

# Patterns over shapes, in this order: the rest of a cluster; a cluster that is a word; a cluster; a word.
_JOINED = r"(?:m|z\S?|v[mvz]*[au]?)*"
CHARACTER_WORD: Final = rf"(?:p+u?|u){_JOINED}"
_CLUSTER = re.compile(rf"[pq]*(?:rr|v[mvz]*[au]?|.){_JOINED}", re.DOTALL)
_WORD = re.compile(rf"[.w]*(?:{CHARACTER_WORD}|[^\spuw]+)[.w]*|[.w]+")
_RUN = re.compile(r"\S+")
_HYPHENS = re.compile(r"[-\u2010-\u2015]+")


def clusters(text: str) -> Iterator[int]:
    """The index after each character; a character includes its accents, vowel signs and tone marks.

    >>> list(clusters("ที่นี่"))
    [3, 6]
    """
    return (match.end() for match in _CLUSTER.finditer(shape(text)))


def whole_clusters(text: str, limit: int) -> int:
    """The largest index, at most `limit`, at which no character is split; `limit` itself if all text before it is one
    character.

    >>> whole_clusters("ที่นี่", 5)
    3
    """
    if limit >= len(text):
        return len(text)
    start = max(0, limit - LONGEST_CLUSTER)
    kinds = shape(text[start : limit + 1])
    place = max((match.start() for match in _CLUSTER.finditer(kinds) if match.start() <= limit - start), default=0)
    return start + place or limit


def word_spans(text: str, start: int = 0) -> Iterator[tuple[int, int]]:
    """Where the words after `start` begin and end; the beginning of a word never depends on later text.

    >>> [text[start:end] for text in ("Well, 你好。ok!",) for start, end in word_spans(text)]
    ['Well,', '你', '好。', 'ok!']
    """
    for run in _RUN.finditer(text, start):
        if run[0].isascii():
            yield run.span()
            continue
        for word in _WORD.finditer(shape(run[0])):
            yield run.start() + word.start(), run.start() + word.end()


def begins_word(before: str, after: str) -> bool:
    """Whether `after`, which directly follows `before`, begins a word instead of continuing one."""
    if not before or not after or before[-1].isspace() or after[0].isspace():
        return True
    if before.isascii() and after[0].isascii():
        return False
    *_, (start, _) = word_spans(before + after[0])
    return start == len(before)


def is_unspaced(character: str) -> bool:
    """Whether `character` is a letter or a punctuation mark of a script that puts no spaces between words."""
    return bool(character) and shape(character) in (ALONE, LEADING, WIDE)


def letters(text: str) -> str:
    """`text` without white space and punctuation, and with case and the encoding of accents made uniform.

    >>> letters(" D\u2019accord! "), letters("はい、はい。")
    ('daccord', 'はいはい')
    """
    text = normalize("NFKC", text).casefold()
    if text.isascii():
        return "".join(filter(str.isalnum, text))
    kinds = zip(text, shape(text), strict=True)
    return "".join(char for char, kind in kinds if kind not in " z.wr" and (kind != "m" or char.isprintable()))


def units(text: str) -> list[tuple[str, bool]]:
    """The letters of each word of `text`, and whether the word's script has no spaces; a hyphen separates two words.

    >>> units("Uh-huh, 你好")
    [('uh', False), ('huh', False), ('你', True), ('好', True)]
    """
    text = _HYPHENS.sub(" ", normalize("NFC", text))
    found = (letters(text[start:end]) for start, end in word_spans(text))
    return [(bare, any(kind in "up" for kind in shape(bare))) for bare in found if any(map(str.isalnum, bare))]
