"""Rewrites text as a person would read it aloud: "$5" as "five dollars", "3:05" as "three oh five".

Text is rewritten phrase by phrase. A phrase ends with the first complete word that has no digit or symbol, since
nothing after such a word changes how the phrase is read. So "3:0" is held back in case a "5" follows, "$5" in case
"million" follows, but "hello" only until the word is complete.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from voicekit.contracts import Text
from voicekit.errors import ConfigError
from voicekit.flow.transform import TransformPart
from voicekit.reply.english import RULES, SpokenRule
from voicekit.reply.text import Rewriting, joined, spoken_as
from voicekit.writing import whole_clusters

LONGEST_PHRASE = 250
"""The maximum number of characters that are held back; a longer phrase (of digits, or a very long address) is cut at
the end of a word.
"""

LANGUAGES: Mapping[str, Sequence[SpokenRule]] = {"en": RULES}

_DIGIT = re.compile(r"\d")
_UNBROKEN = re.compile(r"\S*\d\S*")
_WORD = re.compile(r"\s*(\S+)(\s)")
_GOES_ON = re.compile(r"[\d$€£¥₹]|^[ap]\.?m\b|^\u2013$", re.IGNORECASE)
"""Words that do not end a phrase: how such a word, or the word before it, is read may depend on the next word."""


def spoken_forms(language: str = "en") -> TransformPart[Any, Any]:
    """A transform that spells out those parts of Text that are not read as written; the language "en-GB" counts as
    "en".

    As soon as any of the spelled-out words is heard, all the text that they replace counts as heard. Raises ConfigError
    for a language without rules.

    >>> from voicekit.contracts import Text
    >>> from voicekit.flow import StreamContext
    >>> speaking = spoken_forms().start(StreamContext())
    >>> [text.text for piece in ("At 3:0", "5 p.m. it ") for text in speaking.feed(Text.raw(piece, 0))]
    ['At ', 'three oh five P M it ']
    """
    rules = LANGUAGES.get(language.lower().partition("-")[0]) if isinstance(language, str) else None
    if rules is None:
        known = ", ".join(sorted(LANGUAGES))
        raise ConfigError(f"spoken_forms(): expected one of the languages {known}, got {language!r}")
    reading = _Reading(rules)
    return TransformPart("spoken forms", lambda context: Rewriting(reading))


class _Reading:
    """Rewrites one phrase at a time; nothing is stored between phrases."""

    __slots__ = ("_pattern", "_say")

    def __init__(self, rules: Sequence[SpokenRule]) -> None:
        self._pattern = re.compile("|".join(f"(?P<rule{place}>{pattern})" for place, (pattern, _) in enumerate(rules)))
        self._say = {f"rule{place}": say for place, (_, say) in enumerate(rules)}

    def step(self, held: Text, last: bool) -> tuple[int, Text] | None:
        end = _phrase_end(held.text[:LONGEST_PHRASE])
        if end is None and len(held) >= LONGEST_PHRASE:
            end = held.text.rfind(" ", 0, LONGEST_PHRASE) + 1 or whole_clusters(held.text, LONGEST_PHRASE)
        if end is None and last:
            end = len(held)
        return None if end is None else (end, self._read(held.part(0, end)))

    def _read(self, phrase: Text) -> Text:
        parts: list[Text] = []
        done = 0
        for match in self._whole(phrase.text):
            start, end = match.span()
            words = self._say[match.lastgroup or ""](match)
            before, after = phrase.text[:start], phrase.text[end:]
            words = " " * before[-1:].isalnum() + words + " " * after[:1].isalnum()
            parts += phrase.part(done, start), spoken_as(words, phrase.part(start, end))
            done = end
        return joined((*parts, phrase.part(done, len(phrase)))) if parts else phrase

    def _whole(self, text: str) -> list[re.Match[str]]:
        """The matches to rewrite, without those that cover only some of the digits between two spaces.

        In "8am-6pm", either both times are rewritten or neither; "1.250,00" is never rewritten.
        """
        found = list(self._pattern.finditer(text))
        for run in _UNBROKEN.finditer(text):
            inside = [match for match in found if match.start() < run.end() and match.end() > run.start()]
            digits = [digit.start() for digit in _DIGIT.finditer(text, *run.span())]
            done = sum(any(match.start() <= digit < match.end() for match in inside) for digit in digits)
            if 0 < done < len(digits):
                found = [match for match in found if match not in inside]
        return found


def _phrase_end(text: str) -> int | None:
    for word in _WORD.finditer(text):
        if word[2] == "\n" or not _GOES_ON.search(word[1]):
            return word.end()
    return None
