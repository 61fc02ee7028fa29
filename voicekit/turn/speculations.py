"""When to guess that the caller has finished, and whether the guess still holds (pure).

A guess is about the words: it holds while the question reads the same, ignoring case and punctuation, and however often
the caller makes sounds without words. It takes the number of the next reply without using it up.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from voicekit.turn.policy import Speculation
from voicekit.writing import letters


@dataclass(frozen=True, slots=True)
class Guess:
    """Reply `turn` is being made, to a question with these `words`."""

    turn: int
    words: str  # their letters


class Speculations:
    """The guesses of one call; at most one is live. Without a `policy` there are none."""

    __slots__ = ("_made", "_policy", "_since", "_words", "live")

    def __init__(self, policy: Speculation | None) -> None:
        self.live: Guess | None = None
        self._policy = policy
        self._words = ""
        self._since = -inf  # time at which the words last changed
        self._made = 0  # guesses in this turn

    @property
    def on(self) -> bool:
        return self._policy is not None

    @property
    def due(self) -> float:
        """The time from which the words are worth a guess; infinity for none."""
        if self._policy is None or self.live is not None or self._made >= self._policy.most:
            return inf
        return self._since + self._policy.after

    @property
    def why(self) -> str:
        assert self._policy is not None, "no guess without a policy"
        return f"the words have stood for {self._policy.after:g} s"

    def note(self, question: str, now: float) -> bool:
        """The question now reads `question`; returns whether this refutes the live guess."""
        words = letters(question)
        if words != self._words:
            self._words, self._since = words, now
        return self.live is not None and self.live.words != words

    def make(self, turn: int, question: str) -> None:
        self.live = Guess(turn, letters(question))
        self._made += 1

    def confirmed_by(self, question: str) -> bool:
        """Whether the live guess was about `question`."""
        return self.live is not None and self.live.words == letters(question)

    def start_over(self) -> None:
        """These words are answered or discarded: what comes next is another question."""
        self.live = None
        self._words = ""
        self._made = 0
