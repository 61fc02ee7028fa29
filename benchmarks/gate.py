"""The regression gate: compares ratios to the floor with those of a stored run, and figures with their own limits.

The ratios of the minima are compared, because the best of many rounds is the same on a busy machine and on a quiet one,
while slower code is slower in its best round too. Code that is slow only sometimes shows in the ratio of the medians,
which may vary more.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path

from benchmarks.case import Subject
from benchmarks.measure import Figures, Result

BASELINE = Path(__file__).with_name("baseline.json")

FACTOR = 1.8
"""The ratio of the minima may be this many times its baseline: less than a doubling, more than a machine varies."""

MIDDLE = 2.5
"""The ratio of the medians may be this many times its baseline."""


def baseline_of(results: Iterable[Result]) -> dict[str, float]:
    """The part of a run that is stored: the ratio of the minima for every subject that has one."""
    return {
        name: round(figures.best, 4)
        for name, figures in _subjects(results)
        if is_compared(figures.subject) and not math.isnan(figures.best)
    }


def breaches(results: Iterable[Result], baseline: Mapping[str, float]) -> list[str]:
    """A sentence for each figure that is too high, and for each that is missing from the baseline."""
    found = []
    for name, figures in _subjects(results):
        limit, before = figures.subject.limit, baseline.get(name)
        if limit is not None and figures.median > limit:
            found.append(f"{name}: expected at most {limit:g}, got {figures.median:.3g}")
        if not is_compared(figures.subject) or math.isnan(figures.best):
            continue
        if before is None:
            found.append(f"{name}: not in the baseline; store a new one with --baseline")
        elif figures.best > FACTOR * before:
            found.append(f"{name}: {figures.best:.3g} times the floor, {figures.best / before:.1f} times its baseline")
        elif figures.ratio > MIDDLE * before:
            times = f"{figures.ratio / before:.1f} times its baseline"
            found.append(f"{name}: {figures.ratio:.3g} times the floor in the middle, {times}")
    return found


def is_compared(subject: Subject) -> bool:
    """Whether the subject's ratio is compared. For a subject with a limit and no aim, a ratio would mean nothing."""
    return subject.limit is None or subject.aim is not None


def load(path: Path = BASELINE) -> dict[str, float]:
    stored: dict[str, float] = json.loads(path.read_text(encoding="utf-8"))["ratios"]
    return stored


def store(results: Iterable[Result], machine: Mapping[str, str], path: Path = BASELINE) -> None:
    """Store the ratios of `results` instead of the old ones, and keep all others."""
    ratios = {**(load(path) if path.exists() else {}), **baseline_of(results)}
    text = json.dumps({"machine": dict(machine), "ratios": ratios}, indent=2)
    path.write_text(text + "\n", encoding="utf-8")


def _subjects(results: Iterable[Result]) -> list[tuple[str, Figures]]:
    """All subjects except the floors, with names such as "case: subject"."""
    return [
        (f"{result.case.name}: {figures.subject.name}", figures) for result in results for figures in result.figures[1:]
    ]
