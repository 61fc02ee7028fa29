"""Word error rate: how many words of a known text were heard wrongly, regardless of their spelling (pure).

"I can't, it's 5 p.m." and "i cannot it is five pm" count as the same words, because both texts are normalised first. A
wrong, missing or additional word is one error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from voicekit.reply.numerals import amount
from voicekit_local.aloud import aloud

_CONTRACTIONS = (
    (r"\bwon't\b", "will not"),
    (r"\bcan't\b|\bcannot\b", "can not"),
    (r"n't\b", " not"),
    (r"'re\b", " are"),
    (r"'ll\b", " will"),
    (r"'ve\b", " have"),
    (r"\bi'm\b", "i am"),
    (r"\b(it|that|what|there|here|he|she|who|where|how)'s\b", r"\1 is"),
)
_SAME = {
    "ok": "okay", "mr": "mister", "mrs": "missus", "dr": "doctor", "email": "e mail", "voicemail": "voice mail",
    "alright": "all right", "percent": "per cent", "oclock": "o clock", "til": "until", "metre": "meter",
    "metres": "meters", "goodbye": "good bye",
}  # fmt: skip
_NUMBER = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Errors:
    """The result of a comparison: `wrong` errors in `words` spoken words."""

    wrong: int
    words: int

    @property
    def rate(self) -> float:
        """Errors per spoken word; it can be more than 1 if more words were heard than said."""
        return self.wrong / max(1, self.words)

    def __add__(self, other: Errors) -> Errors:
        return Errors(self.wrong + other.wrong, self.words + other.words)


def word_errors(said: str, heard: str) -> Errors:
    """The errors in `heard`, compared with what was `said`.

    >>> word_errors("It's five past 10.", "it is 5 passed ten").wrong
    1
    """
    expected, got = plain_words(said), plain_words(heard)
    return Errors(edit_distance(expected, got), len(expected))


def total_errors(pairs: Iterable[tuple[str, str]]) -> Errors:
    """The total errors over many (said, heard) pairs of texts."""
    return sum((word_errors(said, heard) for said, heard in pairs), Errors(0, 0))


def plain_words(text: str) -> list[str]:
    """The words of an English text, with differences of spelling removed.

    >>> plain_words("Mr. O'Neil can't pay $1,200!")
    ['mister', 'oneil', 'can', 'not', 'pay', 'one', 'thousand', 'two', 'hundred', 'dollars']
    """
    text = aloud(text.replace("\u2019", "'")).text.lower()
    text = re.sub(r"\b([ap])[. ]?m\b", r"\1m", text)
    for pattern, words in _CONTRACTIONS:
        text = re.sub(pattern, words, text)
    text = _NUMBER.sub(lambda match: f" {amount(match[0])} ", text)
    found = re.findall(r"[^\W_]+", text.replace("'", ""))
    return " ".join(_SAME.get(word, word) for word in found).split()


def edit_distance(expected: Sequence[str], got: Sequence[str]) -> int:
    """The smallest number of words to change, remove or add to turn `expected` into `got`."""
    return prefix_distances(expected, got)[-1]


def prefix_distances(expected: Sequence[str], got: Sequence[str]) -> list[int]:
    """The edit distance between all of `expected` and the first n words of `got`, for every n from 0 up."""
    row = list(range(len(got) + 1))
    for place, word in enumerate(expected, start=1):
        before, row[0] = row[0], place
        for column, other in enumerate(got, start=1):
            before, row[column] = (
                row[column],
                min(row[column] + 1, row[column - 1] + 1, before + (word != other)),
            )
    return row
