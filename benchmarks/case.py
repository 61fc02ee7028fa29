"""The definition of a benchmark case: subjects that do the same work in different ways. One of them is the floor.

A case is one short file in `benchmarks/cases/`; importing it registers it:

    hop = Case("hop", "one item from task to task", operations=1_000)

    @hop.floor("trio memory channel")
    async def channel(count: int) -> Sequence[float]: ...

    @hop.subject("link", aim=1.2)
    async def link(count: int) -> Sequence[float]: ...

A subject does one round of `count` operations and returns samples, in seconds per operation or in the case's own
`unit`. It returns one sample if it times the whole round, and more if it times each operation. The time for preparing a
round need not be included.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Round: TypeAlias = Callable[[int], Awaitable[Sequence[float]]]

_registered: dict[str, Case] = {}


@dataclass(frozen=True, slots=True)
class Subject:
    """One way to do the work. `aim` is the highest ratio to the floor that we want; `limit` is the highest median that
    is allowed, in the case's unit."""

    name: str
    round: Round
    aim: float | None = None
    limit: float | None = None


class Case:
    """A named comparison; a full measurement has `rounds` rounds of `operations` operations each.

    With `warm`, a round that does not count comes first; programs in their own process, and counts, don't need it.
    """

    def __init__(
        self, name: str, what: str, *, operations: int, rounds: int = 100, unit: str = "s", warm: bool = True
    ) -> None:
        if name in _registered:
            raise ValueError(f"expected a new name for a case, got {name!r} twice")
        self.name = name
        self.what = what
        self.operations = operations
        self.rounds = rounds
        self.unit = unit
        self.warm = warm
        self.subjects: list[Subject] = []
        _registered[name] = self

    def floor(self, name: str) -> Callable[[Round], Round]:
        """Register the subject that the others are compared with; it must come first."""
        if self.subjects:
            raise ValueError(f"expected the floor of {self.name!r} before its subjects, got {name!r} after them")
        return self._adding(name)

    def subject(self, name: str, *, aim: float | None = None, limit: float | None = None) -> Callable[[Round], Round]:
        """Register a subject that is compared with the floor."""
        if not self.subjects:
            raise ValueError(f"expected a floor of {self.name!r} first, got {name!r}")
        return self._adding(name, aim, limit)

    def _adding(self, name: str, aim: float | None = None, limit: float | None = None) -> Callable[[Round], Round]:
        def add(function: Round) -> Round:
            self.subjects.append(Subject(name, function, aim, limit))
            return function

        return add


def load_cases() -> dict[str, Case]:
    """All cases by name, in the order of their files."""
    from benchmarks import cases

    for module in sorted(pkgutil.iter_modules(cases.__path__), key=lambda module: module.name):
        importlib.import_module(f"{cases.__name__}.{module.name}")
    return dict(_registered)
