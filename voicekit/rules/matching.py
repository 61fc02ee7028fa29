"""Measures how well the caller's words match a phrase, in which words and slots may come in any order (pure).

*Coverage* is the share of the caller's words that the phrase accounts for. Words of the phrase and of a slot's value
count fully. A word in a slot that takes any words counts half, since such a slot would match anything. Fillers such as
"please" don't count, unless they are part of the match. The best match is the one with the highest coverage. Of two
matches with equal coverage, the one whose words are in the phrase's order wins; failing that, the one with more fixed
words. A "not" that the phrase does not account for prevents a match.

A slot is placed next to its neighbours in the phrase: of two numbers, `from {first:number}` gets the one after "from".
A slot that takes any words begins directly after the item before it in the phrase, and extends to the next word that
another item needs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, islice, pairwise, product
from typing import NamedTuple, TypeAlias

from voicekit.rules.kinds import TEXT, Found
from voicekit.rules.phrases import Phrase, Slot, Variant
from voicekit.rules.words import ARTICLES, FILLERS, Said

ANY_WORD = 0.5
"""The weight of a word in a slot for any words."""

SEARCHED = 100
"""Values, and the words of a phrase with slots, are searched only in this many first words, which limits the time to
match. A caller who says more words than this is dictating, which needs a slot for any words.
"""

LONGEST_CORRECTION = 6
"""The maximum number of words between a value and its correction, including fillers."""

_AROUND = FILLERS - ARTICLES
"""Words that are removed from both ends of a slot's words, as in "call Bob please"."""

TRIES = 500
"""The maximum number of placements that are tried for each variant, the leftmost first. Usually there is only one;
there are many only if words and values are repeated again and again.
"""

Pattern: TypeAlias = Phrase | re.Pattern[str]


class Filled(NamedTuple):
    """The value of a slot, and the words in which to say it back. If `used` is true, a form has already used the value,
    so a form that begins later asks for it again."""

    value: object
    words: str
    used: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    """How a pattern matches: the slots that it fills, how good the match is, and the ranges of words that it covers."""

    slots: Mapping[str, Filled]
    coverage: float
    in_order: bool = True
    literals: int = 0
    stretches: tuple[tuple[int, int], ...] = ()

    @property
    def rank(self) -> tuple[float, bool, int]:
        return self.coverage, self.in_order, self.literals

    def accounts_for(self, place: int) -> bool:
        return any(start <= place < end for start, end in self.stretches)


class _Span(NamedTuple):
    """The position of a variant's item in the caller's words; `filled` is set for slots."""

    start: int
    end: int
    filled: Filled | None = None


_Placement: TypeAlias = dict[int, _Span]  # maps the index of each item in the variant to its span


def match(pattern: Pattern, said: Said) -> Match | None:
    """The best match of `pattern`; None if it does not match.

    A regular expression is applied to the caller's unchanged text. Its named groups are slots; a group that took no
    part in the match has the value None.
    """
    if isinstance(pattern, re.Pattern):
        return _match_expression(pattern, said)
    return best(_match_variant(variant, said) for variant in pattern.variants)


def best(matches: Iterable[Match | None]) -> Match | None:
    """The best of `matches`; the first of them if several are equally good."""
    return max((match for match in matches if match is not None), key=lambda match: match.rank, default=None)


def _match_expression(pattern: re.Pattern[str], said: Said) -> Match | None:
    found = pattern.search(said.text)
    if found is None or not found[0]:
        return None
    slots = {name: Filled(text, text or "") for name, text in found.groupdict().items()}
    within = [token.start < found.end() and found.start() < token.end for token in said.tokens]
    first, count = within.index(True) if True in within else 0, sum(within)
    return Match(slots, count / max(1, len(said)), literals=count, stretches=((first, first + count),))


def _match_variant(variant: Variant, said: Said) -> Match | None:
    if not variant.need.keys() <= said.places.keys():  # this test alone rules out almost every variant
        return None
    if any(len(said.places[word]) < count for word, count in variant.need.items()):
        return None
    weighed = (_weighed(variant, placement, said) for placement in _placements(variant, said))
    ranked = ((match.coverage, neighbours, match.in_order, match) for match, neighbours in weighed if match is not None)
    chosen = max(ranked, key=lambda it: it[:3], default=None)
    return chosen[3] if chosen is not None else None


