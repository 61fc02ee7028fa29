"""Splits streamed text into sentences, so that a voice can begin the first sentence while the second is being written.

`voicekit.writing.ends` decides where a sentence ends, for all scripts. A sentence longer than `max_chars` is cut after
its last clause. If it has no clauses, it is cut after its last white space, or else after its last whole character
(with its accents, vowel signs and tone marks).
"""

from __future__ import annotations

import re
from typing import Any

from voicekit.contracts import Text
from voicekit.errors import ConfigError
from voicekit.flow.transform import TransformPart
from voicekit.reply.text import NOTHING, Rewriting
from voicekit.writing import clause_ends, sentence_ends, whole_clusters, word_spans

MAX_CHARS = 120
"""The maximum number of characters in a sentence: about ten seconds of speech, and an amount that suits voices."""

SHORTEST_MAX = 20
"""The smallest allowed `max_chars`; below this, words would regularly be cut apart."""

SHORTEST_CLAUSE = 1 / 4
"""If a sentence is too long, the clause that is cut off has at least this share of `max_chars`."""

_BETWEEN_WORDS = re.compile(r"(?<=\S)\s")


def sentences(max_chars: int = MAX_CHARS) -> TransformPart[Any, Any]:
    """A transform that takes Text in pieces of any size, and emits sentences one by one, each of at most `max_chars`
    characters.

    Together the sentences make up the whole text. White space is dropped only at the very end, or where it is longer
    than `max_chars`, so that no sentence is empty. An empty Text, which is sent when the handler pauses, ends the
    sentence. Raises ConfigError if `max_chars` is below 20.

    >>> from voicekit.contracts import Text
    >>> from voicekit.flow import StreamContext
    >>> cutting = sentences().start(StreamContext())
    >>> [sentence.text for sentence in cutting.feed(Text.raw("Dr. Smith is in. Shall I", 0))]
    ['Dr. Smith is in. ']
    >>> [sentence.text for sentence in cutting.finish()]
    ['Shall I']
    """
    if not isinstance(max_chars, int) or max_chars < SHORTEST_MAX:
        raise ConfigError(f"sentences(): expected max_chars of at least {SHORTEST_MAX}, got {max_chars!r}")
    return TransformPart("sentences", lambda context: Rewriting(_Sentences(max_chars), whole=True))


class _Sentences:
    __slots__ = ("_max",)

    def __init__(self, max_chars: int) -> None:
        self._max = max_chars

    def step(self, held: Text, last: bool) -> tuple[int, Text] | None:
        window = held.text[: self._max]
        end = next(sentence_ends(window, last=last), None)
        if end is not None:
            end = _with_space(window, end)
        elif len(held) > self._max:  # waits for one more character, which may be an accent on the one before
            end = self._forced_end(held.text[: self._max + 1])
        elif last and window.strip():
            end = len(window)
        else:
            return None
        return end, held.part(0, end) if window[:end].strip() else NOTHING

    def _forced_end(self, text: str) -> int:
        """The index at which to cut a sentence that is too long: after a clause, after white space, or after a
        character."""
        window, least = text[: self._max], self._max * SHORTEST_CLAUSE
        clauses = [_with_space(window, end) for end in clause_ends(window)]
        spaces = [match.end() for match in _BETWEEN_WORDS.finditer(window)]
        best = next((ends[-1] for ends in (clauses, spaces) if ends and ends[-1] >= least), None)
        if best is not None:
            return best
        starts = [start for start, _ in word_spans(text) if text[:start].strip()]
        return starts[-1] if starts else whole_clusters(text, self._max)


def _with_space(window: str, end: int) -> int:
    """The index after one more white space; `end` itself if there is none, or after a new line."""
    return end + (window[end : end + 1].isspace() and window[end - 1] != "\n")
