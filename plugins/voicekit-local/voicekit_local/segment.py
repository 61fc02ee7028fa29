"""One segment of speech while it is decoded repeatedly: which of its words are settled, and when they were spoken.
Pure.

A word is settled when two decodes in a row contain it at the same place, followed by another word. A settled word never
changes: if a later decode has a different word there, that word is ignored.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import takewhile
from typing import TYPE_CHECKING, Final

from voicekit_local.engines.align import spread
from voicekit_local.engines.interface import HEARING_RATE, Aligner, Heard, HeardWord, Recogniser
from voicekit_local.wer import plain_words, prefix_distances

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

EARLY: Final = 2 * HEARING_RATE
"""In this many samples at the start of a segment, no word is settled: decodes are frequent there, so two decodes can
agree by chance.
"""
STALLED: Final = 3 * HEARING_RATE
"""After this many samples without a new word, detected speech must be something else: music, or a noisy street."""
SETTLES_WITHIN_S: Final = 11.0
"""Words later than this in a segment are not settled: the segment may be cut before them, and the next segment would
have them again.
"""

WINDOW: Final = HEARING_RATE // 50  # the number of samples in a window; loudness is measured for each window
SPAN: Final = 5  # the length of the quietest place in a sound, in windows: a tenth of a second


@dataclass(frozen=True, slots=True)
class Word:
    """A word, when it was spoken (in samples of the session), and the recogniser's confidence in it."""

    text: str
    start: int
    end: int
    confidence: float


@dataclass(slots=True)
class Segment:
    """The audio from sample `start` on (up to `end`, once the segment is closed), and the words known so far."""

    start: int
    end: int | None = None
    paused_at: int | None = None
    """Where the segment's speech stopped; None while it continues."""
    settled: list[Word] = field(default_factory=list)
    tail: tuple[Word, ...] = ()
    heard: Heard = field(default_factory=lambda: Heard(()))
    decoded_to: int = 0
    changed_at: int = 0
    """The sample up to which the segment had been decoded when its words last changed."""
    complete: bool = False
    """Whether all speech of the segment so far has been decoded to words with times."""

    @property
    def texts(self) -> list[str]:
        return [word.text for word in (*self.settled, *self.tail)]

    @property
    def stalled(self) -> bool:
        """Whether the segment has words, but has had no new ones for a while."""
        return bool(self.settled or self.tail) and self.decoded_to - self.changed_at >= STALLED

    @property
    def settled_to(self) -> int:
        return self.settled[-1].end if self.settled else self.start

    def settle(self) -> list[Word]:
        """Settle all words, and return the newly settled ones."""
        new = list(self.tail)
        self.settled += new
        self.tail = ()
        return new


@dataclass(frozen=True, slots=True)
class Decoded:
    """The result of a job. `tail` has the words after the settled ones; the first `settles` of them are now settled."""

    job: Job
    heard: Heard
    tail: tuple[Word, ...]
    settles: int


@dataclass(frozen=True, slots=True)
class Job:
    """Audio to decode, with everything needed to decode it in a thread; `run` blocks."""

    segment: Segment
    pcm: bytes = field(repr=False)
    start: int
    draft: tuple[int, ...]
    before: tuple[str, ...]
    """The unsettled words of the last decode."""
    settled: tuple[str, ...]
    settled_to: int
    urgent: bool
    """Whether the speech is over, so that final words wait for this job."""

    @property
    def end(self) -> int:
        return self.start + len(self.pcm) // 2

    def run(self, recogniser: Recogniser, aligner: Aligner) -> Decoded:
        """Decode, and find the exact times of all words if speech has ended or any word is settled."""
        import numpy as np

        sound = np.frombuffer(self.pcm, "<i2").astype(np.float32) / np.float32(32_768)
        heard = recogniser.decode(sound, self.draft)
        tail = heard.words[tail_start(self.settled, [word.text for word in heard.words]) :]
        agreed = 0 if self.urgent or len(sound) < EARLY else agreeing(self.before, [word.text for word in tail])
        timed = self._timed(sound, tail, aligner if agreed or self.urgent else None)
        within = self.start + round(SETTLES_WITHIN_S * HEARING_RATE)
        return Decoded(self, heard, timed, sum(word.end <= within for word in timed[:agreed]))

    def _timed(
        self, sound: NDArray[np.float32], words: Sequence[HeardWord], aligner: Aligner | None
    ) -> tuple[Word, ...]:
        first = self.settled_to - self.start
        texts = [word.text for word in words]
        if not texts:
            return ()
        length = max(0, len(sound) - first) / HEARING_RATE
        times = aligner.align(sound[first:], HEARING_RATE, texts) if aligner else spread(texts, 0.0, length)
        return tuple(
            Word(
                word.text,
                self.settled_to + round(start * HEARING_RATE),
                self.settled_to + round(end * HEARING_RATE),
                word.confidence,
            )
            for word, (start, end) in zip(words, times, strict=True)
        )


def take(segment: Segment, decoded: Decoded) -> list[Word]:
    """Put the result of a decode into its segment, and return the newly settled words."""
    new = list(decoded.tail[: decoded.settles])
    segment.settled += new
    segment.tail = decoded.tail[decoded.settles :]
    segment.heard = decoded.heard
    segment.decoded_to = decoded.job.end
    if tuple(word.text for word in decoded.tail) != decoded.job.before:
        segment.changed_at = decoded.job.end
    return new


def tail_start(settled: Sequence[str], words: Sequence[str]) -> int:
    """The number of words at the start of `words` that are already settled, even if they are spelled differently there.

    >>> tail_start(["I", "would"], ["I", "would", "like", "tea"]), tail_start(["I", "wood"], ["I'd", "like", "tea"])
    (2, 1)
    >>> tail_start(["pass", "word", "in"], ["password", "incorrect"]), tail_start(["12"], ["twelve", "times"])
    (1, 1)
    """
    before, now = [_letters(word) for word in settled], [_letters(word) for word in words]
    if now[: len(before)] == before:
        return len(before)
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(before, now, strict=False)))
    distances = prefix_distances("".join(before[same:]), "".join(now[same:]))
    ends = [sum(map(len, now[same:place])) for place in range(same, len(now) + 1)]
    return same + min(range(len(ends)), key=lambda place: (distances[ends[place]], abs(same + place - len(before))))


def agreeing(before: Sequence[str], now: Sequence[str]) -> int:
    """How many words two decodes in a row settle: those that agree from the beginning, except the last word.

    The last word may be incomplete, or change when the next word arrives. In a test, settling the last word too made
    0.4 % more words wrong.

        >>> agreeing(["a", "table", "for", "for"], ["a", "table", "for", "four", "people"]), agreeing(["a"], ["a"])
        (2, 0)
    """
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(before, now[:-1], strict=False)))
    return max(0, same - 1)


def quietest(pcm: bytes) -> int:
    """The position, in samples, of the middle of the quietest tenth of a second in `pcm`."""
    size = 2 * WINDOW
    levels = [
        math.hypot(*struct.unpack(f"<{WINDOW}h", pcm[place : place + size]))
        for place in range(0, len(pcm) - size + 1, size)
    ]
    spans = [sum(levels[place : place + SPAN]) for place in range(max(1, len(levels) - SPAN + 1))]
    return (spans.index(min(spans)) * 2 + min(SPAN, len(levels))) * WINDOW // 2 if levels else 0


@lru_cache(1024)
def _letters(word: str) -> str:
    return "".join(plain_words(word))
