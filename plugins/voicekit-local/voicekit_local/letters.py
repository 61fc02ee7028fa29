"""When each character of a text is spoken, calculated from the times of its words. Pure.

The letters of a word share its time evenly, and the characters between two words fill the pause between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from voicekit.soniox.api.wire import Timestamps
from voicekit_local.engines.interface import SpokenWord


def letter_times(text: str, words: Sequence[SpokenWord], seconds: float) -> list[tuple[float, float]]:
    """The start and the end of each character of `text`, in ascending order, without gaps; the speech lasts `seconds`.

    Words that are not found in the text are left out.

    >>> letter_times("Hi, ho", [SpokenWord("Hi,", 0.1, 0.4), SpokenWord("ho", 0.5, 0.7)], 1.0)[:4]
    [(0.1, 0.2), (0.2, 0.3), (0.3, 0.4), (0.4, 0.5)]
    """
    found = _anchors(text, words)
    anchors = [(0, 0.0), *found, (len(text), max(seconds, found[-1][1] if found else 0.0))]
    starts: list[float] = []
    for (first, start), (last, end) in pairwise(anchors):
        count = last - first
        starts += [round(start + (end - start) * place / count, 4) for place in range(count)]
    return list(zip(starts, [*starts[1:], round(anchors[-1][1], 4)], strict=True)) if starts else []


def _anchors(text: str, words: Sequence[SpokenWord]) -> list[tuple[int, float]]:
    """The places and times of all word beginnings and word ends, in ascending order."""
    anchors: list[tuple[int, float]] = []
    place, at = 0, 0.0
    for word in words:
        found = text.find(word.text, place)
        if found < 0:
            continue
        start, end = max(at, word.start), max(at, word.start, word.end)
        anchors += [(found, start), (found + len(word.text), end)]
        place, at = found + len(word.text), end
    return anchors


def stamps(text: str, times: Sequence[tuple[float, float]], at: float, start: float, end: float) -> Timestamps | None:
    """The characters that start to sound at `start` or later, but before `end`; the speech begins at the time `at`."""
    chosen = [place for place, (begins, _) in enumerate(times) if start <= at + begins < end]
    if not chosen:
        return None
    return Timestamps(
        characters=tuple(text[place] for place in chosen),
        character_start_times_seconds=tuple(round(at + times[place][0], 4) for place in chosen),
        character_end_times_seconds=tuple(round(at + times[place][1], 4) for place in chosen),
    )
