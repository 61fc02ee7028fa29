"""How the turn machine follows an adviser's advice: when the advice takes effect, and how often (pure).

The turn machine's memory asks for advice only in SETTLING. These limits apply to every adviser:

- The stt is asked for final words after FINALIZE_AFTER seconds of silence, at most once in FINALIZE_EVERY seconds, and
  at most FINALIZES times per turn. The stt's answer is not an endpoint. It only lets the adviser judge words that will
  no longer change.
- If the stt can be asked for final words, a commit needs final words. If none arrive, or the limits forbid asking, the
  endpoint and the usual silence decide, as they do without an adviser.
- Advice to wait holds an endpoint back for at most LONGEST_WAIT seconds; a cough does not restart the wait.
- A sound model is asked at most once per pause, if the advice asks for it.

If a handler has called `Turn.expect` with a number of seconds, no advice is needed: a pause of that length ends the
answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from voicekit.events import EarCommand, Endpoint, ExpectedAnswer, Finalize, Finalized, ScorePause, Word
from voicekit.turn.advice import NO_OPINION, Advice, AdviceAct, Adviser, CallerPause

FINALIZE_AFTER = 0.2
"""Seconds of silence in the audio sent to the stt, as the vendor recommends; after less, words would be cut in two."""

FINALIZE_EVERY = 3.0
"""Seconds between two requests for final words; the vendor recommends "every few"."""

FINALIZES = 2
"""The maximum number of requests for final words in a turn. A caller who pauses more often is thinking, and each
request makes the recogniser lose its context."""

LONGEST_WAIT = 6.0
"""The maximum number of seconds that advice can make a pause last; after a longer silence, callers say "hello?"."""

SCORE_WITHIN = 0.3
"""The maximum number of seconds for which a commit waits for the sound model, which takes 0.06 s if the machine is not
overloaded."""

LATE_END = 0.25
"""Seconds by which a word may seem to end before or after the speech, because recognisers time word ends only roughly.
"""


class Advising:
    """The advice currently in force in one call. `now` is a time on the turn machine's clock; positions are counted in
    samples of the caller's audio, `rate` per second.

    `finalizes` is whether the stt can be asked for its final words, and `scores` is whether there is a sound model.
    """

    def __init__(
        self, adviser: Adviser | None, *, rate: int, finalizes: bool, scores: bool, languages: Sequence[str] = ()
    ) -> None:
        self.expected: ExpectedAnswer | None = None
        self.advice = NO_OPINION
        self.held: int | None = None  # the position of the endpoint that is held back
        self._adviser = adviser
        self._rate = rate
        self._finalizes = finalizes and adviser is not None
        self._scores = scores and adviser is not None
        self._languages = tuple(languages)
        self._since = 0.0  # the time at which the pause was noticed
        self._advised_at = 0.0
        self._paused_at = 0  # the first sample of the pause
        self._final_to = 0
        self._asked = 0  # the number of requests for final words in this turn
        self._asked_at = -inf
        self._score: float | None = None
        self._score_asked_at: float | None = None
        self._seen: tuple[object, ...] = ()  # the facts on which the advice in force is based

    def pause(self, paused_at: int, now: float) -> None:
        """Record that a pause has begun, with silence from sample `paused_at` on."""
        self._since, self._paused_at = now, paused_at
        self._score = self._score_asked_at = None
        self.advice, self.held, self._seen = NO_OPINION, None, ()

    def expect(self, answer: ExpectedAnswer) -> None:
        self.expected = answer

    def finalized(self, event: Endpoint | Finalized) -> None:
        """Record that all words up to the position of `event` are final."""
        self._final_to = max(self._final_to, event.at)

    def score(self, at: int, probability: float) -> None:
        """Record the sound model's score; a score for an earlier pause is dropped."""
        if at == self._paused_at and self._score_asked_at is not None:
            self._score = probability

    def start_over(self) -> None:
        """Forget the advice, because the turn has been committed or its words have been discarded."""
        self.expected = self.held = None
        self.advice, self._seen = NO_OPINION, ()
        self._asked = 0

    def consult(self, words: Sequence[Word], *, tail: bool, asked: bool, now: float) -> list[EarCommand]:
        """Ask the adviser about `words`; if `tail` is true, some of them may still change. Returns the commands to
        send.

        `asked` is whether the previous reply ended in a question.

        If nothing has changed since the adviser was last asked, it is not asked again.
        """
        if self._adviser is None or self._knows(words, tail):
            return []
        end = max((word.end for word in words), default=0)
        if end > self._paused_at + LATE_END * self._rate:  # the detector missed words after `_paused_at`
            self._since, self._paused_at = now, end
        if self.held is not None and end > self.held:
            self.held = None  # the stt's next endpoint will include these words
        pause = CallerPause(
            words, now - self._since, not tail and self._is_all(end), self.expected, self._score, asked, self._languages
        )
        self.advice, self._advised_at = self._adviser(pause), now
        return [*self._finalize(now), *self._ask_model(now)]

    def finalize(self, now: float) -> list[EarCommand]:
        """Ask the stt for the final words before this pause, if the limits allow it."""
        if not self._finalizes or self._asked >= FINALIZES or now < self._asked_at + FINALIZE_EVERY:
            return []
        self._asked += 1
        self._asked_at = now
        return [Finalize(self._paused_at + round(FINALIZE_AFTER * self._rate))]

    def _knows(self, words: Sequence[Word], tail: bool) -> bool:
        seen, self._seen = self._seen, (*words, tail, self._final_to, self._score, self.expected)
        return seen == self._seen

    def _is_all(self, end: int) -> bool:
        """Whether no more words can come after final words that end at `end`."""
        if self._finalizes:
            return end <= self._final_to
        return end >= self._paused_at - LATE_END * self._rate  # the words reach the end of the speech

    def _finalize(self, now: float) -> list[EarCommand]:
        return self.finalize(now) if self.advice.act is AdviceAct.FINALIZE else []

    def _ask_model(self, now: float) -> list[EarCommand]:
        if not self.advice.melody or not self._scores or self._score_asked_at is not None:
            return []
        self._score_asked_at = now
        return [ScorePause(self._paused_at)]

    @property
    def commit_at(self) -> float:
        """The time at which the advice in force commits the turn; infinity if it does not."""
        if self.advice.act is not AdviceAct.COMMIT:
            return inf
        scored_at = -inf if self._score is not None or self._score_asked_at is None else self._score_asked_at
        return max(self._advised_at, self._since + self.advice.seconds, scored_at + SCORE_WITHIN)

    @property
    def patience(self) -> float:
        """How many seconds a pause must last before an endpoint, or the usual silence, can end the turn."""
        if isinstance(self.expected, float):
            return self.expected
        return _patience(self.advice)

    def settle_time(self, usual: float) -> float:
        """How long the pause must last to end the turn; `usual` is how long it must last if there is no advice and no
        endpoint has been held back."""
        if isinstance(self.expected, float):
            return self.expected
        return max(self.patience, 0.0 if self.held is not None else usual)

    def holds(self, at: int, words: Sequence[Word], now: float) -> bool:
        """Hold back the endpoint at sample `at`, if the advice asks for that; `words` are now final. Returns whether
        the endpoint is held back.
        """
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
        """Why the pause was longer or shorter than the `usual` seconds; None if it was not."""
        if isinstance(self.expected, float):
            return f"the question left {self.expected:g} s for its answer"
        return self.advice.why if self.patience and self.settle_time(usual) != usual else None


def _patience(advice: Advice) -> float:
    return min(advice.seconds, LONGEST_WAIT) if advice.act is AdviceAct.WAIT else 0.0
