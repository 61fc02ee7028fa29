"""Decides which words of a script have been heard, judging by the samples that have arrived (pure)."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TypeAlias

from voicekit.audio.frame import Gap
from voicekit.events import Endpoint, Final, Finalized, Interim, Word

ScriptHeard: TypeAlias = Interim | Final | Endpoint | Finalized


class ScriptHearing:
    """Tracks which words of `utterances` (timed in samples) have been heard.

    `delays` are the delays, in samples, of an interim, a final, an endpoint, and the answer to `finalize`. A word is
    not heard if half of it is missing.
    """

    def __init__(self, utterances: list[tuple[Word, ...]], delays: Sequence[int]) -> None:
        self._utterances = utterances
        self._interim, self._final, self._endpoint, self._fin = delays
        self._asked: deque[int] = deque()  # positions up to which final words were requested
        self._to = 0
        self._gaps: list[Gap] = []
        self._said_final = 0
        self._shown: tuple[Word, ...] = ()

    @property
    def to(self) -> int:
        """The position up to which audio has arrived."""
        return self._to

    def take(self, end: int) -> None:
        """Record that audio has arrived up to `end`."""
        self._to = end

    def miss(self, gap: Gap) -> None:
        """Record that the audio in `gap` will never arrive."""
        self._to = gap.end
        self._gaps.append(gap)

    def finalize(self, at: int) -> None:
        """Request final words for all audio before `at`."""
        self._asked.append(at)

    def say(self, endpoints: bool) -> list[ScriptHeard]:
        """Return the transcripts that are due now that audio has arrived up to `to`."""
        out: list[ScriptHeard] = []
        while self._asked and self._asked[0] + self._fin <= self._to:
            out += self._finalized(self._asked.popleft())
        return out + self._usual(endpoints)

    def _finalized(self, at: int) -> list[ScriptHeard]:
        """The transcripts that make all words before `at` final."""
        if not self._utterances:
            return [Finalized(at)]
        heard = [word for word in self._utterances[0] if not self._missed(word)]
        finals = tuple(word for word in heard[self._said_final :] if word.end <= at)
        self._said_final += len(finals)
        self._shown = tuple(word for word in self._shown if word.end > at)
        return [*([Final(finals)] if finals else []), Finalized(at)]

    def _usual(self, endpoints: bool) -> list[ScriptHeard]:
        if not self._utterances or self._to < self._utterances[0][0].end:
            return []
        out: list[ScriptHeard] = []
        heard = [word for word in self._utterances[0] if not self._missed(word)]
        finals = tuple(word for word in heard[self._said_final :] if word.end + self._final <= self._to)
        if finals:
            self._said_final += len(finals)
            out.append(Final(finals))
        tail = tuple(word for word in heard[self._said_final :] if word.end + self._interim <= self._to)
        if tail != self._shown:
            self._shown = tail
            out.append(Interim(tail))
        end = self._utterances[0][-1].end
        goes_on = len(self._utterances) > 1 and self._utterances[1][0].start <= end + self._endpoint
        if end + (self._final if goes_on else self._endpoint) <= self._to:
            if endpoints and heard and not goes_on:
                out.append(Endpoint(end))
            self._next()
        return out

    def finish(self) -> list[ScriptHeard]:
        """At the end of the audio, return the remaining words that have arrived, as final words."""
        if not self._utterances:
            return []
        heard = [word for word in self._utterances[0] if not self._missed(word) and word.end <= self._to]
        rest = tuple(heard[self._said_final :])
        self._next()
        return [Final(rest)] if rest else []

    def _next(self) -> None:
        self._utterances = self._utterances[1:]
        self._said_final, self._shown = 0, ()

    def _missed(self, word: Word) -> bool:
        lost = sum(max(0, min(gap.end, word.end) - max(gap.at, word.start)) for gap in self._gaps)
        return lost * 2 >= word.end - word.start
