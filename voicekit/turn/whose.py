"""Whose words are those? The caller's, or the reply's own, come back as an echo, or those of a voice in the background.

Pure. Two signs speak against the caller: the reply has just had the same words, aligned in time within an echo's
delay, and not as loud as the caller is; and the sound is far below the level at which this caller usually speaks. Both
are judged over a whole utterance, since a caller may use a word of the reply, and speaks some words softly. Of an echo
a recogniser understands about every second word, and makes up the rest; so half of them are enough.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from statistics import median
from typing import TypeAlias

from voicekit.events import Word
from voicekit.turn.policy import InterruptPolicy
from voicekit.writing import letters, units

Levels: TypeAlias = Callable[[int, int], float | None]
"""The level of the sound between two ear samples in dBFS; None if there was no speech, or it is too long ago."""

EARLY, LATE = 0.4, 0.9
"""Seconds by which an echoed word may start before and after the reply's word is counted as played: voices, sinks and
recognisers know the times of words to some tenths, and a telephone's echo takes up to half a second. A caller who takes
up what was offered begins later."""

ALIKE = 0.75
"""As much of a word's letters must agree, and as many words of an utterance whose level is not known."""

SHARE = 0.5
"""As many words of an utterance must be the reply's."""

SOFTER_DB = 6.0
"""An echo is at least so much below the caller's usual level; what is louder is the caller, who repeats a word."""

KEPT = 5.0
"""Seconds for which played words are remembered; a recogniser's final is seldom later."""

USUAL = 40
"""Words by whose median the caller's usual level is known; half of them are as many as one long sentence has."""

PRESUMED_DBFS = -28.0
"""The usual level of a caller who has not spoken yet, for whether a sound holds the greeting: telephones and
browsers bring speech to about that. A softer caller can still interrupt it, with words."""

FEW = 4
"""With fewer words the usual level is not known yet."""

DRIFT = 2e-4
"""Seconds by which two clocks may part in one; that of a sound card is seldom off by more."""

QUESTION_MARKS = frozenset("?\uff1f\u061f\u037e\u055e\u1367\u2e2e")
"""Of Latin, Chinese and Japanese, Arabic, Greek, Armenian, Ethiopic and Syriac text."""
CLOSING = " \n\"'\u201d\u2019\xbb)]"


class EarClock:
    """When a sample of the ear stream was captured, judged by the quickest news of any sample so far."""

    __slots__ = ("_now", "_offset", "_rate")

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._offset = float("inf")
        self._now = 0.0

    def note(self, at: int, now: float) -> None:
        """At `now` there was news of sample `at`."""
        self._offset = min(self._offset + DRIFT * (now - self._now), now - at / self._rate)
        self._now = now

    def time(self, at: int) -> float:
        return self._offset + at / self._rate


class Whose:
    """Tells the caller's words from others, while a reply runs.

    `follow` takes the words of the reply, `learn` those that were taken for the caller's.
    """

    __slots__ = ("_faint_db", "_levels", "_said", "_spoken", "_to", "_usual", "_watch_echo", "clock")

    def __init__(self, policy: InterruptPolicy, rate: int, levels: Levels | None) -> None:
        self.clock = EarClock(rate)
        self._watch_echo = policy.ignore_echo
        self._faint_db = policy.faint_db
        self._levels = levels
        self._usual: deque[float] = deque(maxlen=USUAL)
        self._spoken: deque[tuple[float, str]] = deque()  # the reply's words, and when they counted as played
        self._said = ""
        self._to = 0

    def begin(self) -> None:
        """Another reply begins; the echo of the last one may still come."""
        self._said, self._to = "", 0

    def follow(self, said: str, said_to: int, now: float) -> None:
        """The first `said_to` characters of `said` have begun to sound."""
        if self._watch_echo:
            self._spoken.extend((now, text) for text, _ in units(said[self._to : said_to]))
            while self._spoken and self._spoken[0][0] < now - KEPT:
                self._spoken.popleft()
        self._said, self._to = said, max(self._to, said_to)

    @property
    def asked(self) -> bool:
        """Whether the last reply ended in a question."""
        return self._said.rstrip(CLOSING)[-1:] in QUESTION_MARKS if self._said else False

    def learn(self, words: Sequence[Word]) -> None:
        """The caller has spoken `words`."""
        if self._levels is None or self._faint_db is None:
            return
        levels = [level for word in words if (level := self._levels(word.start, word.end)) is not None]
        if levels and self._usual and median(levels) - median(self._usual) >= self._faint_db:
            self._usual.clear()  # what was taken for the caller so far was background sound
        self._usual.extend(levels)

    def why_faint(self, start: int, end: int, *, presumed: float | None = None) -> str | None:
        """Why the sound between two samples is not the caller's, or None if it may be.

        `presumed` is the caller's usual level while it is not known.
        """
        below = self._below(start, end, presumed)
        if below is None or self._faint_db is None or below < self._faint_db:
            return None
        return f"{below:.0f} dB below the caller's usual level"

    def foreign(self, words: Sequence[Word], *, replying: bool) -> tuple[frozenset[int], str]:
        """The places of those of `words`, an utterance so far, that are not the caller's, and why.

        `replying`: a reply sounds, or has just sounded. Then words in which the detector has found no speech at all are
        not those of a caller in whose words it did.
        """
        if not words:
            return frozenset(), ""
        start, end = min(word.start for word in words), max(word.end for word in words)
        everything = frozenset(range(len(words)))
        unmeasured = self._levels is not None and self._levels(start, end) is None
        if why := self.why_faint(start, end):
            return everything, why
        if replying and unmeasured and self._faint_db is not None and len(self._usual) >= FEW:
            return everything, "no speech was detected there"
        echoed = frozenset(place for place, word in enumerate(words) if self._is_echo(word))
        if not echoed:
            return echoed, ""
        below, why = self._below(start, end, PRESUMED_DBFS), "the reply is saying that itself"
        if unmeasured:
            below = math.inf
        if below is None:  # nothing is known about the sound: only identical words count, if nearly all are identical
            return (echoed, why) if len(echoed) >= ALIKE * len(words) else (frozenset(), "")
        if below < SOFTER_DB or len(echoed) < SHARE * len(words):
            return frozenset(), ""
        return everything, why

    def _below(self, start: int, end: int, presumed: float | None = None) -> float | None:
        """By how many decibels the sound is below the caller's usual level; None while one of them is not known."""
        usual = median(self._usual) if len(self._usual) >= FEW else presumed
        level = self._levels(start, end) if self._levels is not None else None
        return None if level is None or usual is None else usual - level

    def _is_echo(self, word: Word) -> bool:
        if not self._spoken:
            return False
        at, text = self.clock.time(word.start), letters(word.text)
        return any(
            played - EARLY <= at <= played + LATE and _is_alike(text, spoken)
            for played, spoken in reversed(self._spoken)
        )


def _is_alike(heard: str, spoken: str) -> bool:
    """Whether `heard` may be `spoken`, the beginning of it, or a mishearing of it."""
    if heard == spoken or (len(heard) > 1 and spoken.startswith(heard)):
        return True
    return len(heard) > 3 and heard[0] == spoken[:1] and SequenceMatcher(None, heard, spoken).ratio() >= ALIKE