def _placements(variant: Variant, said: Said) -> Iterator[_Placement]:
    """The ways to place the items of `variant` on the words, at most one item on each word."""
    for chosen in islice(product(*_choices(variant, said)), TRIES):
        placement = {at: span for part in chosen for at, span in part.items()}
        if _are_apart(placement) and _place_texts(variant, placement, said):
            yield placement


def _choices(variant: Variant, said: Said) -> Iterator[Sequence[_Placement]]:
    """All possible positions for each word of `variant`, and for each slot that has a specific kind."""
    for word, count in variant.need.items():
        items = [at for at, item in enumerate(variant.items) if item == word]
        seatings = islice(combinations(said.places[word], count), SEARCHED)
        yield [{at: _Span(seat, seat + 1) for at, seat in zip(items, seats, strict=True)} for seats in seatings]
    for at, item in enumerate(variant.items):
        if isinstance(item, Slot) and item.kind.find is not None:
            found = _standing(item.kind.find(said.words[:SEARCHED]), said)
            yield [
                {at: _Span(it.start, it.end, Filled(it.value, it.words or said.part(it.start, it.end)))} for it in found
            ]


def _standing(found: Sequence[Found], said: Said) -> Sequence[Found]:
    """The values in `found` that the caller has not taken back."""
    starts = {it.start for it in found}
    ahead = range(1, LONGEST_CORRECTION + 1)
    return [
        it
        for it in found
        if not any(it.end + n in starts and said.corrects(it.start, it.end, it.end + n) for n in ahead)
    ]


def _are_apart(placement: _Placement) -> bool:
    spans = sorted((span.start, span.end) for span in placement.values())
    return all(before[1] <= after[0] for before, after in pairwise(spans))


def _place_texts(variant: Variant, placement: _Placement, said: Said) -> bool:
    """Add the slots for any words to `placement`, each in the gap next to its neighbour. Returns False if a slot gets
    no words."""
    for at, item in enumerate(variant.items):
        if not (isinstance(item, Slot) and item.kind.find is None):
            continue
        start, end = _gap(at, placement, len(said))
        while start < end and said.words[start] in _AROUND:
            start += 1
        while start < end and said.words[end - 1] in _AROUND:
            end -= 1
        if start >= end:
            return False
        text = said.part(start, end)
        placement[at] = _Span(start, end, Filled(text, text))
    return True


def _gap(at: int, placement: _Placement, length: int) -> tuple[int, int]:
    """The range of words from the item before `at` to the nearest placed item after it. If `at` is the first item, the
    range ends at the item after it.
    """
    if at > 0:
        start = placement[at - 1].end
        return start, min((span.start for span in placement.values() if span.start >= start), default=length)
    end = placement[1].start if 1 in placement else length
    return max((span.end for span in placement.values() if span.end <= end), default=0), end


def _weighed(variant: Variant, placement: _Placement, said: Said) -> tuple[Match | None, int]:
    """The match that `placement` makes, and how many of its items are next to the same neighbour as in the phrase."""
    spans = [placement[at] for at in range(len(variant.items))]
    if said.negations(0, len(said)) > sum(said.negations(span.start, span.end) for span in spans):
        return None, 0
    covered = 0.0
    heard = len(said) - said.fillers(0, len(said))
    for item, span in zip(variant.items, spans, strict=True):
        is_text = isinstance(item, Slot) and item.kind is TEXT
        covered += (span.end - span.start) * (ANY_WORD if is_text else 1)
        heard += said.fillers(span.start, span.end)
    match = Match(
        {
            item.name: span.filled
            for item, span in zip(variant.items, spans, strict=True)
            if isinstance(item, Slot) and span.filled
        },
        covered / heard,
        all(before.start < after.start for before, after in pairwise(spans)),
        sum(variant.need.values()),
        tuple((span.start, span.end) for span in spans),
    )
    return match, sum(_is_beside(before, after, said) for before, after in pairwise(spans))


def _is_beside(before: _Span, after: _Span, said: Said) -> bool:
    """Whether `after` follows `before` with nothing but fillers between them."""
    return before.end <= after.start and said.fillers(before.end, after.start) == after.start - before.end
