"""The lines that a bot speaks. A line may have several wordings, one of which is chosen at random; slots fill its gaps.

The random generator is an argument, so that a call can be repeated word for word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import TypeAlias

from voicekit.errors import ConfigError

_GAP = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


@dataclass(frozen=True, slots=True)
class Vary:
    """A line with several wordings; made by `vary`."""

    texts: tuple[str, ...]

    def choose(self, random: Random, last: str | None = None) -> str:
        """One of the wordings, chosen at random, but not `last`."""
        return random.choice([text for text in self.texts if text != last] or self.texts)


RuleLine: TypeAlias = str | Vary


def vary(*texts: str) -> Vary:
    """Return a line that is one of `texts`, chosen at random each time it is spoken, but never the same twice in a row.
    Rules accept it wherever they accept text.

    Raises ConfigError if no texts are given, if two of them are the same, or if one is empty.
    """
    if not texts or len(set(texts)) < len(texts) or not all(isinstance(text, str) and text.strip() for text in texts):
        raise ConfigError(f"vary: expected different texts, got {', '.join(map(repr, texts)) or 'none'}")
    return Vary(texts)


@dataclass(frozen=True, slots=True)
class Saying:
    """A line to be spoken; if `gaps` is true, every {name} in it is replaced by the words for that slot."""

    line: RuleLine
    gaps: bool = False

    @property
    def names(self) -> frozenset[str]:
        """The names of the slots for which the line has gaps."""
        return frozenset(name for text in texts_of(self.line) for name in _names(text)) if self.gaps else frozenset()


class LineSpeaker:
    """Chooses the wording of each line in one call, and fills its gaps; remembers the last choice of each `vary`."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._last: dict[Vary, str] = {}

    def text(self, saying: Saying, words: Mapping[str, str]) -> str:
        """The text of `saying`, with its gaps filled. Raises ConfigError if the slot for a gap is not filled."""
        text = saying.line if isinstance(saying.line, str) else self._chosen(saying.line)
        return fill(text, words) if saying.gaps else text

    def _chosen(self, line: Vary) -> str:
        self._last[line] = line.choose(self._random, self._last.get(line))
        return self._last[line]


def written(line: RuleLine, where: str) -> Saying:
    """Return `line`, as the author wrote it, as a Saying with gaps. Raises ConfigError if it is not a line, or if its
    braces are wrong."""
    if not isinstance(line, str | Vary):
        raise ConfigError(f"{where}: expected text or vary(...), got {line!r}")
    for text in texts_of(line):
        for found in _GAP.finditer(text):
            if found[0] not in ("{{", "}}") and not (found[1] or "").isidentifier():
                raise ConfigError(f"{where}: expected the name of a slot between braces, got {found[0]!r} in {text!r}")
    return Saying(line, gaps=True)


def fill(text: str, words: Mapping[str, str]) -> str:
    """`text` with {name} replaced by the words for that name, {{ by { and }} by }.

    >>> fill("A table for {people}.", {"people": "four"})
    'A table for four.'
    """

    def filled(gap: re.Match[str]) -> str:
        if gap[1] is None:
            return gap[0][0]
        if gap[1] not in words:
            raise ConfigError(
                f"{text!r}: the slot {gap[1]!r} has not been filled; the filled slots are: {', '.join(words) or 'none'}"
            )
        return words[gap[1]]

    return _GAP.sub(filled, text)


def texts_of(line: RuleLine) -> tuple[str, ...]:
    return (line,) if isinstance(line, str) else line.texts


def _names(text: str) -> list[str]:
    return [found[1] for found in _GAP.finditer(text) if found[1] is not None]
