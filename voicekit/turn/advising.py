"""What the turn machine makes of an adviser's advice: when it takes effect, and how often it may (pure).

Asked by the machine's memory in SETTLING only. The limits hold for every adviser:

- the stt is asked to finalise in silence that has lasted FINALIZE_AFTER in its sound, at most once in FINALIZE_EVERY
  and FINALIZES times in a turn. Its answer is no endpoint: it lets the adviser judge words that will not change;
- a commit needs final words, from an stt that can be asked for them. Where that has been asked, or refused by the
  limits, and nothing comes, the endpoint and the usual silence decide as they do without an adviser;
- a wait holds an endpoint back, for LONGEST_WAIT at most; it is not counted anew by a cough;
- a sound model is asked once in a pause, if the advice wants it.

An answer that the handler expects in a number of seconds is a fact and no advice: that pause ends it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from voicekit.events import EarCommand, Endpoint, ExpectedAnswer, Finalize, Finalized, ScorePause, Word
from voicekit.turn.advice import NO_OPINION, Advice, AdviceAct, Adviser, CallerPause

FINALIZE_AFTER = 0.2
"""Seconds of silence in the sound that the stt has been sent: the vendor's advice, below which words are cut in two."""

FINALIZE_EVERY = 3.0
"""Seconds: "every few", by the vendor's advice."""

FINALIZES = 2
"""In one turn: who pauses more often is thinking, and each request costs the recogniser its context."""

LONGEST_WAIT = 6.0
"""Seconds; a caller who hears nothing for longer says "hello?"."""

SCORE_WITHIN = 0.3
"""Seconds that a commit waits for the sound model, which takes 0.06 s where the machine is not overloaded."""

LATE_END = 0.25
"""Seconds by which a word may seem to end before or after the speech: recognisers time the ends of words no better."""


class Advising:
    """The advice in force in one call. `now` is the machine's; places are ear samples, `rate` of them in a second.

    `finalizes`: whether the stt can be asked for its final words; `scores`: whether there is a sound model.
    """

    def __init__(
        self, adviser: Adviser | None, *, rate: int, finalizes: bool, scores: bool, languages: Sequence[str] = ()
    ) -> None:
        self.expected: ExpectedAnswer | None = None
        self.advice = NO_OPINION
        self.held: int | None = None  # position of the endpoint that is held back
        self._adviser = adviser
        self._rate = rate
        self._finalizes = finalizes and adviser is not None
        self._scores = scores and adviser is not None
        self._languages = tuple(languages)
        self._since = 0.0  # time at which the pause was noticed
        self._advised_at = 0.0
        self._paused_at = 0  # the sample after the last sound before the pause
        self._final_to = 0
        self._asked = 0  # requests in this turn
        self._asked_at = -inf
        self._score: float | None = None
        self._score_asked_at: float | None = None
        self._seen: tuple[object, ...] = ()  # the subject of the advice in force

    def pause(self, paused_at: int, now: float) -> None:
        """A pause has begun, whose silence begins at sample `paused_at`."""
        self._since, self._paused_at = now, paused_at
        self._score = self._score_asked_at = None
        self.advice, self.held, self._seen = NO_OPINION, None, ()

    def expect(self, answer: ExpectedAnswer) -> None:
        self.expected = answer

    def finalized(self, event: Endpoint | Finalized) -> None:
        """All sound up to there is final."""
        self._final_to = max(self._final_to, event.at)

    def score(self, at: int, probability: float) -> None:
        """The sound model's answer; one about another pause is dropped."""
        if at == self._paused_at and self._score_asked_at is not None:
            self._score = probability

    def start_over(self) -> None:
        """The turn is committed, or its words are forgotten."""
        self.expected = self.held = None
        self.advice, self._seen = NO_OPINION, ()
        self._asked = 0

    def consult(self, words: Sequence[Word], *, tail: bool, asked: bool, now: float) -> list[EarCommand]:
        """Ask the adviser about `words`, of which some may still change if there is a `tail`; what to ask others.

        `asked`: whether the reply before ended in a question.

        Means nothing if all is as it was when it was asked last.
        """
        if self._adviser is None or self._knows(words, tail):
            return []
        end = max((word.end for word in words), default=0)
        if end > self._paused_at + LATE_END * self._rate:  # spoken after the mark, and the detector missed it
            self._since, self._paused_at = now, end
        if self.held is not None and end > self.held:
            self.held = None  # the stt will judge these words too
        pause = CallerPause(
            words, now - self._since, not tail and self._is_all(end), self.expected, self._score, asked, self._languages
        )
        self.advice, self._advised_at = self._adviser(pause), now
        return [*self._finalize(now), *self._ask_model(now)]

    def _knows(self, words: Sequence[Word], tail: bool) -> bool:
        seen, self._seen = self._seen, (*words, tail, self._final_to, self._score, self.expected)
        return seen == self._seen

    def _is_all(self, end: int) -> bool:
        """Whether no word can come any more behind final ones that end at `end`."""
        if self._finalizes:
            return end <= self._final_to
        return end >= self._paused_at - LATE_END * self._rate  # the words reach as far as the speech

    def _finalize(self, now: float) -> list[EarCommand]:
        if self.advice.act is not AdviceAct.FINALIZE or not self._finalizes:
            return []
        if self._asked >= FINALIZES or now < self._asked_at + FINALIZE_EVERY:
            return []
        self._asked += 1
        self._asked_at = now
        return [Finalize(self._paused_at + round(FINALIZE_AFTER * self._rate))]

    def _ask_model(self, now: float) -> list[EarCommand]:
        if not self.advice.melody or not self._scores or self._score_asked_at is not None:
            return []
        self._score_asked_at = now
        return [ScorePause(self._paused_at)]

    @property
    def commit_at(self) -> float:
        """When the advice in force commits the turn; infinity if it does not."""
        if self.advice.act is not AdviceAct.COMMIT:
            return inf
        scored_at = -inf if self._score is not None or self._score_asked_at is None else self._score_asked_at
        return max(self._advised_at, self._since + self.advice.seconds, scored_at + SCORE_WITHIN)

    @property
    def patience(self) -> float:
        """Seconds that a pause must last before an endpoint, or the usual silence, ends the turn."""
        if isinstance(self.expected, float):
            return self.expected
        return _patience(self.advice)

    def settle_time(self, usual: float) -> float:
        """How long the pause must last, where it is `usual` without advice and an endpoint that came is held back."""
        if isinstance(self.expected, float):
            return self.expected
        return max(self.patience, 0.0 if self.held is not None else usual)

    def holds(self, at: int, words: Sequence[Word], now: float) -> bool:
        """Whether an endpoint at sample `at` is held back, by the advice in force or by that for `words` now final."""
        patience = self.patience
        if self._adviser is not None and not isinstance(self.expected, float):
            since = now - self._since
            pause = CallerPause(words, since, True, self.expected, self._score, languages=self._languages)
            patience = _patience(self._adviser(pause))
        if now >= self._since + patience:
            return False
        self.held = at
        return True

    def why_waited(self, usual: float) -> str | None:
        """Why the pause that is over was as long as it was; None if it is `usual` without advice, too."""
        if isinstance(self.expected, float):
            return f"the question left {self.expected:g} s for its answer"
        return self.advice.why if self.patience and self.settle_time(usual) != usual else None


def _patience(advice: Advice) -> float:
    return min(advice.seconds, LONGEST_WAIT) if advice.act is AdviceAct.WAIT else 0.0
