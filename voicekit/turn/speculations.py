"""Decides when to guess that the caller has finished, and whether the guess is still valid (pure).

A guess is about words: it is valid as long as the question has the same words, apart from case and punctuation, even if
the caller makes sounds without words. A guess takes the number of the next reply, but does not use it up.
"""

from __future__ import annotations

from math import inf

from msgspec import Struct

from voicekit.turn.policy import Speculation
from voicekit.writing import letters


class Guess(Struct, frozen=True):
    """The guess that `words` are the whole question; reply `turn`, which answers that question, is being produced."""

    turn: int
    words: str  # only the letters of the words


class Speculations:
    """The guesses made in one call; at most one is live. If `policy` is None, no guesses are made."""

    __slots__ = ("_made", "_policy", "_since", "_words", "live")

    def __init__(self, policy: Speculation | None) -> None:
        self.live: Guess | None = None
        self._policy = policy
        self._words = ""
        self._since = -inf  # the time at which the words last changed
        self._made = 0  # the number of guesses in this turn

    @property
    def on(self) -> bool:
        return self._policy is not None

    @property
    def due(self) -> float:
        """The time at which to make the next guess; infinity if no guess is to be made."""
        if self._policy is None or self.live is not None or self._made >= self._policy.most:
            return inf
        return self._since + self._policy.after

    @property
    def why(self) -> str:
        assert self._policy is not None, "no guess without a policy"
        return f"the words have stood for {self._policy.after:g} s"

    def note(self, question: str, now: float) -> bool:
        """Record that the question is now `question`. Returns whether this refutes the live guess."""
        words = letters(question)
        if words != self._words:
            self._words, self._since = words, now
        return self.live is not None and self.live.words != words

    def make(self, turn: int, question: str) -> None:
        self.live = Guess(turn, letters(question))
        self._made += 1

    def confirmed_by(self, question: str) -> bool:
        """Whether there is a live guess that has the same words as `question`."""
        return self.live is not None and self.live.words == letters(question)

    def start_over(self) -> None:
        """Forget the words, because they have been answered or discarded; the next words begin another question."""
        self.live = None
        self._words = ""
        self._made = 0
