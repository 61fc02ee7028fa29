"""Draws a run: each subject's ratio to its floor as a bar, with the aim as a mark. Needs matplotlib."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measure import Figures, Result

WITHIN, MISSED, NEUTRAL = "#2e8b57", "#c0392b", "#7f8c8d"


def plot(results: Sequence[Result], file: Path) -> None:
    """Write the picture; the suffix of `file` (.png, .svg, .pdf) determines the format."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    rows = [
        (f"{result.case.name}: {figures.subject.name}", figures)
        for result in results
        for figures in result.figures[1:]
        if not math.isnan(figures.ratio)
    ]
    figure, axes = plt.subplots(figsize=(9, 0.28 * len(rows) + 1.2))
    places = range(len(rows))
    axes.barh(places, [figures.ratio for _, figures in rows], color=[_colour(figures) for _, figures in rows])
    for place, (_, figures) in enumerate(rows):
        if figures.subject.aim is not None:
            axes.plot([figures.subject.aim] * 2, [place - 0.4, place + 0.4], color="black", linewidth=2)
    axes.axvline(1.0, color="black", linewidth=0.5, linestyle="--")
    axes.set_yticks(list(places), [name for name, _ in rows], fontsize=8)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel("times the floor (median, log scale); black marks: the aim")
    figure.tight_layout()
    figure.savefig(file)
    plt.close(figure)


def _colour(figures: Figures) -> str:
    if figures.subject.aim is None:
        return NEUTRAL
    return WITHIN if figures.ratio <= figures.subject.aim else MISSED
