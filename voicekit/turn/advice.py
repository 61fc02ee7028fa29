"""The interface of advisers: what an adviser sees of a pause, and what it may advise. Values only.

An adviser is a function that never waits and reads no clock. It is called when a pause begins, when the words before it
change or become final, and when a sound model has judged it. The turn machine follows its advice within limits: see
`voicekit.turn.advising`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from voicekit.events import ExpectedAnswer, Word


class AdviceAct(Enum):
    """What an adviser may ask for in a pause."""

    FINALIZE = "finalize"  # ask the stt for final words, before its own endpoint
    COMMIT = "commit"  # the turn is over once the pause has lasted `seconds`
    WAIT = "wait"  # the turn is not over until the pause has lasted `seconds`, whatever the stt's endpoint says
    NONE = "none"  # no opinion: the stt's endpoint, or the usual silence, decides


@dataclass(frozen=True, slots=True)
class Advice:
    """`act`, the `seconds` of pause to which it applies, and `why` for the event log, without any of the caller's
    words.

    `melody`: a sound model, if there is one, should judge this pause; then the adviser is called again.
    """

    act: AdviceAct
    why: str
    seconds: float = 0.0
    melody: bool = False


NO_OPINION = Advice(AdviceAct.NONE, "no opinion")


@dataclass(frozen=True, slots=True)
class CallerPause:
    """A pause of the caller, as an adviser sees it.

    `words` are those of the question so far, in the order of their sound. `seconds` is how long the pause has lasted
    since it was noticed, which is `GatePolicy.hangover` after the last sound. `final`: the stt will not change the
    words any more. `expected`: what the previous reply asked for; `asked`: whether it ended with a question mark.
    `score`: a sound model's probability that the utterance is finished; None without a model, or before its answer.
    `languages` are those that the stt expects, for words without a language.
    """

    words: Sequence[Word]
    seconds: float = 0.0
    final: bool = False
    expected: ExpectedAnswer | None = None
    score: float | None = None
    asked: bool = False
    languages: Sequence[str] = ()


Adviser: TypeAlias = Callable[[CallerPause], Advice]
"""Called in a pause; never waits."""
