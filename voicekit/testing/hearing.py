"""What has been heard of a script, by the samples that have arrived: the part that scripted ears share (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from voicekit.audio.frame import Gap
from voicekit.events import Endpoint, Final, Interim, Word


class ScriptHearing:
    """Which words of `utterances` (timed in samples) have been heard; `delays` are those of interim, final, endpoint.

    A word of which half lies in gaps is not heard.
    """

    def __init__(self, utterances: list[tuple[Word, ...]], delays: Sequence[int]) -> None:
        self._utterances = utterances
        self._interim, self._final, self._endpoint = delays
        self._to = 0
        self._gaps: list[Gap] = []
        self._said_final = 0
        self._shown: tuple[Word, ...] = ()

    @property
    def to(self) -> int:
        """The position up to which sound has arrived."""
        return self._to

    def take(self, end: int) -> None:
        """Sound has arrived up to `end`."""
        self._to = end

    def miss(self, gap: Gap) -> None:
        """What lay in `gap` will never arrive."""
        self._to = gap.end
        self._gaps.append(gap)

    def say(self, endpoints: bool) -> list[Interim | Final | Endpoint]:
        """What ears say at this position, if they have not said it yet."""
        if not self._utterances or self._to < self._utterances[0][0].end:
            return []
        out: list[Interim | Final | Endpoint] = []
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

    def finish(self) -> list[Interim | Final | Endpoint]:
        """The sound is over: what has arrived and was not said yet is final now."""
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
