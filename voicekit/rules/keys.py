"""Keys of a telephone, one after the other: a row of them means something, may yet mean something, or never will."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from voicekit.rules.actions import Action
from voicekit.rules.kinds import UNTIL_HASH
from voicekit.rules.numbers import LONGEST

END = "#"
"""Ends a row of digits whose length is not known."""


@dataclass(frozen=True, slots=True)
class Collected:
    """These keys are the value that was asked for."""

    digits: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """More keys will tell."""

    keys: str


def press(
    keys: str, tables: Sequence[Mapping[str, Action]], collects: int | None
) -> Action | Collected | Waiting | None:
    """What `keys` come to: the action of a row in one of `tables`, the first of them first; or None, if nothing.

    `collects` is how many digits the question takes that is being asked, UNTIL_HASH for any number before a #; digits
    are its own then, and only rows of the first table may begin with one.
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
