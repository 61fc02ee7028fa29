"""The spoken form of a text, the written word for each spoken word, and where the text may be cut. Pure.

The voice can't read everything itself: it drops "3:05", and the dot in "example.com". So such words are first written
out by voicekit's own rules, and the times of the spoken words are mapped back to the written words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from voicekit.contracts import Text
from voicekit.flow import StreamContext
from voicekit.reply import sentences
from voicekit_local.aloud import aloud
from voicekit_local.engines.align import Times, spread

LONGEST_PIECE: Final = 120  # the maximum number of characters in a piece: about eight seconds of speech
CLAUSE_LEAST: Final = 24
"""The minimum number of characters on each side of a cut after a clause. Such a cut gives the first sound sooner, and
its pause is natural.
"""

_CLAUSE = re.compile(r"(?<=[,;:\u2013\u2014])\s+")


@dataclass(frozen=True, slots=True)
class Reading:
    """The `written` words without spaces, the `spoken` words, and for each spoken word the index of the written one."""

    written: tuple[str, ...]
    spoken: tuple[str, ...]
    places: tuple[int, ...]

    @property
    def text(self) -> str:
        return " ".join(self.spoken)

    def times(self, times: Sequence[tuple[float, float]]) -> Times:
        """When each written word is spoken, calculated from the times of the spoken words.

        Written words that became one spoken phrase ("3:05 p.m.") share its time in proportion to their lengths.
        """
        found: Times = []
        begun = 0.0
        for place in range(len(self.written)):
            own = [time for time, of in zip(times, self.places, strict=True) if of == place]
            if own or place == len(self.written) - 1:
                start, end = (own[0][0], own[-1][1]) if own else (begun, begun)
                found += spread(self.written[len(found) : place + 1], start, end)
                begun = end
        return found


def read(text: str) -> Reading:
    """How `text` is spoken.

    >>> read("At 3:05, ok?")
    Reading(written=('At', '3:05,', 'ok?'), spoken=('At', 'three', 'oh', 'five,', 'ok?'), places=(0, 1, 1, 1, 2))
    """
    spoken = aloud(text)
    ends = [match.end() for match in re.finditer(r"\S+", text)]
    words = list(re.finditer(r"\S+", spoken.text))
    places = (sum(end < spoken.to[word.start()] for end in ends) for word in words)
    return Reading(tuple(text.split()), tuple(word[0] for word in words), tuple(places))


def pieces(text: str) -> list[str]:
    """`text`, cut after sentences, and after clauses if both sides are long enough; joined, they make up `text` again.

    >>> pieces("Hello. I looked at your booking again, and there is one table left at eight.")
    ['Hello. ', 'I looked at your booking again, ', 'and there is one table left at eight.']
    """
    cutting = sentences(LONGEST_PIECE).start(StreamContext())
    whole: list[str] = [part.text for part in (*cutting.feed(Text.raw(text, 0)), *cutting.finish())]
    found = [piece for sentence in whole for piece in _clauses(sentence)]
    rest = text[len("".join(found)) :]  # spaces at the end, which belong to no sentence
    return [*found[:-1], found[-1] + rest] if found else [text] * bool(text)


def _clauses(sentence: str) -> list[str]:
    found, begun = [], 0
    for match in _CLAUSE.finditer(sentence):
        if match.end() - begun >= CLAUSE_LEAST and len(sentence) - match.end() >= CLAUSE_LEAST:
            found.append(sentence[begun : match.end()])
            begun = match.end()
    return [*found, sentence[begun:]]
