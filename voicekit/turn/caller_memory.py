"""What the turn machine knows about the caller: sounds and words, who spoke the words, and which words are kept for
later.

This is the lower half of the turn machine's memory. The upper half, `voicekit.turn.memory`, is the only code that
changes the state of the call. `now` is set before each event; nothing here reads a clock.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from voicekit.events import Decided, Final, Interim, SpeechStarted, TurnAct, TurnCommand, Word
from voicekit.turn.advising import LATE_END
from voicekit.turn.doubt import Doubt, DoubtVerdict, Evidence, judge
from voicekit.turn.phrases import InterruptionWeigher
from voicekit.turn.policy import Policy
from voicekit.turn.speech import CallerSpeech
from voicekit.turn.states import TurnState
from voicekit.turn.whose import PRESUMED_DBFS, Levels, Whose
from voicekit.turn.words import PendingQuestion, QuestionMemory
from voicekit.writing import letters

# When words become final, their times move by at most this many seconds.
NEAR = 0.4

# For this many seconds after a reply, its echo may still be recognised.
ECHO_ENDS = 2.0

# A sample number beyond the end of any sound.
NEWEST = 1 << 62

# A "yes" within this many seconds before the end of a question counts as its answer.
ANSWERS_WITHIN = 3.0


@dataclass(slots=True)
class LiveReply:
    """The reply that is being produced or spoken; there is at most one."""

    turn: int
    question: PendingQuestion | None
    interruptible: bool
    audible: bool = False


class CallerMemory:
    """What is known about the caller's side of one call."""

    def __init__(
        self,
        policy: Policy,
        *,
        rate: int,
        stt: bool,
        now: float,
        languages: Sequence[str] = (),
        levels: Levels | None = None,
    ) -> None:
        self.policy = policy
        self.rate = rate
        self.stt = stt
        self.now = now
        self.state = TurnState.WAITING
        self.live: LiveReply | None = None
        self.speech = CallerSpeech(rate)
        self.book = QuestionMemory(round(NEAR * rate))
        self.scales = InterruptionWeigher(policy.interrupt, languages)
        self.whose = Whose(policy.interrupt, rate, levels)
        self.doubt = Doubt()
        self.ears_down = False
        self.source_ended = False
        self.settling_since = now  # the time of the last sign of speech
        self.aside_since = now  # the time of the last words that were set aside
        self.sounded_at = -ECHO_ENDS  # the time at which the last reply ended
        self.passed = 0  # the recogniser has reported everything up to this sample
        self.overheard_to = 0  # the end of the words that were not the caller's
        self.commands: list[TurnCommand] = []
        self.decisions: list[Decided] = []

    @property
    def reply(self) -> LiveReply:
        """The live reply. Use this only in states that have one."""
        assert self.live is not None, f"no live reply in {self.state}"
        return self.live

    @property
    def settle_time(self) -> float:
        """How long a pause must last to end the turn. It is shorter than usual when there is no point in waiting for an
        Endpoint, because the stt is down or has ended, or hears somebody who keeps talking in the background.
        """
        if not self.stt or self.ears_down or self.source_ended:
            return self.policy.turn.settle
        overheard = self.overheard_to > 0 and self.overheard_to > self.book.noted.end
        return self.policy.turn.settle if overheard else self.policy.turn.fallback

    def decide(self, act: TurnAct, why: str, turn: int | None = None, about: str | None = None) -> None:
        self.decisions.append(Decided(act, turn, why, about))

    def hear(self, event: Interim | Final) -> Sequence[PendingQuestion]:
        """Remember the words of `event`, and return the questions that they amend.

        A word that was spoken later than everything known so far is a sign of speech, so the pause starts again.
        Recognisers time the end of a word only roughly, so a small difference does not count.
        """
        self.close_stale()
        known = max(self.book.noted.end, self.speech.stopped_at)
        words = self._own_words(event)
        amended: Sequence[PendingQuestion] = ()
        if isinstance(event, Interim):
            self.book.hear_tail(words)
        else:
            self.pass_by(max((word.end for word in event.words), default=0))
            amended = self.book.hear_finals(words)
        if self.book.noted.end > known + (0 if self.speech.talking else LATE_END * self.rate):
            self.settling_since = self.now
        return amended

    def _own_words(self, event: Interim | Final) -> Sequence[Word]:
        """The words of `event` that may be the caller's; if the others are final, they are reported with a reason."""
        if not event.words:
            return event.words
        tail = self.book.noted.tail if isinstance(event, Final) else ()
        end = event.words[-1].end
        said = [*event.words, *self.book.noted.finals, *(word for word in tail if word.start >= end)]
        foreign, why = self.whose.foreign(
            said,
            replying=self.live is not None or self.now < self.sounded_at + ECHO_ENDS,
            quiet_from=math.inf if self.speech.talking else self.speech.stopped_at,
        )
        self.overheard_to = max([self.overheard_to, *(said[place].end for place in foreign)])
        if foreign and isinstance(event, Final):
            self.decide(TurnAct.IGNORE, f"{len(foreign)} words: {why}", self.live.turn if self.live else None)
        return [word for place, word in enumerate(event.words) if place not in foreign]

    def pass_by(self, at: int) -> None:
        """Record that the recogniser has processed all audio up to sample `at`."""
        self.passed = max(self.passed, at)

    def close_utterance(self, upto: int) -> None:
        """Record that an utterance during a reply is complete up to sample `upto`: it is kept for later, unless it was
        only a backchannel.
        """
        over = [word for word in self.book.noted.finals if word.start < upto]
        if over:
            self.book.close(upto, keep=self.scales.weight(over) > 0)
            self.aside_since = self.settling_since
            self.doubt.let_pass = letters(self.book.noted.text)

    def close_stale(self) -> None:
        """Close an utterance if the recogniser has not reported its end, but the caller has paused for long enough."""
        noted = self.state in (TurnState.REPLYING, TurnState.SPEAKING) and self.book.noted
        if noted and not self.speech.talking and self.now - self.settling_since >= self.settle_time:
            self.close_utterance(noted.end + 1)

    def judge(self, *, talking: bool | None = None) -> DoubtVerdict:
        """Whether the caller interrupts the live reply; `talking` is whether the detector hears speech."""
        noted, speech = self.book.noted, self.speech
        least = self.policy.interrupt.min_words if self.reply.audible else 1
        sounds = speech.talking if talking is None else talking
        evidence = Evidence(noted.words, bool(noted.tail), sounds, speech.stopped_at, self.passed, self.rate)
        return judge(self.scales, evidence, least)

    def start_speech(self, mark: SpeechStarted) -> bool:
        """Record that speech has begun, unless it is too faint to be the caller's. Returns whether the speech was
        noted."""
        presumed = PRESUMED_DBFS if self.live is not None else self.whose.loud(self.book.noted.words)
        if why := self.whose.why_faint(mark.at, NEWEST, presumed=presumed):
            self.decide(TurnAct.IGNORE, f"sound {why}", self.live.turn if self.live is not None else None)
            self.whose.faint_from = min(self.whose.faint_from, mark.at - round(NEAR * self.rate))
            return False
        self.whose.faint_from = math.inf
        self.speech.start(mark, self.now)
        return True

    def recall_answer(self) -> None:
        """If the reply has just ended in a question, let a "yes" that was set aside as a backchannel count as the
        answer."""
        if self.book.aside and self.whose.asked and self.now - self.aside_since <= ANSWERS_WITHIN:
            self.book.recall()
