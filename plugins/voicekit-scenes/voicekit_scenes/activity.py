"""Finds out, from a recording of the bot, which part of which reply was heard, and when. Pure.

The recording is compared with the replies as the voice made them. So holds, cuts and resumptions are located to the
exact word, whichever program played the sound. A `Stretch` is sound without a gap in time or a jump in the reply.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from voicekit_scenes.noises import RATE
from voicekit_scenes.sounds import WINDOW, sounding

if TYPE_CHECKING:
    from voicekit_scenes.noises import Samples

SNIPPET: Final = round(0.12 * RATE)
"""The number of samples that are searched for in a reply: about one syllable."""

SHORTEST: Final = 4
"""The shortest sound that is searched for, in windows: a shorter sound resembles many places."""

ALIKE: Final = 0.8
"""Two pieces with at least this correlation are the same sound; different syllables of one voice stay below 0.6."""

DIFFERS: Final = 0.5
"""A window of the track may differ from the reply by this fraction of its power, and still match it."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """An audible part of the reply numbered `reply`, from `begins` seconds into the reply.

    It was heard from `start` to `end`, in seconds of the track; `end` is the end of the last audible window. `reply` is
    -1 for sound that is in no reply. The track matches the reply up to `reached` seconds into it, which is later than
    the last sound if the reply itself is silent there.
    """

    start: float
    end: float
    reply: int
    begins: float
    reached: float = 0.0

    @property
    def stops(self) -> float:
        """How many seconds into the reply the sound stopped."""
        return self.begins + self.end - self.start


def stretches(track: Samples, replies: Sequence[Samples], since: Sequence[float]) -> list[Stretch]:
    """The stretches of `track`, in order. The voice began reply n at `since[n]`, so the reply can't be heard earlier.

    If a stretch matches several replies, it belongs to the latest.
    """
    loud = sounding(track)
    found: list[Stretch] = []
    at = 0
    while (at := _next(loud, at)) < len(loud):
        made = [reply for reply in range(len(replies)) if since[reply] <= at / 100 + 0.01]
        stretch, at = _stretch(track, loud, at, replies, made[::-1], found)
        found.append(stretch)
    return list(_merged(found))


def _next(loud: np.ndarray[Any, Any], at: int) -> int:
    rest = np.flatnonzero(loud[at:])
    return at + int(rest[0]) if len(rest) else len(loud)


def _stretch(
    track: Samples,
    loud: np.ndarray[Any, Any],
    at: int,
    replies: Sequence[Samples],
    made: Sequence[int],
    before: Sequence[Stretch],
) -> tuple[Stretch, int]:
    """The stretch that begins in window `at`, and the window after the stretch. The replies in `made` are searched
    for it in this order.
    """
    first = at * WINDOW
    run = _run(loud, at)
    short = track[first : first + min(SNIPPET, run * WINDOW)]
    place = _going_on(short, replies, before) if run < SHORTEST else None
    place = place or _place(track[first : first + SNIPPET], replies, made) or _going_on(short, replies, before)
    if place is None and run >= SHORTEST:
        place = _place(short, replies, made)
    # the sound is too short to compare: it must belong to the newest reply, which was cut immediately
    elif place is None and made:
        begins = int(np.flatnonzero(sounding(replies[made[0]]))[0]) * WINDOW
        return Stretch(at / 100, (at + run) / 100, made[0], begins / RATE, begins / RATE + run / 100), at + run
    if place is None:
        end = at + 1
        while end < len(loud) and loud[end]:
            end += 1
        return Stretch(at / 100, end / 100, -1, 0.0), end
    reply, begins = place
    sound = replies[reply]
    window, last = at, at + 1
    while window < len(loud) and begins + (window - at) * WINDOW < len(sound):
        there = sound[begins + (window - at) * WINDOW :][:WINDOW]
        here = track[window * WINDOW : window * WINDOW + len(there)]
        power = max(float((there**2).sum()), float((here**2).sum()))
        if power > len(there) * 10**-4.8 and float(((here - there) ** 2).sum()) > DIFFERS * power:
            break
        window += 1
        if loud[window - 1]:
            last = window
    reached = begins / RATE + (window - at) / 100
    return Stretch(at / 100, last / 100, reply, begins / RATE, reached), max(last, at + 1)


def _run(loud: np.ndarray[Any, Any], at: int) -> int:
    """How many windows sound without a break, from `at` on."""
    quiet = np.flatnonzero(~loud[at : at + 100])
    return int(quiet[0]) if len(quiet) else 100


def _going_on(snippet: Samples, replies: Sequence[Samples], before: Sequence[Stretch]) -> tuple[int, int] | None:
    """Where `snippet` is in the last reply that sounded: at most a second after the place where the reply stopped."""
    if not before or before[-1].reply < 0:
        return None
    last = before[-1]
    first = max(0, round((last.stops - 0.1) * RATE))
    found = _find(snippet, replies[last.reply][first : round((max(last.stops, last.reached) + 1.0) * RATE)])
    return None if found is None else (last.reply, first + found)


def _place(snippet: Samples, replies: Sequence[Samples], made: Sequence[int]) -> tuple[int, int] | None:
    """The reply that contains `snippet`, and the sample at which `snippet` begins in it."""
    for reply in made:
        if (begins := _find(snippet, replies[reply])) is not None:
            return reply, begins
    return None


def _find(snippet: Samples, sound: Samples) -> int | None:
    """The sample of `sound` from which `sound` is most like `snippet`; None if there is no such place."""
    size = len(snippet)
    if len(sound) < size or not snippet.any():
        return None
    length = 1 << (len(sound) + size).bit_length()
    products = np.fft.irfft(np.fft.rfft(sound, length) * np.conj(np.fft.rfft(snippet, length)), length)
    products = products[: len(sound) - size + 1]
    sums = np.concatenate([[0.0], np.cumsum(sound**2)])
    power = sums[size:] - sums[:-size]
    alike = products / np.sqrt(np.maximum(power, 1e-9) * float((snippet**2).sum()))
    best = int(np.argmax(alike))
    return best if alike[best] >= ALIKE else None


def _merged(found: Sequence[Stretch]) -> Iterator[Stretch]:
    """Join stretches of one reply that continue each other, since a quiet syllable must not separate them."""
    held: Stretch | None = None
    for stretch in found:
        if held is not None and stretch.reply == held.reply and _goes_on(held, stretch):
            held = Stretch(held.start, stretch.end, held.reply, held.begins, stretch.reached)
            continue
        if held is not None:
            yield held
        held = stretch
    if held is not None:
        yield held


def _goes_on(first: Stretch, second: Stretch) -> bool:
    if first.reply == -1:
        return second.start - first.end < 0.05
    return abs((second.start - first.start) - (second.begins - first.begins)) < 0.015
