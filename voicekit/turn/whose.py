"""Judges whether recognised words are the caller's, an echo of the reply, or a voice in the background.

Pure. Two signs show that words are not the caller's. The first is that the bot has just spoken the same words, within
an echo's delay, and that they are not as loud as the caller. The second is that the sound is far below the caller's
usual level. Each sign is judged over a whole utterance, since callers may repeat a word from the reply, and may speak
some words softly. A recogniser understands only about every second word of an echo and invents the others, so it is
enough if half of the words also occur in the reply.
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
"""A function that returns the level of the caller's sound between two samples, in dBFS; None if there was no speech, or
if it was too long ago.
"""

EARLY, LATE = 0.4, 0.9
"""How many seconds an echo may start before (EARLY) or after (LATE) its word counts as played. Voices, sinks and
recognisers time words only to some tenths of a second, and a telephone's echo takes up to half a second. Callers who
repeat an offer begin later.
"""

ALIKE = 0.75
"""The share of a word's letters that must agree; also the share of an utterance's words, if its level is not known."""

SHARE = 0.5
"""The share of an utterance's words that must be the reply's, for the utterance to be an echo."""

SOFTER_DB = 6.0
"""How many decibels an echo is at least below the caller's usual level; a louder sound is the caller, repeating a
word."""

KEPT = 5.0
"""Seconds for which played words are remembered; a recogniser's final words seldom come later."""

USUAL = 40
"""How many words are remembered to find the caller's usual level, their median; half as many make one long sentence."""

PRESUMED_DBFS = -28.0
"""The assumed level of a caller who has not spoken, which decides whether a sound holds the greeting: telephones and
browsers bring speech to about this level. A quieter caller can still interrupt the greeting with words.
"""

RUN = 2
"""How many words in a row must be too faint to count as somebody else's; a single one may just be spoken softly, or
timed wrongly."""

GOES_ON = 1.0
"""Seconds within which a faint word goes on with the faint words before it."""

MARGIN_DB = 3.0
"""If a sound began too faint, its words must be louder than the limit by this much. Otherwise a voice at the limit
would be ignored in one word, and interrupt with the next.
"""

FEW = 3
"""With fewer words the usual level is not known yet."""

DRIFT = 2e-4
"""Seconds per second by which two clocks may drift apart; a sound card's clock is seldom off by more."""

QUESTION_MARKS = frozenset("?\uff1f\u061f\u037e\u055e\u1367\u2e2e")
"""Question marks in Latin, Chinese and Japanese, Arabic, Greek, Armenian, Ethiopic and Syriac text."""
CLOSING = " \n\"'\u201d\u2019\xbb)]"


class EarClock:
    """Estimates when a given sample was captured, based on the report that has arrived with the least delay so far."""

    __slots__ = ("_now", "_offset", "_rate")

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._offset = float("inf")
        self._now = 0.0

    def note(self, at: int, now: float) -> None:
        """Record that a report about sample `at` arrived at the time `now`."""
        self._offset = min(self._offset + DRIFT * (now - self._now), now - at / self._rate)
        self._now = now

    def time(self, at: int) -> float:
        return self._offset + at / self._rate


