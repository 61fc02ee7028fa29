"""Judges whether the caller's sound or words during a reply are an interruption. Pure; reads no clock.

While this is in doubt, the reply is held; the doubt ends as soon as possible. Enough words cut the reply. Backchannels,
and sounds in which the recogniser has found no word, release the reply as soon as the caller is quiet. Words that are
too few for a cut are kept for later as soon as they are final. While the caller is talking, or words may still change,
nothing is decided until the doubt reaches its limit (`voicekit.turn.interruptions`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import Enum

from msgspec import Struct

from voicekit.events import Word
from voicekit.turn.phrases import InterruptionWeigher

NEAR = 0.1
"""The maximum number of seconds by which a recogniser and a detector may disagree about the end of a sound."""

TRAILING = 0.35
"""The maximum number of seconds of sound after the last word that still belong to this word: breath, or a drawn-out
"mhmmm".
"""


class Doubt:
    """When the doubt about a reply must end, and which words did not cut the reply in an earlier doubt."""

    __slots__ = ("cap", "let_pass", "until")

    def __init__(self) -> None:
        self.cap = self.until = math.inf
        self.let_pass = ""  # the letters of words that were judged to be no interruption

    def begin(self, now: float, longest: float) -> None:
        self.cap = self.until = now + longest

    def put_off(self, seconds: float) -> None:
        """Postpone the end of the doubt by `seconds`, the time for which the call was on hold."""
        self.cap += seconds
        self.until += seconds

    def go_on(self) -> None:
        """Let the doubt continue up to its limit."""
        self.until = self.cap

    def wait(self, now: float, seconds: float) -> None:
        """Let the doubt end in `seconds`, but no later than its limit."""
        self.until = min(self.cap, now + seconds)


class DoubtOutcome(Enum):
    """The decisions to which a doubt about the reply may lead."""

    CUT = "cut"
    RELEASE = "release"
    OPEN = "open"  # not decided yet


class DoubtVerdict(Struct, frozen=True):
    outcome: DoubtOutcome
    why: str = ""
    pending: bool = False
    """Whether words that are more than a backchannel are still coming or changing."""


class Evidence(Struct, frozen=True):
    """The facts about the caller's utterance; positions count samples of the caller's audio, `rate` per second.

    If `unsure` is true, some of the words may still change. The recogniser has processed the audio up to `passed`.
    """

    words: Sequence[Word]
    unsure: bool
    talking: bool
    stopped_at: int
    passed: int
    rate: int

    @property
    def is_passed(self) -> bool:
        """Whether the recogniser has processed all of the caller's audio."""
        return self.passed >= self.stopped_at - NEAR * self.rate

    @property
    def is_explained(self) -> bool:
        """Whether the words account for the sound: they reach its end, or the recogniser has processed all of it."""
        return self.words[-1].end >= self.stopped_at - TRAILING * self.rate or self.is_passed


def judge(weigher: InterruptionWeigher, evidence: Evidence, least: int) -> DoubtVerdict:
    """The verdict on `evidence`; `least` is how many words it takes to cut the reply."""
    words = evidence.words
    if words and (why := weigher.cuts(words, least)):
        return DoubtVerdict(DoubtOutcome.CUT, why)
    weight = weigher.weight(words) if words else 0
    if evidence.talking or (weight and evidence.unsure):
        return DoubtVerdict(DoubtOutcome.OPEN, pending=weight > 0)
    if weight:
        return _when(evidence.is_passed, f"words of weight {weight}, {least} would cut; kept for the end of the reply")
    if words:
        return _when(evidence.is_explained, "only backchannels")
    return _when(evidence.is_passed, "the recogniser heard no word in the sound")


def _when(certain: bool, why: str) -> DoubtVerdict:
    return DoubtVerdict(DoubtOutcome.RELEASE, why) if certain else DoubtVerdict(DoubtOutcome.OPEN)
