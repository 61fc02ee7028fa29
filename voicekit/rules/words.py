"""Turns text into bare words: without case, punctuation, accents or hesitations, and with "what is" for "what's".

Phrases and speech are processed in the same way, so a word looks the same in both. The lists below are English; words
in other languages are left unchanged.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

HESITATIONS = frozenset({"um", "umm", "uh", "uhm", "er", "erm", "ah", "eh", "hm", "hmm", "mm"})
"""Sounds that people make while they think; they never count as words."""

ARTICLES = frozenset({"a", "an", "the"})

SMALL = ARTICLES | {"please"}
"""Words that speech may omit from a phrase."""

FILLERS = SMALL | {"well", "so", "just", "actually", "basically", "okay", "ok", "hey", "oh", "kindly", "then", "thanks"}
"""Words that do not count against a phrase when they occur only in speech."""

PREAMBLES = frozenset(
    tuple(phrase.split())
    for phrase in (
        *("i would like", "i would like to", "i would love to", "i would like you to", "i want", "i want to"),
        *("i wanted to", "i want you to", "i need", "i need to", "i need you to", "i have to", "i wish to"),
        *("can you", "could you", "will you", "would you", "would you mind", "can i", "could i", "may i", "can we"),
        *("can i have", "could i have", "may i have", "can i get", "could i get", "could we", "let me", "tell me"),
        *("i am calling to", "i am calling about", "i am trying to", "i am looking for", "i was hoping to"),
        *("is it possible to", "would it be possible to", "if possible", "do you think you could", "for me"),
        *("i was wondering if you could", "i was wondering if i could", "i was wondering"),
        *("i think", "i guess", "i mean", "you know", "excuse me", "thank you", "good morning", "good evening"),
        *("hello", "hi", "hello there", "hi there"),
    )
)
"""Words with which people begin a sentence, possibly with fillers in between. They count as little as fillers, unless
the phrase contains them."""

CORRECTIONS = frozenset({"no", "wait", "sorry", "rather", "actually", "mean", "meant", "make", "correction", "better"})
"""Words of which one comes between a value and its replacement: "four, no, five" is five."""

_BESIDE_CORRECTIONS = CORRECTIONS | FILLERS | {"i", "it", "that", "or", "oh"}

_PREAMBLE_LENGTHS = sorted({len(preamble) for preamble in PREAMBLES})

NEGATIONS = frozenset({"not", "never"})
"""Words that turn a sentence into its opposite; a phrase that lacks such a word does not match speech that contains
it."""

# Apostrophes within a word, and the dots of "p.m.", are part of the word. Grouped thousands and times are one word.
_TOKEN = re.compile(
    r"""
      (?<!\w)[ap]\.\s?m\b\.?                             # p.m.
    | \b(?:uh[ -]huh|mm[ -]hmm?)\b                       # a yes, no hesitation
    | \d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\d)                 # 1,000.50
    | \d+(?:[.:]\d+)*                                    # 23, 3.5, 10:30
    | (?:[^\W\d_][\u0300-\u036f]*)+(?:['\u2019](?:[^\W\d_][\u0300-\u036f]*)+)*
    """,
    re.VERBOSE | re.IGNORECASE,
)
_NOT_IN_WORDS = re.compile(r"[^\w.,:']")
_ENDINGS = {"n't": "not", "'re": "are", "'ll": "will", "'ve": "have", "'m": "am", "'d": "would"}
_IS_AFTER = frozenset(
    "what where when who how why that this it there here he she everything".split()  # noqa: SIM905
)
_WHOLE = {
    "can't": ("can", "not"),
    "cannot": ("can", "not"),
    "won't": ("will", "not"),
    "shan't": ("shall", "not"),
    "let's": ("let", "us"),
    "dont": ("do", "not"),
    "cant": ("can", "not"),
    "didnt": ("did", "not"),
    "doesnt": ("does", "not"),
    "isnt": ("is", "not"),
    "im": ("i", "am"),
    "whats": ("what", "is"),
}


class BareWord(NamedTuple):
    """One bare word, and its position in the original text."""

    word: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Said:
    """Text and its bare words; `places` gives the positions of each word."""

    text: str
    tokens: tuple[BareWord, ...]
    words: tuple[str, ...]
    places: Mapping[str, Sequence[int]]
    _fillers: Sequence[int]  # the number of fillers before each position
    _negations: Sequence[int]

    @classmethod
    def of(cls, text: str) -> Said:
        """Return `text` as bare words. Hesitations are left out, unless the text contains nothing else."""
        every = tuple(_tokens(text))
        tokens = tuple(token for token in every if token.word not in HESITATIONS) or every
        words = tuple(token.word for token in tokens)
        places: dict[str, list[int]] = {}
        for place, word in enumerate(words):
            places.setdefault(word, []).append(place)
        negations = accumulate((word in NEGATIONS for word in words), initial=0)
        return cls(text, tokens, words, places, list(accumulate(_fillers(words), initial=0)), list(negations))

    def __len__(self) -> int:
        return len(self.words)

    def part(self, start: int, end: int) -> str:
        """The words from `start` up to `end` as they were written, without the punctuation around them."""
        first, last = self.tokens[start], self.tokens[end - 1]
        if start and self.tokens[start - 1].start == first.start:  # the second half of a contraction such as "what's"
            return (first.word + self.text[first.end : last.end]).strip()
        return self.text[first.start : last.end]

    def fillers(self, start: int, end: int) -> int:
        """How many of the words from `start` up to `end` are fillers, or part of a preamble."""
        return self._fillers[end] - self._fillers[start]

    def corrects(self, start: int, end: int, new: int) -> bool:
        """Whether the caller takes back the words from `start` up to `end`, and replaces them with those from `new`
        on."""
        between = self.words[end:new]
        again = self.words[start - 1 : start]  # for example the first "on" in "on Friday, no, on Saturday"
        if again and between[-1:] == again and again[0] not in CORRECTIONS:
            between = between[:-1]
        return not CORRECTIONS.isdisjoint(between) and _BESIDE_CORRECTIONS.issuperset(between)

    def negations(self, start: int, end: int) -> int:
        return self._negations[end] - self._negations[start]


def bare(text: str) -> tuple[str, ...]:
    """The bare words of `text`.

    >>> bare("What's the TIME, s'il vous plaît?")
    ('what', 'is', 'the', 'time', 'sil', 'vous', 'plait')
    """
    return Said.of(text).words


def fold(text: str) -> str:
    """`text` with case and accents removed."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def _fillers(words: Sequence[str]) -> Sequence[bool]:
    """For each word, whether it is a filler or part of a preamble."""
    marks = [word in FILLERS for word in words]
    others = [place for place, is_filler in enumerate(marks) if not is_filler]
    for start in range(len(others)):
        for length in _PREAMBLE_LENGTHS:
            places = others[start : start + length]
            if tuple(words[place] for place in places) in PREAMBLES:
                for place in places:
                    marks[place] = True
    return marks


def _tokens(text: str) -> list[BareWord]:
    return [
        BareWord(word, found.start(), found.end()) for found in _TOKEN.finditer(text) for word in _parts(fold(found[0]))
    ]


def _parts(word: str) -> tuple[str, ...]:
    """`word` split if it is a contraction; otherwise without apostrophes and the dots of "p.m."."""
    word = word.replace("\u2019", "'")
    if word in _WHOLE:
        return _WHOLE[word]
    for ending, full in _ENDINGS.items():
        if word.endswith(ending) and word != ending:
            return (word.removesuffix(ending), full)
    stem = word.removesuffix("'s")
    if stem != word and stem in _IS_AFTER:
        return (stem, "is")
    if word[0].isdigit():
        return (word,)
    return (_NOT_IN_WORDS.sub("", word).replace(".", "").replace("'", ""),)
