"""Turns the timed characters in the speech service's messages into timed words."""

from __future__ import annotations

from itertools import chain, repeat
from math import inf
from typing import Final
from unicodedata import east_asian_width

from msgspec import Struct

from voicekit.soniox.api.wire import Timestamps
from voicekit.writing import begins_word

LONGEST_WORD: Final = 40
"""After this many characters, an unfinished word is returned, so that an endless word does not wait for its end."""

HOLE_S: Final = 0.15
"""If there are more seconds than this between two characters, characters without times were spoken in between: a pause
inside a word is shorter."""


class SpokenWord(Struct, frozen=True):
    """A word without white space around it; its first character begins `at` seconds after the stream's first sample."""

    text: str
    at: float


class WordTimes:
    """Collects the characters of one stream; a word may begin in one message and end in a later one."""

    __slots__ = ("_at", "_ended", "_latest", "_word")

    def __init__(self) -> None:
        self._word = ""
        self._at = 0.0
        self._latest = 0.0
        self._ended = inf  # the time at which the last character ends; inf if it was not reported

    def feed(self, stamps: Timestamps) -> list[SpokenWord]:
        """Take `stamps`, which time further characters, and return the words that are now complete. The times of the
        words never decrease, whatever the service sends."""
        words: list[SpokenWord] = []
        starts = stamps.character_start_times_seconds or ()
        ends = chain(stamps.character_end_times_seconds or (), repeat(inf))
        for character, start, end in zip(stamps.characters or (), starts, ends, strict=False):
            self._latest = max(self._latest, start)
            apart = begins_word(self._word, character) or self._latest > self._ended + HOLE_S
            if apart or len(self._word) >= LONGEST_WORD:
                words.extend(self.finish())
            self._ended = end
            if not character.isspace():
                self._at = self._at if self._word else self._latest
                self._word += character
        return words

    def finish(self) -> list[SpokenWord]:
        """Return the last word, unless `feed` has already returned it."""
        word, self._word = self._word, ""
        return [SpokenWord(word, self._at)] if word else []


def is_wide(character: str) -> bool:
    """Whether the character takes about as long to speak as a syllable, as in Chinese, Japanese and Korean."""
    return not character.isascii() and character.isalpha() and east_asian_width(character) in "WF"