class Whose:
    """Distinguishes the caller's words from any other words that are heard during a reply.

    `follow` is called with the words of the reply, and `learn` with the words that were judged to be the caller's.
    """

    __slots__ = (
        "_background_to", "_faint_db", "_goes_on", "_levels", "_said", "_spoken", "_to", "_usual", "_watch_echo",
        "clock", "faint_from",
    )  # fmt: skip

    def __init__(self, policy: InterruptPolicy, rate: int, levels: Levels | None) -> None:
        self.clock = EarClock(rate)
        self._watch_echo = policy.ignore_echo
        self._faint_db = policy.faint_db
        self._levels = levels
        self._usual: deque[float] = deque(maxlen=USUAL)
        self._spoken: deque[tuple[float, str]] = deque()  # the reply's words, and the time when each was played
        self._said = ""
        self._to = 0
        self._goes_on = round(GOES_ON * rate)
        self.faint_from: float = math.inf
        """The sample at which a sound began that was too faint to be the caller's, and that goes on."""
        # a faint word that begins no later than this sample belongs to the faint words before it
        self._background_to = 0

    def begin(self) -> None:
        """Record that another reply begins; the echo of the last reply may still be heard."""
        self._said, self._to = "", 0

    def follow(self, said: str, said_to: int, now: float) -> None:
        """Record that the first `said_to` characters of `said` have begun to be heard."""
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
        """Record that the caller has spoken `words`; any that are far quieter than the loudest of them may be somebody
        else's."""
        levels = self._loudest(words)
        if self._faint_db is None or not levels:
            return
        if self._usual and median(levels) - median(self._usual) >= self._faint_db:
            self._usual.clear()  # the words so far were somebody else's, in the background
        self._usual.extend(levels)

    def why_faint(self, start: int, end: int, *, presumed: float | None = None, margin: float = 0.0) -> str | None:
        """Why the sound between two samples is too faint to be the caller's; None if it may be the caller's.

        `presumed` is used as the caller's usual level while the real one is unknown. `margin` raises the limit by that
        many dB.
        """
        below = self._below(start, end, presumed)
        if below is None or self._faint_db is None or below < self._faint_db - margin:
            return None
        return f"{below:.0f} dB below the caller's usual level"

    def foreign(
        self, words: Sequence[Word], *, replying: bool, quiet_from: float = math.inf
    ) -> tuple[frozenset[int], str]:
        """The indexes of those of `words` (the utterance so far) that are not the caller's, and the reason.

        From the sample `quiet_from` on, the detector has heard nothing loud enough to be the caller.

        `replying` is whether a reply is playing, or has just been played. In that case, words are not the caller's if
        the detector found no speech in them at all, although it did find speech in the caller's other words.
        """
        if not words:
            return frozenset(), ""
        start, end = min(word.start for word in words), max(word.end for word in words)
        everything = frozenset(range(len(words)))
        unmeasured = self._levels is not None and self._levels(start, end) is None
        if why := self.why_faint(start, end, margin=MARGIN_DB if start >= self.faint_from else 0.0):
            return everything, why
        if replying and unmeasured and self._faint_db is not None and len(self._usual) >= FEW:
            return everything, "no speech was detected there"
        return self._echo(words) or self._background(words, quiet_from)

    def _echo(self, words: Sequence[Word]) -> tuple[frozenset[int], str] | None:
        """The indexes of the words of the reply that come back as echo, and why; None if there are none."""
        echoed = frozenset(place for place, word in enumerate(words) if self._is_echo(word))
        if not echoed:
            return None
        start, end = min(word.start for word in words), max(word.end for word in words)
        below, why = self._below(start, end, PRESUMED_DBFS), "the reply is saying that itself"
        if self._levels is not None and self._levels(start, end) is None:
            below = math.inf
        if below is None:  # the loudness is unknown: words count as an echo only if nearly all of them are in the reply
            return (echoed, why) if len(echoed) >= ALIKE * len(words) else None
        if below < SOFTER_DB or len(echoed) < SHARE * len(words):
            return None
        return frozenset(range(len(words))), why

    def loud(self, words: Sequence[Word]) -> float | None:
        """The caller's level, judging only by the loudest of `words`; None if it is unknown."""
        levels = self._loudest(words)
        return median(levels) if levels else None

    def _loudest(self, words: Sequence[Word]) -> list[float]:
        if self._levels is None or self._faint_db is None:
            return []
        levels = [level for word in words if (level := self._levels(word.start, word.end)) is not None]
        least = max(levels, default=0.0) - self._faint_db
        return [level for level in levels if level > least]

    def _background(self, words: Sequence[Word], quiet_from: float) -> tuple[frozenset[int], str]:
        """The indexes of the words before and after the caller's own that are far below the caller's level, and why.

        A recogniser makes one utterance of a caller and of the television that is heard before and after them.
        """
        usual = median(self._usual) if len(self._usual) >= FEW else self.loud(words)
        if usual is None or self._levels is None or self._faint_db is None:
            return frozenset(), ""
        order = sorted(range(len(words)), key=lambda place: words[place].start)
        levels = {place: self._levels(words[place].start, words[place].end) for place in order}
        near = [number for number, place in enumerate(order) if _is_near(levels[place], usual, self._faint_db)]
        if not near:
            return frozenset(), ""
        before, after = order[: near[0]], order[near[-1] + 1 :]
        faint = [level for run in (before, after) for place in run if (level := levels[place]) is not None]
        if sum(levels[place] is not None for place in before) < RUN:
            before = []
        if sum(levels[place] is not None for place in after) < RUN:
            after = [place for place in after if not quiet_from > words[place].start > self._background_to]
        if not faint or not (before or after):
            return frozenset(), ""
        if after:
            self._background_to = words[after[-1]].end + self._goes_on
        return frozenset([*before, *after]), f"{usual - median(faint):.0f} dB below the caller"

    def _below(self, start: int, end: int, presumed: float | None = None) -> float | None:
        """How many decibels the sound is below the caller's usual level; None if the sound's level or the usual level
        is unknown."""
        usual = median(self._usual) if len(self._usual) >= FEW else presumed
        level = self._levels(start, end) if self._levels is not None else None
        return None if level is None or usual is None else usual - level

    def _is_echo(self, word: Word) -> bool:
        if not self._spoken:
            return False
        at, text = self.clock.time(word.start), letters(word.text)
        for played, spoken in reversed(self._spoken):
            if at > played + LATE:
                break  # the words before it were played even earlier
            if played - EARLY <= at and _is_alike(text, spoken):
                return True
        return False


def _is_near(level: float | None, usual: float, faint_db: float) -> bool:
    return level is not None and usual - level < faint_db


def _is_alike(heard: str, spoken: str) -> bool:
    """Whether `heard` may be `spoken`, its beginning, or a mishearing of it."""
    if heard == spoken or (len(heard) > 1 and spoken.startswith(heard)):
        return True
    if len(heard) <= 3 or heard[0] != spoken[:1]:
        return False
    # the ratio is at most this, which is much faster to find
    if 2 * sum(map(spoken.__contains__, heard)) < ALIKE * (len(heard) + len(spoken)):
        return False
    return SequenceMatcher(None, heard, spoken).ratio() >= ALIKE
