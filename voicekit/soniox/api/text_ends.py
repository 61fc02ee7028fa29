"""Where a text may be cut, and how long it takes to say: plain functions on strings."""

from __future__ import annotations

import re
from typing import Final

from voicekit.soniox.api.word_times import is_wide

CHARACTERS_PER_SECOND: Final = 12.0
"""Of alphabetic text at speed 1.0: on the slow side of ordinary English speech (12 to 16), as an estimate of what is
still to be heard should rather be too long than too short."""
WIDE_CHARACTER: Final = 3
"""A Chinese, Japanese or Korean character is about a syllable: four a second, so it counts as three letters."""

# A sentence ends with its mark and whatever closes behind it, before white space; East Asian marks need none.
_SENTENCE_END = re.compile(
    r"[.!?\u2026]+[\"')\]\u2019\u201d\u00bb]*(?=\s)|[\u3002\uff01\uff1f]+[\u300d\u300f\u201d]*|\n"
)
_CLAUSE_END = re.compile(r"[,;:\u2013\u2014)]+(?=\s)|[\uff0c\uff1b\uff1a\u3001]+")
_WORD_END = re.compile(r"\S(?=\s)")


def seconds_to_say(text: str, speed: float = 1.0) -> float:
    """About how long `text` takes to say."""
    return _weight(text) / (CHARACTERS_PER_SECOND * speed)


def reach(text: str, seconds: float, speed: float = 1.0) -> int:
    """How many characters of `text` take about `seconds` to say; all of them if they take less."""
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
    """The last place up to `limit` behind the end of a sentence, 0 where there is none.

    White space must follow the mark: what ends with "3." may go on with "14".
    """
    return _last(_SENTENCE_END, text, limit)


def clause_end(text: str, limit: int) -> int:
    """The last place up to `limit` behind a comma, a colon or the like; 0 where there is none."""
    return _last(_CLAUSE_END, text, limit)


def word_end(text: str, limit: int) -> int:
    """The last place up to `limit` behind a whole word; 0 where there is none."""
    spaced = _last(_WORD_END, text, limit)
    wide = next((place for place in range(min(limit, len(text) - 1), spaced, -1) if is_wide(text[place])), 0)
    return max(spaced, wide)


def next_word_end(text: str, longest: int) -> int:
    """Where the word that `text` begins with ends; 0 when it does not end within `longest` characters."""
    for place, character in enumerate(text[: longest + 1]):
        if character.isspace() or (place and is_wide(character)):
            return place
    return 0


def _weight(text: str) -> int:
    if text.isascii():
        return len(text)
    return len(text) + (WIDE_CHARACTER - 1) * sum(map(is_wide, text))


def _last(pattern: re.Pattern[str], text: str, limit: int) -> int:
    ends = [match.end() for match in pattern.finditer(text, 0, limit + 1) if match.end() <= limit]
    return ends[-1] if ends else 0
