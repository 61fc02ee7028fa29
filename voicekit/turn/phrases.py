"""How much what was said weighs against a running reply: stop-words, ignore-words, and the count of the rest.

Words are compared as people hear them: without case, punctuation, or the difference between "uh-huh" and "uh huh".
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from voicekit.events import Word
from voicekit.turn.policy import InterruptPolicy
from voicekit.turn.wordlists import WordLists

_HYPHENS = re.compile(r"[-\u2010-\u2015]")
_EDGES = re.compile(r"^[\W_]+|[\W_]+$")


def plain(text: str) -> tuple[str, ...]:
    """The bare words of `text`: '"Uh-huh," ' is ("uh", "huh")."""
    text = unicodedata.normalize("NFC", text).replace("\u2019", "'").casefold()
    bare = (_EDGES.sub("", part) for part in _HYPHENS.sub(" ", text).split())
    return tuple(part for part in bare if part)


class PhraseWord(NamedTuple):
    """One bare word: the place of the Word it is part of, and the language of that."""

    place: int
    text: str
    language: str | None


def parts_of(words: Sequence[Word]) -> list[PhraseWord]:
    return [PhraseWord(place, text, word.language) for place, word in enumerate(words) for text in plain(word.text)]


class Phrases:
    """Phrases of one or more words, by language."""

    __slots__ = ("_all", "_by_language", "_longest")

    def __init__(self, lists: WordLists) -> None:
        self._by_language = {
            language.casefold(): {plain(phrase) for phrase in phrases} for language, phrases in lists.items()
        }
        self._all: set[tuple[str, ...]] = set().union(*self._by_language.values())
        self._longest = max((len(phrase) for phrase in self._all), default=0)

    def split(self, parts: Sequence[PhraseWord]) -> tuple[list[str], list[PhraseWord]]:
        """The phrases found in `parts`, the longest where several begin, and the parts in none of them."""
        found: list[str] = []
        rest: list[PhraseWord] = []
        start = 0
        while start < len(parts):
            length = self._length(parts[start : start + self._longest])
            if length:
                found.append(" ".join(part.text for part in parts[start : start + length]))
            else:
                rest.append(parts[start])
            start += length or 1
        return found, rest

    def _length(self, ahead: Sequence[PhraseWord]) -> int:
        """How many parts the longest phrase at the front of `ahead` has, 0 for none."""
        if not ahead:
            return 0
        language = (ahead[0].language or "").partition("-")[0].casefold()
        known = self._by_language.get(language, self._all)
        texts = tuple(part.text for part in ahead)
        return next((size for size in range(len(texts), 0, -1) if texts[:size] in known), 0)


class InterruptionWeigher:
    """Weighs what was said while a reply runs."""

    __slots__ = ("_ignored", "_min_words", "_stop")

    def __init__(self, policy: InterruptPolicy) -> None:
        self._stop = Phrases(policy.stop_words)
        self._ignored = Phrases(policy.ignore_words)
        self._min_words = policy.min_words

    def weight(self, words: Sequence[Word]) -> int:
        """How many of `words` are more than a backchannel."""
        _, rest = self._ignored.split(parts_of(words))
        return len({part.place for part in rest})

    def cuts(self, words: Sequence[Word]) -> str | None:
        """Why `words` cut a reply at once, or None if they do not."""
        found, _ = self._stop.split(parts_of(words))
        if found:
            return f"stop-word {found[0]!r}"
        weight = self.weight(words)
        return f"{weight} words" if weight >= self._min_words else None
