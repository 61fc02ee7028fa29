"""Decides whether a sequence of telephone keys already has a meaning, may still acquire one, or can't have one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from voicekit.rules.actions import Action
from voicekit.rules.kinds import UNTIL_HASH
from voicekit.rules.numbers import LONGEST

END = "#"
"""The key that ends a sequence of digits of unknown length."""


@dataclass(frozen=True, slots=True)
class Collected:
    """The keys make up the value that a question asks for."""

    digits: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """The keys have no meaning yet; the next key may give them one."""

    keys: str


def press(
    keys: str, tables: Sequence[Mapping[str, Action]], collects: int | None
) -> Action | Collected | Waiting | None:
    """The meaning of `keys`: an action from `tables` (earlier tables first), Collected or Waiting; None if they can't
    have a meaning.

    `collects` is how many digits the current question takes, or UNTIL_HASH for any number of digits before a #; None if
    it takes no keys. If the question takes digits, the keys belong to it, unless a sequence in the first table begins
    with the same key.
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
