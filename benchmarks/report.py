"""Puts results into a table for people and into plain data for JSON."""

from __future__ import annotations

import math
from typing import Any

from benchmarks.measure import Figures, Result

# The time per operation is shown in the largest unit in which the median of the floor is at least 1.
_UNITS = {"s": 1.0, "ms": 1e3, "us": 1e6}


def table(result: Result) -> str:
    """The result as lines of text: first the case, then a line for each subject."""
    unit, scale = _unit(result)
    width = max(len(figures.subject.name) for figures in result.figures)
    case = result.case
    lines = [
        f"{case.name}: {case.what}",
        f"  {result.rounds} rounds of {result.operations}, {unit} each".ljust(width + 4)
        + "".join(f"{title:>10}" for title in ("min", "median", "p99", "ratio", "aim")),
    ]
    margin = max(len(lines[1]) - 50, width + 4)
    return "\n".join([*lines, *(_row(figures, scale, margin) for figures in result.figures)])


def as_data(result: Result) -> dict[str, Any]:
    """The result as data for JSON, in the case's unit per operation; NaN and infinity become null."""
    case = result.case
    return {
        "name": case.name,
        "what": case.what,
        "rounds": result.rounds,
        "operations": result.operations,
        "unit": case.unit,
        "subjects": [
            {
                "name": figures.subject.name,
                "min": figures.minimum,
                "median": figures.median,
                "p99": figures.p99,
                "ratio": _or_none(figures.ratio),
                "best": _or_none(figures.best),
                "aim": figures.subject.aim,
                "limit": figures.subject.limit,
            }
            for figures in result.figures
        ],
    }


def _unit(result: Result) -> tuple[str, float]:
    """The unit to show, and how many of it make one of the case's units."""
    if result.case.unit != "s":
        return result.case.unit, 1.0
    shown = next((unit for unit, factor in _UNITS.items() if result.figures[0].median * factor >= 1), "us")
    return shown, _UNITS[shown]


def _row(figures: Figures, scale: float, margin: int) -> str:
    times = (figures.minimum, figures.median, figures.p99)
    columns = "".join(f"{time * scale:10.2f}" for time in times)
    ratio = "" if math.isnan(figures.ratio) else f"{figures.ratio:.3f}"
    return (f"  {figures.subject.name}".ljust(margin) + columns + f"{ratio:>10}{_aim(figures, scale):>10}").rstrip()


def _aim(figures: Figures, scale: float) -> str:
    aim, limit = figures.subject.aim, figures.subject.limit
    if limit is not None and (aim is None or figures.median > limit):
        return f"max {limit * scale:g}" if figures.median <= limit else f"> max {limit * scale:g} !"
    if aim is not None:
        return f"<= {aim:g}" if figures.ratio <= aim else f"> {aim:g} !"
    return ""


def _or_none(number: float) -> float | None:
    return None if math.isnan(number) else number
