"""One segment of speech while it is decoded again and again: which of its words are settled, and when they sound. Pure.

A word is settled when two decodes in a row have it at the same place and there is another word behind it; from then on
it never changes, whatever later decodes have. Their version is matched to it and dropped.
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
"""Samples of a segment in which no word is settled: there it is decoded often, so that agreeing twice means little."""
STALLED: Final = 3 * HEARING_RATE
"""Samples of sound that bring no new word, though a detector takes them for speech: music, or a noisy street."""
SETTLES_WITHIN_S: Final = 11.0
"""Words of the part of a segment behind this wait: it may be cut there, and they would be heard again in the next."""

WINDOW: Final = HEARING_RATE // 50  # samples over which loudness is measured
SPAN: Final = 5  # windows that are searched for the quietest place: a tenth of a second


@dataclass(frozen=True, slots=True)
class Word:
    """A word, when it sounds (samples of the session) and how sure the recogniser is."""

    text: str
    start: int
    end: int
    confidence: float


@dataclass(slots=True)
class Segment:
    """Sound from sample `start` on, up to `end` once it is closed, and what is known of its words."""

    start: int
    end: int | None = None
    paused_at: int | None = None
    """Where its speech stopped, if it has."""
    settled: list[Word] = field(default_factory=list)
    tail: tuple[Word, ...] = ()
    heard: Heard = field(default_factory=lambda: Heard(()))
    decoded_to: int = 0
    changed_at: int = 0
    """Up to where it had been decoded when its words changed last."""
    complete: bool = False
    """Whether all its speech so far is in its words, with their times."""

    @property
    def texts(self) -> list[str]:
        return [word.text for word in (*self.settled, *self.tail)]

    @property
    def stalled(self) -> bool:
        """Whether it has words, and no new ones come."""
        return bool(self.settled or self.tail) and self.decoded_to - self.changed_at >= STALLED

    @property
    def settled_to(self) -> int:
        return self.settled[-1].end if self.settled else self.start

    def settle(self) -> list[Word]:
        """Make all words final; the new ones among them."""
        new = list(self.tail)
        self.settled += new
        self.tail = ()
        return new


@dataclass(frozen=True, slots=True)
class Decoded:
    """What became of a job: the words behind those that were settled before, and how many of them are settled now."""

    job: Job
    heard: Heard
    tail: tuple[Word, ...]
    settles: int


@dataclass(frozen=True, slots=True)
class Job:
    """Sound to be decoded, with all that is needed to do so elsewhere; `run` blocks and belongs into a thread."""

    segment: Segment
    pcm: bytes = field(repr=False)
    start: int
    draft: tuple[int, ...]
    before: tuple[str, ...]
    """The unsettled words of the last decode."""
    settled: tuple[str, ...]
    settled_to: int
    urgent: bool
    """The speech is over: final words wait for this."""

    @property
    def end(self) -> int:
        return self.start + len(self.pcm) // 2

    def run(self, recogniser: Recogniser, aligner: Aligner) -> Decoded:
        """Decode, and find the times of the words where they matter: of those that settle, and once speech is over."""
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
    """Put a decode into its segment; the words that it settles."""
    new = list(decoded.tail[: decoded.settles])
    segment.settled += new
    segment.tail = decoded.tail[decoded.settles :]
    segment.heard = decoded.heard
    segment.decoded_to = decoded.job.end
    if tuple(word.text for word in decoded.tail) != decoded.job.before:
        segment.changed_at = decoded.job.end
    return new


def tail_start(settled: Sequence[str], words: Sequence[str]) -> int:
    """Where in `words` those behind the settled ones begin, though some of the settled may differ now.

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
    """How many words are settled by two decodes in a row: those that they agree on from the beginning, but the last.

    That one may be incomplete, or change with the next word. Settling it too cost 0.4 % more wrong words.

    >>> agreeing(["a", "table", "for", "for"], ["a", "table", "for", "four", "people"]), agreeing(["a"], ["a"])
    (2, 0)
    """
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(before, now[:-1], strict=False)))
    return max(0, same - 1)


def quietest(pcm: bytes) -> int:
    """The sample in the middle of the quietest tenth of a second."""
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
