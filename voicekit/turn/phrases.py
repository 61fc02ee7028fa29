"""Weighs the caller's words against a reply in progress, by stop-words, ignored words, and the number of other words.

Words are compared by their joined letters, without case, punctuation or white space. So "uh-huh" equals "uh huh", and a
phrase is found however the recogniser has split it, even in scripts without spaces.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from voicekit.events import Word
from voicekit.turn.policy import InterruptPolicy
from voicekit.turn.wordlists import ANY, WordLists
from voicekit.writing import letters, units

FALLBACK = "en"
"""The language for words whose language is unknown, in addition to the languages that the recogniser expects."""

CHARACTERS_A_WORD = 2
"""How many characters count as a word in scripts without spaces: the mean for Chinese, a little less than the mean for
Japanese and Thai."""

_SHARED = "\u0370"
"""Characters below this one are Latin letters, which most lists use; a word in other letters is looked up in all
lists."""


class PhraseWord(NamedTuple):
    """The letters of one word, the index and language of the Word that it comes from, and whether it is in a script
    without spaces."""

    place: int
    text: str
    language: str | None
    unspaced: bool


def parts_of(words: Sequence[Word]) -> list[PhraseWord]:
    return [
        PhraseWord(place, text, word.language, unspaced)
        for place, word in enumerate(words)
        for text, unspaced in units(word.text)
    ]


class Phrases:
    """Phrases of one or more words, by language.

    A word is looked up in the list of its language. If the language is unknown or has no list, the word is looked up in
    the lists of `languages` and in the English list; a word that is not in Latin letters is looked up in all lists.
    Phrases under "any" are in every list.
    """

    __slots__ = ("_all", "_by_language", "_fallback", "_longest")

    def __init__(self, lists: WordLists, languages: Sequence[str] = ()) -> None:
        by_letters = {_code(language): {letters(it): it for it in phrases} for language, phrases in lists.items()}
        shared = by_letters.get(ANY, {})
        self._by_language = {language: {**phrases, **shared} for language, phrases in by_letters.items()}
        expected = [self._by_language.get(language, {}) for language in (*map(_code, languages), FALLBACK)]
        self._fallback = _merged((*expected, shared))
        self._all = _merged(self._by_language.values())
        self._longest = max(map(len, self._all), default=0)

    def split(self, parts: Sequence[PhraseWord]) -> tuple[list[str], list[PhraseWord]]:
        """The phrases found in `parts` (only the longest if several begin at the same part), and the parts that belong
        to no phrase.
        """
        found: list[str] = []
        rest: list[PhraseWord] = []
        start = 0
        while start < len(parts):
            phrase, end = self._first(parts, start)
            if phrase is None:
                rest.append(parts[start])
            else:
                found.append(phrase)
            start = end
        return found, rest

    def _first(self, parts: Sequence[PhraseWord], start: int) -> tuple[str | None, int]:
        """The longest phrase that begins with part `start`, and the index after it."""
        known, read = self._known(parts[start]), ""
        phrase, end = None, start + 1
        for place in range(start, len(parts)):
            read += parts[place].text
            if len(read) > self._longest:
                break
            if read in known:
                phrase, end = known[read], place + 1
        return phrase, end

    def _known(self, part: PhraseWord) -> Mapping[str, str]:
        """The phrases of the lists in which `part` is looked up; the keys are their letters."""
        own = self._by_language.get(_code(part.language or ""))
        if own is None:
            return self._all if part.text[0] >= _SHARED else self._fallback
        return own


class InterruptionWeigher:
    """Weighs the words that are said during a reply."""

    __slots__ = ("_ignored", "_min_words", "_stop")

    def __init__(self, policy: InterruptPolicy, languages: Sequence[str] = ()) -> None:
        self._stop = Phrases(policy.stop_words, languages)
        self._ignored = Phrases(policy.ignore_words, languages)
        self._min_words = policy.min_words

    def weight(self, words: Sequence[Word]) -> int:
        """The number of `words`, not counting backchannels; in scripts without spaces, it is calculated from the number
        of characters."""
        _, rest = self._ignored.split(parts_of(words))
        characters = sum(part.unspaced for part in rest)
        return len({part.place for part in rest if not part.unspaced}) + -(-characters // CHARACTERS_A_WORD)

    def cuts(self, words: Sequence[Word], least: int | None = None) -> str | None:
        """Why `words` cut a reply immediately; None if they don't. `least` (by default `min_words`) is how many words
        it takes to cut the reply, not counting backchannels.
        """
        found, _ = self._stop.split(parts_of(words))
        if found:
            return f"stop-word {found[0]!r}"
        weight = self.weight(words)
        return f"{weight} word{'s' * (weight > 1)}" if weight >= (least or self._min_words) else None


def _code(language: str) -> str:
    return language.partition("-")[0].casefold()


def _merged(lists: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {bare: phrase for phrases in lists for bare, phrase in phrases.items()}
