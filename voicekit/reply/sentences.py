"""Cuts streamed text into sentences, so that a voice can begin with the first while the second is being written.

A sentence ends at a full stop, question mark, exclamation mark or ellipsis with white space behind it, at the marks
of Chinese and Japanese, and at a new line. "Dr. Smith", "J. S. Bach", "e.g. this" and "1. First" do not end one, nor
does anything inside a word: "3.5", "voicekit.py". In doubt it does not cut: a pause too few sounds better than one
too many. A sentence longer than `max_chars` is cut at its last clause, else at its last word.
"""

# ruff: noqa: RUF001, SIM905  # punctuation of other scripts is the point; a list of words reads better as words

from __future__ import annotations

import re
from typing import Any

from voicekit.contracts import Text
from voicekit.errors import ConfigError
from voicekit.flow.transform import TransformPart
from voicekit.reply.text import NOTHING, Rewriting

MAX_CHARS = 120
"""Of one piece: some ten seconds of speech, and what a voice wants to be sent at once."""

SHORTEST_MAX = 20
"""Characters; below this words would be cut apart as a rule."""

SHORTEST_CLAUSE = 1 / 4
"""Of `max_chars`: a clause cut off a sentence that is too long is at least this much of it."""

ABBREVIATIONS = frozenset(
    "mr mrs ms mx dr prof sr sra st mt ft gen col lt sgt capt gov sen rep rev hon vs etc approx dept fig vol ca cf "
    "jan feb apr aug sept oct nov dec ave blvd rd bzw usw ggf inkl hr nr str tel mme mlle".split()
)
"""Words that keep their full stop inside a sentence; dotted ones (e.g., p.m., z.B.) are known by their shape."""

_CLOSING = r"[\"'”’»)\]]*"
_END = re.compile(
    rf"[.!?…]+{_CLOSING}\s"  # needs the white space: "3.5" and "example.com" have none
    r"|[。！？｡]+[」』）”’]*(?=[^。！？｡」』）”’])"  # needs no white space, but must see that it is over
    r"|\n"
)
_CLAUSE = re.compile(rf"[,;:—–]{_CLOSING}\s|[，、；：]")
_BETWEEN_WORDS = re.compile(r"(?<=\S)\s")
_WORD_BEFORE_STOP = re.compile(r"([^\s\"'“‘«(\[]*)\.\W*$")
_DOTTED = re.compile(r"(?:[^\W\d_]{1,2}\.)+[^\W\d_]{1,2}")


def sentences(max_chars: int = MAX_CHARS) -> TransformPart[Any, Any]:
    """A part of a line that takes Text in any pieces and says one sentence at a time, of at most `max_chars`.

    Together the sentences are the text that came in; only white space at the very end, or longer than `max_chars`, is
    dropped, so that no sentence is empty. A handler's breath ends the sentence. Raises ConfigError below 20 characters.

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
        end = _sentence_end(window)
        if end is None and len(held) >= self._max:
            end = self._forced_end(window)
        if end is None and last and window.strip():
            end = len(window)
        if end is None:
            return None
        return end, held.part(0, end) if window[:end].strip() else NOTHING

    def _forced_end(self, window: str) -> int:
        """Where to cut when the sentence is too long: after a clause, after a word, or anywhere."""
        clauses = [match.end() for match in _CLAUSE.finditer(window)]
        if clauses and clauses[-1] >= self._max * SHORTEST_CLAUSE:
            return clauses[-1]
        words = [match.end() for match in _BETWEEN_WORDS.finditer(window)]
        return words[-1] if words else len(window)


def _sentence_end(window: str) -> int | None:
    for match in _END.finditer(window):
        before = window[: match.end()]
        if before.strip() and not _goes_on(before, match[0]):
            return match.end()
    return None


def _goes_on(before: str, mark: str) -> bool:
    """Whether the full stop at the end of `before` belongs to its word and not to the sentence."""
    if not mark.startswith(".") or mark.count(".") > 1 or "\n" in mark:
        return False
    word_before = _WORD_BEFORE_STOP.search(before)
    if word_before is None:
        return False
    word = word_before[1]
    return (
        word.lower() in ABBREVIATIONS
        or _DOTTED.fullmatch(word) is not None
        or (len(word) == 1 and word.isalpha() and word.isupper() and word != "I")
        or (word.isdigit() and before.strip() == word + ".")
    )
