"""Keys of a telephone, one after the other: a sequence has a meaning, may still get one, or never will."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from voicekit.rules.actions import Action
from voicekit.rules.kinds import UNTIL_HASH
from voicekit.rules.numbers import LONGEST

END = "#"
"""Ends a sequence of digits of unknown length."""


@dataclass(frozen=True, slots=True)
class Collected:
    """These keys are the requested value."""

    digits: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """More keys will decide."""

    keys: str


def press(
    keys: str, tables: Sequence[Mapping[str, Action]], collects: int | None
) -> Action | Collected | Waiting | None:
    """The meaning of `keys`: the action of a sequence in one of `tables`, earlier tables first; None if there is none.

    `collects` is how many digits the current question takes, UNTIL_HASH for any number before a #; then digits belong
    to the question, and only sequences of the first table may begin with one.
    """
    if collects is not None and not any(row.startswith(keys[0]) for row in tables[0]):
        found = _collected(keys, collects)
        if found is not None:
            return found
    for table in tables:
        if keys in table:
            return table[keys]
    return Waiting(keys) if any(row.startswith(keys) for table in tables for row in table) else None


def _collected(keys: str, collects: int) -> Collected | Waiting | None:
    digits = keys.removesuffix(END) if collects == UNTIL_HASH else keys
    if not digits.isdecimal() or len(digits) > LONGEST:
        return None
    complete = keys != digits if collects == UNTIL_HASH else len(digits) == collects
    return Collected(digits) if complete else Waiting(keys)
