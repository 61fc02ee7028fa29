"""Whether the caller's sound or words during a reply are an interruption. Pure, and it reads no clock.

A doubt ends as soon as possible. Words cut. Backchannels release the reply once the caller is quiet, and so does a
sound in which the recogniser has found no word. Too few words are kept for later, once they are final. While the caller
talks, or words may still change, nothing is decided until the limit of the doubt (`voicekit.turn.interruptions`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from voicekit.events import Word
from voicekit.turn.phrases import InterruptionWeigher

NEAR = 0.1
"""Seconds by which a recogniser and a detector may disagree about the end of a sound."""

TRAILING = 0.35
"""Seconds of sound after the last word that still count as its end: breath, or a drawn-out "mhmmm"."""


class Doubt:
    """The latest end of the doubt about a reply, and the words that were released before it."""

    __slots__ = ("cap", "let_pass", "until")

    def __init__(self) -> None:
        self.cap = self.until = math.inf
        self.let_pass = ""  # their letters

    def begin(self, now: float, longest: float) -> None:
        self.cap = self.until = now + longest

    def put_off(self, seconds: float) -> None:
        """This many seconds did not pass for the call."""
        self.cap += seconds
        self.until += seconds

    def go_on(self) -> None:
        """Only the limit ends it now."""
        self.until = self.cap

    def wait(self, now: float, seconds: float) -> None:
        """End in `seconds`, or earlier at the limit."""
        self.until = min(self.cap, now + seconds)


class DoubtOutcome(Enum):
    """What happens to the reply."""

    CUT = "cut"
    RELEASE = "release"
    OPEN = "open"  # not yet decided


@dataclass(frozen=True, slots=True)
class DoubtVerdict:
    outcome: DoubtOutcome
    why: str = ""
    pending: bool = False
    """Whether there are words, coming or still changing, that are more than a backchannel."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The facts about the caller's utterance; positions are ear samples at `rate`.

    `unsure`: some of the words may still change. Up to `passed` the recogniser has finished.
    """

    words: Sequence[Word]
    unsure: bool
    talking: bool
    stopped_at: int
    passed: int
    rate: int

    @property
    def is_passed(self) -> bool:
        """Whether the recogniser has finished all of the sound."""
        return self.passed >= self.stopped_at - NEAR * self.rate

    @property
    def is_explained(self) -> bool:
        """Whether the words are about as long as the sound."""
        return self.words[-1].end >= self.stopped_at - TRAILING * self.rate or self.is_passed


def judge(weigher: InterruptionWeigher, evidence: Evidence, least: int) -> DoubtVerdict:
    """What follows from `evidence`; `least` words cut."""
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
