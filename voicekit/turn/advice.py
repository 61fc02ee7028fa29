"""The interface for advisers: the facts that an adviser gets about a pause, and the advice that it may give.

An adviser is a function that never waits and reads no clock. It is called when a pause begins, when the words before
the pause change or become final, and when a sound model has judged the pause. The turn machine follows the advice
within limits: see `voicekit.turn.advising`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import TypeAlias

from msgspec import Struct

from voicekit.events import ExpectedAnswer, Word


class AdviceAct(Enum):
    """The kinds of advice that an adviser may give during a pause."""

    FINALIZE = "finalize"  # ask the stt for final words, before it emits its own endpoint
    COMMIT = "commit"  # the turn is over when the pause has lasted `seconds`
    WAIT = "wait"  # the turn is not over until the pause has lasted `seconds`, even if the stt emits an endpoint
    NONE = "none"  # no opinion: either the stt's endpoint or the usual silence decides


class Advice(Struct, frozen=True):
    """One piece of advice: what to do (`act`), how many `seconds` the pause must last before that is done, and the
    reason (`why`). The reason is written to the event log, so it must not contain the caller's words.

    If `melody` is true, the adviser asks for a judgement from a sound model. If there is such a model, it judges the
    pause, and then the adviser is called again.
    """

    act: AdviceAct
    why: str
    seconds: float = 0.0
    melody: bool = False


NO_OPINION = Advice(AdviceAct.NONE, "no opinion")


class CallerPause(Struct, frozen=True):
    """A pause in the caller's speech, as an adviser sees it.

    `words` are the words of the question so far, in the order in which they were spoken. `seconds` is how long the
    pause has lasted since it was noticed (`GatePolicy.hangover` after the last sound). `final` is whether the stt has
    stopped changing the words. `expected` is the answer that the previous reply asked for, and `asked` is whether that
    reply ended with a question mark. `score` is the probability, according to a sound model, that the utterance is
    finished; None if there is no model or it has not answered yet. `languages` are the languages that the stt expects,
    for words whose language is unknown.
    """

    words: Sequence[Word]
    seconds: float = 0.0
    final: bool = False
    expected: ExpectedAnswer | None = None
    score: float | None = None
    asked: bool = False
    languages: Sequence[str] = ()


Adviser: TypeAlias = Callable[[CallerPause], Advice]
"""A function that is called in a pause and gives its advice without waiting."""
