"""A table of rules: phrases and keys, each with its answer. The whole bot has a table, and so has every state."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias, TypeVar, overload

from voicekit.errors import ConfigError
from voicekit.reply.handler import Turn
from voicekit.reply.phone_keys import PHONE_KEYS
from voicekit.rules.actions import Action, RuleAnswer, action
from voicekit.rules.kinds import TEXT, SlotKind
from voicekit.rules.matching import Match, Pattern, best, match
from voicekit.rules.phrases import parse
from voicekit.rules.words import Said

F = TypeVar("F", bound=Callable[..., object])

When: TypeAlias = Callable[[Turn], bool]
"""A function that decides whether a rule applies in a turn."""

KEYS = PHONE_KEYS


@dataclass(frozen=True, slots=True)
class Rule:
    """Patterns and their answer. A phrase does not match if it accounts for a smaller share of the caller's words than
    `at_least`."""

    patterns: tuple[Pattern, ...]
    action: Action
    at_least: float = 0.0
    when: When | None = None

    def match(self, said: Said, turn: Turn) -> Match | None:
        """The best match of the rule's patterns; None if no pattern matches, or if the rule does not apply now."""
        found = best(self._matches(said))
        return found if found is not None and (self.when is None or self.when(turn)) else None

    def _matches(self, said: Said) -> Iterator[Match]:
        for pattern in self.patterns:
            found = match(pattern, said)
            if found is not None and (found.coverage >= self.at_least or isinstance(pattern, re.Pattern)):
                yield found


class Table:
    """The rules, in the order in which they were added, and the keys.

    `named` holds the named kinds of slots. `coverage` is the smallest share of the caller's words that a matching
    phrase may account for. `where` is the name of this table in error messages. If `in_dialogue` is true, lines may
    name slots that earlier turns have filled. Such slots are noted in `gaps`, and are checked when all rules are known.
    """

    def __init__(
        self, named: Mapping[str, SlotKind], coverage: float, where: str, *, in_dialogue: bool = False
    ) -> None:
        self.named = named
        self.coverage = coverage
        self.where = where
        self.rules: list[Rule] = []
        self.keys: dict[str, Action] = {}
        self.gaps: list[Gaps] = []
        self.fills: list[Fills] = []
        self._in_dialogue = in_dialogue

    @overload
    def on(self, *phrases: str | re.Pattern[str], when: When | None = None) -> Callable[[F], F]: ...
    @overload
    def on(self, *phrases: str | re.Pattern[str], answer: RuleAnswer, when: When | None = None) -> None: ...

    def on(self, *phrases: str | re.Pattern[str], answer: RuleAnswer | None = None, when: When | None = None) -> Any:
        """Answer `phrases` with `answer` or with the decorated function: `@rules.on("what time is it")`.

        If several rules match, the best match counts (see `voicekit.rules.matching`); if several are equally good, the
        first of them counts. `when` is called for every turn that the phrases match. Raises ConfigError for rules that
        can't work.
        """
        patterns = read(phrases, self.named, self.where)
        where = f"{self.where}.on({', '.join(repr(pattern_text(pattern)) for pattern in patterns)})"
        sure, perhaps = filled_by(patterns)

        def add(answer: Any) -> Any:
            doing = action(answer, where, sure=sure, perhaps=perhaps)
            self.add_gaps(doing, where, sure)
            self.rules.append(Rule(patterns, doing, self.coverage, when))
            self.fills += [Fills(where, patterns)]
            return answer

        if answer is None:
            return add
        add(answer)
        return None

    @overload
    def key(self, *keys: str) -> Callable[[F], F]: ...
    @overload
    def key(self, *keys: str, answer: RuleAnswer) -> None: ...

    def key(self, *keys: str, answer: RuleAnswer | None = None) -> Any:
        """Answer a telephone key, or a sequence of keys such as "12#", with `answer` or the decorated function.

        Raises ConfigError for invalid keys, and for a sequence that could never be completed, such as "12" if "1" is
        also a sequence.
        """
        where = f"{self.where}.key({', '.join(map(repr, keys))})"
        for row in keys:
            self._check_keys(row, where)

        def add(answer: Any) -> Any:
            doing = action(answer, where, sure=())
            self.add_gaps(doing, where, ())
            self.keys.update(dict.fromkeys(keys, doing))
            return answer

        if answer is None:
            return add
        add(answer)
        return None

    def add_gaps(self, doing: Action, where: str, sure: Collection[str]) -> None:
        """Note the slots that the lines of `doing` need but that `sure` does not contain. Raises ConfigError if there
        are any and no earlier turn can have filled them."""
        for saying in doing.known.sayings if doing.known is not None else ():
            gaps = Gaps(where, saying.names.difference(sure))
            if gaps.names and not self._in_dialogue:
                can = ", ".join(sorted(sure)) or "none"
                need = f"{saying.line!r} needs the slot {min(gaps.names)!r}"
                raise ConfigError(f"{where}: {need}, which may be empty here; always filled: {can}")
            self.gaps.append(gaps)

    def _check_keys(self, row: str, where: str) -> None:
        if not isinstance(row, str) or not row or row.strip(KEYS):
            raise ConfigError(f"{where}: expected telephone keys ({KEYS}), got {row!r}")
        for other in self.keys:
            if row == other or row.startswith(other) or other.startswith(row):
                raise ConfigError(f"{where}: {row!r} begins like {other!r}, so one of them could never be reached")


class Gaps(NamedTuple):
    """The slots that a line needs in order to be spoken."""

    where: str
    names: frozenset[str]


class Fills(NamedTuple):
    """Patterns, and the slots that they may fill."""

    where: str
    patterns: Sequence[Pattern]

    @property
    def slots(self) -> Iterator[tuple[str, SlotKind]]:
        """Each slot that the patterns fill, and its kind."""
        for pattern in self.patterns:
            if isinstance(pattern, re.Pattern):
                yield from ((name, TEXT) for name in pattern.groupindex)
            else:
                yield from (slot for variant in pattern.variants for slot in variant.slots.items())


def read(phrases: Sequence[str | re.Pattern[str]], named: Mapping[str, SlotKind], where: str) -> tuple[Pattern, ...]:
    """Return `phrases` as patterns. Raises ConfigError if there are no phrases, or if one is invalid."""
    if not phrases:
        raise ConfigError(f"{where}.on(): expected at least one phrase")
    if wrong := [phrase for phrase in phrases if not isinstance(phrase, str | re.Pattern)]:
        hint = "; a decorator needs its phrases: @rules.on(...)" if callable(wrong[0]) else ""
        raise ConfigError(f"{where}.on(): expected phrases or regular expressions, got {wrong[0]!r}{hint}")
    return tuple(parse(phrase, named) if isinstance(phrase, str) else phrase for phrase in phrases)


def filled_by(patterns: Iterable[Pattern]) -> tuple[frozenset[str], frozenset[str]]:
    """The slots that every one of `patterns` fills, and the slots that at least one of them fills."""
    ways: list[frozenset[str]] = []
    for pattern in patterns:
        if isinstance(pattern, re.Pattern):
            ways.append(frozenset(pattern.groupindex))
        else:
            ways += [frozenset(variant.slots) for variant in pattern.variants]
    return frozenset.intersection(*ways), frozenset.union(*ways)


def pattern_text(pattern: Pattern) -> str:
    return pattern.pattern if isinstance(pattern, re.Pattern) else pattern.text
