"""The small language of phrases such as `(set|start) [me] a timer for {length:duration}`, and its parser.

    words               must occur, in any order
    (a|b c)             one of these
    [a]  [a|b]          one of these, or none
    {name:kind}         a slot, of a kind from `voicekit.rules.kinds`; `{name}` alone takes any words
    {name:a|b|c}        a slot for one of these choices

A phrase is expanded into all its variants. Each variant is a plain sequence of words and slots, without alternatives.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, product
from typing import NamedTuple, TypeAlias

from voicekit.errors import ConfigError
from voicekit.rules.kinds import TEXT, SlotKind, kind_of
from voicekit.rules.words import SMALL, bare

MOST_VARIANTS = 200
"""The maximum number of variants of a phrase; a phrase with more is probably a mistake, and would be slow to match."""

_PIECE = re.compile(r"\{([^{}]*)\}|([()\[\]|{}])|[^()\[\]|{}]+")
_CLOSING = {"(": ")", "[": "]"}


class Slot(NamedTuple):
    """A place in a phrase that a value fills."""

    name: str
    kind: SlotKind


Item: TypeAlias = str | Slot
"""An element of a variant: a bare word, or a slot."""

PhraseWords: TypeAlias = tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Variant:
    """One variant of a phrase; `need` says how many times each of its words must occur."""

    items: PhraseWords
    need: Counter[str] = field(compare=False)

    @property
    def slots(self) -> dict[str, SlotKind]:
        return {item.name: item.kind for item in self.items if isinstance(item, Slot)}


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase and all its variants, in order."""

    text: str
    variants: tuple[Variant, ...]


def parse(text: str, named: Mapping[str, SlotKind]) -> Phrase:
    """The phrase that `text` describes. Raises a ConfigError that says what is wrong with `text`, and where."""
    parser = _Parser(text, named)
    rows = dict.fromkeys(_without_small(row) for row in parser.alternatives(""))
    for row in rows:
        _check(row, text)
    return Phrase(text, tuple(Variant(row, Counter(item for item in row if isinstance(item, str))) for row in rows))


class _Parser:
    """Reads a phrase from left to right; every method stops after the part that it reads."""

    def __init__(self, text: str, named: Mapping[str, SlotKind]) -> None:
        self._text = text
        self._named = named
        self._pieces = list(_PIECE.finditer(text))
        self._at = 0

    def alternatives(self, closing: str) -> list[PhraseWords]:
        """Read alternative sequences, separated by |, up to the bracket `closing`; if `closing` is "", up to the end of
        the phrase."""
        rows = self._row(closing)
        while self._take("|"):
            rows = rows + self._row(closing)
        if closing and not self._take(closing):
            raise self._wrong(f"expected {closing!r} before the end")
        if not closing and self._at < len(self._pieces):
            raise self._wrong(f"{self._next!r} closes nothing")
        return rows

    def _row(self, closing: str) -> list[PhraseWords]:
        rows: list[PhraseWords] = [()]
        while self._next not in ("", "|", *_CLOSING.values()):
            rows = [before + after for before, after in product(rows, self._piece())]
            if len(rows) > MOST_VARIANTS:
                raise self._wrong(f"expected at most {MOST_VARIANTS} variants, got more")
        return rows

    def _piece(self) -> Sequence[PhraseWords]:
        piece = self._pieces[self._at]
        self._at += 1
        if piece[1] is not None:
            return [(self._slot(piece[1]),)]
        if piece[2] in _CLOSING:
            inside = self.alternatives(_CLOSING[piece[2]])
            return [*inside, ()] if piece[2] == "[" else inside
        if piece[2] is not None:
            raise self._wrong(f"expected a complete slot such as {{name:number}}, got {piece[2]!r}")
        return [bare(piece[0])]

    def _slot(self, inside: str) -> Slot:
        name, colon, kind = inside.partition(":")
        name = name.strip()
        if not name.isidentifier():
            raise self._wrong(f"expected a slot name that is a valid Python name, got {name!r}")
        return Slot(name, kind_of(kind, self._named, f"phrase {self._text!r}, slot {name!r}") if colon else TEXT)

    def _take(self, sign: str) -> bool:
        taken = self._next == sign
        self._at += taken
        return taken

    @property
    def _next(self) -> str:
        return self._pieces[self._at][0] if self._at < len(self._pieces) else ""

    def _wrong(self, what: str) -> ConfigError:
        return ConfigError(f"phrase {self._text!r}: {what}")


def _without_small(row: PhraseWords) -> PhraseWords:
    """`row` without "a", "the" and "please", unless it has nothing else."""
    return tuple(item for item in row if item not in SMALL) or row


def _check(row: PhraseWords, text: str) -> None:
    if not row:
        raise ConfigError(
            f"phrase {text!r}: expected at least one required word or slot, got a phrase that is entirely optional"
        )
    names = Counter(item.name for item in row if isinstance(item, Slot))
    if twice := [name for name, count in names.items() if count > 1]:
        raise ConfigError(f"phrase {text!r}: expected each slot once, got {twice[0]!r} twice")
    if any(_is_text(one) and _is_text(other) for one, other in pairwise(row)):
        raise ConfigError(f"phrase {text!r}: expected a word between two slots that take any words")


def _is_text(item: Item) -> bool:
    return isinstance(item, Slot) and item.kind is TEXT
