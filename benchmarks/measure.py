"""Takes the measurements of a case: a warm-up, then rounds in which the subjects take turns (A B C A B C ...).

Taking turns spreads the machine's variations over all subjects, so ratios are reliable even if absolute times are not.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter

import trio

from benchmarks.case import Case, Subject


@dataclass(frozen=True, slots=True)
class Effort:
    """Which share of a case's rounds, and of the operations in each, is run; `warm` is whether there is a warm-up."""

    rounds: float
    operations: float
    warm: bool


FULL = Effort(1, 1, warm=True)
QUICK = Effort(1 / 4, 1, warm=True)
SMOKE = Effort(0, 1 / 50, warm=False)  # only checks that a case works; the figures mean nothing


@dataclass(frozen=True, slots=True)
class Figures:
    """The times of one subject, in seconds per operation; `ratio` is its median divided by the floor's median.

    `best` is the same ratio for the minima, which hardly changes on a busy machine; the gate uses it.
    """

    subject: Subject
    minimum: float
    median: float
    p99: float
    ratio: float
    best: float


@dataclass(frozen=True, slots=True)
class Result:
    case: Case
    rounds: int
    operations: int
    figures: tuple[Figures, ...]


async def measure(case: Case, effort: Effort) -> Result:
    """Run `case`; an error in a subject ends it."""
    rounds = max(1, round(case.rounds * effort.rounds))
    operations = max(1, round(case.operations * effort.operations))
    samples: list[list[float]] = [[] for _ in case.subjects]
    if effort.warm and case.warm:
        for subject in case.subjects:
            await subject.round(operations)
    for _ in range(rounds):
        for subject, taken in zip(case.subjects, samples, strict=True):
            gc.collect()  # so that no subject pays for another's garbage
            taken.extend(await subject.round(operations))
    return Result(case, rounds, operations, figures(case.subjects, samples))


def figures(subjects: Sequence[Subject], samples: Sequence[Sequence[float]]) -> tuple[Figures, ...]:
    """Each subject's figures; the first subject is the floor."""
    middle, least = median(samples[0]), min(samples[0])
    return tuple(
        Figures(
            subject,
            min(taken),
            median(taken),
            percentile(taken, 99),
            _ratio(median(taken), middle),
            _ratio(min(taken), least),
        )
        for subject, taken in zip(subjects, samples, strict=True)
    )


def _ratio(value: float, floor: float) -> float:
    """The ratio of `value` to `floor`; NaN if the floor is 0, as it can be for a count."""
    return value / floor if floor > 0 else math.nan


def percentile(samples: Sequence[float], percent: float) -> float:
    """The smallest sample that at least `percent` % of all samples don't exceed (nearest rank)."""
    return sorted(samples)[max(0, math.ceil(len(samples) * percent / 100) - 1)]


async def per_operation(count: int, *tasks: Callable[[], Awaitable[object]]) -> list[float]:
    """One sample: the time until all `tasks`, which run at the same time, are done, divided by `count`."""
    started = perf_counter()
    async with trio.open_nursery() as nursery:
        for task in tasks:
            nursery.start_soon(task)
    return [(perf_counter() - started) / count]
