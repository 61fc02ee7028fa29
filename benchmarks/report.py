"""Puts results into a table for people and into plain data for JSON."""

from __future__ import annotations

from typing import Any

from benchmarks.measure import Figures, Result

# Seconds per operation are shown in the largest unit that leaves the floor at 1 or more.
_UNITS = {"s": 1.0, "ms": 1e3, "us": 1e6}


def table(result: Result) -> str:
    """The result as lines of text: what was measured, then one line per subject."""
    unit = _unit(result.figures[0].median)
    width = max(len(figures.subject.name) for figures in result.figures)
    case = result.case
    lines = [
        f"{case.name}: {case.what}",
        f"  {result.rounds} rounds of {result.operations}, {unit} each".ljust(width + 4)
        + "".join(f"{title:>10}" for title in ("min", "median", "p99", "ratio", "aim")),
    ]
    margin = max(len(lines[1]) - 50, width + 4)
    return "\n".join([*lines, *(_row(figures, unit, margin) for figures in result.figures)])


def as_data(result: Result) -> dict[str, Any]:
    """The result as JSON has it; times in seconds per operation."""
    case = result.case
    return {
        "name": case.name,
        "what": case.what,
        "rounds": result.rounds,
        "operations": result.operations,
        "subjects": [
            {
                "name": figures.subject.name,
                "min": figures.minimum,
                "median": figures.median,
                "p99": figures.p99,
                "ratio": figures.ratio,
                "aim": figures.subject.aim,
            }
            for figures in result.figures
        ],
    }


def _unit(seconds: float) -> str:
    return next((unit for unit, factor in _UNITS.items() if seconds * factor >= 1), "us")


def _row(figures: Figures, unit: str, margin: int) -> str:
    times = (figures.minimum, figures.median, figures.p99)
    columns = "".join(f"{time * _UNITS[unit]:10.2f}" for time in times)
    return (f"  {figures.subject.name}".ljust(margin) + columns + f"{figures.ratio:10.3f}{_aim(figures):>10}").rstrip()


def _aim(figures: Figures) -> str:
    aim = figures.subject.aim
    if aim is None:
        return ""
    return f"<= {aim:g}" if figures.ratio <= aim else f"> {aim:g} !"
