"""Finds the places at which text may be split, and estimates how long text takes to speak."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from voicekit.soniox.api.word_times import is_wide
from voicekit.writing import clause_ends, sentence_ends, word_spans

CHARACTERS_PER_SECOND: Final = 12.0
"""The estimated rate for alphabetic text at speed 1.0. It is at the slow end of ordinary English speech (12 to 16),
because an estimate of the speech still to come should be too long rather than too short.
"""
WIDE_CHARACTER: Final = 3
"""How many letters a Chinese, Japanese or Korean character counts as: each is about a syllable, and people speak four
per second."""


NEXT_WORD: Final = 30
"""How many characters after a full stop are examined: the next word shows whether the full stop ends a sentence."""


def seconds_to_say(text: str, speed: float = 1.0) -> float:
    """Estimate how many seconds `text` takes to speak."""
    return _weight(text) / (CHARACTERS_PER_SECOND * speed)


def reach(text: str, seconds: float, speed: float = 1.0) -> int:
    """How many characters of `text` can be spoken in about `seconds` seconds; its length if all of it takes less."""
    room = int(max(0.0, seconds) * CHARACTERS_PER_SECOND * speed)
    if text.isascii():
        return min(room, len(text))
    for place, character in enumerate(text):
        room -= WIDE_CHARACTER if is_wide(character) else 1
        if room < 0:
            return place
    return len(text)


def bytes_reach(text: str, room: int) -> int:
    """How many characters of `text` fit into `room` bytes of UTF-8."""
    return len(text[:room]) if text.isascii() else len(text[:room].encode()[:room].decode(errors="ignore"))


def sentence_end(text: str, limit: int) -> int:
    """The largest index up to `limit` that directly follows the end of a sentence; 0 if there is none.

    A sentence counts only if more text follows, since text that ends with "3." may continue with "14".
    """
    return _last(sentence_ends(text[: limit + NEXT_WORD]), limit)


def clause_end(text: str, limit: int) -> int:
    """The largest index up to `limit` that directly follows a comma, a colon or the like; 0 if there is none."""
    return _last(clause_ends(text[: limit + 1]), limit)


def word_end(text: str, limit: int) -> int:
    """The largest index up to `limit` that directly follows a whole word; 0 if there is none."""
    return _last((end for _, end in word_spans(text[: limit + 1]) if end < len(text)), limit)


def next_word_end(text: str, longest: int) -> int:
    """The index directly after the first word in `text`; 0 if the word does not end within `longest` characters."""
    start, end = next(word_spans(text[: longest + 1]), (0, 0))
    return end if start == 0 and end < len(text) and end <= longest else 0


def _weight(text: str) -> int:
    if text.isascii():
        return len(text)
    return len(text) + (WIDE_CHARACTER - 1) * sum(map(is_wide, text))


def _last(ends: Iterable[int], limit: int) -> int:
    return max((end for end in ends if end <= limit), default=0)
