"""When each word is spoken, from the durations that the voice's own network gives to the sounds of a text. Pure.

This takes no time, and is exact: the network makes each sound as long as it says.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, groupby
from typing import Final

from voicekit_local.engines.align import Times

PAD, BEGIN, END, BLANK = 0, 1, 2, 3
"""The ids of signs that are no sounds: one between all others, the first, the last, and the one between words."""

MARKS: Final = frozenset((PAD, BEGIN, END, BLANK, 4, 6, 7, 8, 9, 10, 11, 12, 13, 150))
"""The ids of all signs that are no part of a word's sound: those above, and punctuation, whose duration is a pause."""


def word_times(ids: Sequence[int], durations: Sequence[float], counts: Sequence[int]) -> Times | None:
    """The start and the end of each word, if each has as many groups of sounds as `counts` says.

    `ids` are the sounds, with a BLANK between groups, and `durations` their lengths in seconds. Returns None if there
    is another number of groups. A word without sounds ("-") takes no time.
    """
    groups = _groups(ids, durations)
    if len(groups) != sum(counts):
        return None
    times: Times = []
    place, at = 0, 0.0
    for count in counts:
        start, end = (groups[place][0], groups[place + count - 1][1]) if count else (at, at)
        place, at = place + count, end
        times.append((start, end))
    return times


def _groups(ids: Sequence[int], durations: Sequence[float]) -> Times:
    """The start and the end of each group of sounds between two blanks, without pauses around it."""
    ends = list(accumulate(durations))
    starts = [end - duration for end, duration in zip(ends, durations, strict=True)]
    groups: Times = []
    for blank, places in groupby(range(len(ids)), lambda place: ids[place] == BLANK):
        whole = list(places)
        sounds = [place for place in whole if ids[place] not in MARKS]
        if sounds:
            last = sounds[-1]
            tail = last + 1 < len(ids) and ids[last + 1] == PAD  # the pad after a sound is a part of it
            groups.append((starts[sounds[0]], ends[last + tail]))
        elif not blank:
            groups.append((starts[whole[0]], starts[whole[0]]))
    return groups
