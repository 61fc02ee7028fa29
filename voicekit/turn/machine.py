"""Decides whose turn it is: takes events, returns commands, sets a deadline, and reads no clock.

    machine.handle(event, now) -> commands        whenever there is an event
    machine.due(now)           -> commands        when `machine.deadline` has passed without an event

The driver carries out each command before it hands over the next event. The table in `voicekit.turn.table` shows what
each event does in each state; `voicekit.turn.diagram` draws it. These are the rules that a table cannot show:

**Deadlines** exist in SETTLING (the end of the pause, and a guess before it), in DOUBTING (the end of the doubt), in
WAITING (idle prompts, if they are on), in HEARING for sound that continues without words (`noise`), and in HEARING and
SETTLING if the words that caused a cut have vanished (the regret, which then replaces all other deadlines in these
states).

**The end of a turn.** In stt mode, the turn ends with an Endpoint or, if none arrives, with a pause of
`max_endpoint_delay + 0.5 s`; while the transcriber is down, and after the source has ended, a pause of `settle` is
enough. In vad mode, a pause of `settle` ends the turn, and so does a Finalized, but only in a pause: one that arrives
while the caller is speaking is about earlier audio. A pause is counted from the last sign of speech: the SpeechStopped
mark, or a word that was spoken after this mark. So a caller whom the detector can't hear is not cut short, and words
that merely arrive late do not lengthen the pause.

**A question** consists of a question that was put back, then spoken words, then typed lines and keys, joined with
spaces. All parts are committed together. A question that was put back is committed again even without further words.

**Keys that are collected** (CollectKeys) cut a reply as any key does. The next keys are then awaited one after the
other, in SETTLING, or in HEARING if the caller is making sounds; an Endpoint does not end the collection, but any turn
does, even one without keys.

**A hold by the far side** (CallerHeld) stops every deadline and the sound of the live reply, in every state.

**Speculation**, if the policy enables it, is a part of SETTLING: in a pause, words that have not changed for a while
are guessed to be the whole question, and a reply to them is begun (Speculate), with the next reply's number. A commit
of the same words uses this number (Confirm); other words, or another reply, discard the guess (Discard). Sound without
words does not discard the guess, so a cough after the words does not make a second guess necessary.

**Rules for cases in which other rules seem to disagree:**

- In WAITING, neither the caller nor the bot is making a sound. If a reply ends while the caller is making sounds, the
  state becomes HEARING. So words that arrive in WAITING lead to SETTLING, never to HEARING.
- A backchannel never cuts, even if the caller is still making sounds when the doubt ends: the reply is released.
  Ignored words add no weight to other words, and a stop-word cuts wherever it is in the utterance.
- No words are forgotten when a reply is released. Words that change afterwards are judged again. An Endpoint, or the
  longest pause, closes the utterance: it is kept for the end of the reply, or set aside if it was a backchannel. An
  utterance that is not closed when the reply ends is answered like any other words. An utterance that was set aside is
  answered only if it came in the last 3 s of the reply and the reply ended in a question.
- Fewer than `min_words` words cut in only two cases: if one of them is a stop-word, or if words are still arriving or
  changing at the limit of the doubt. Before the first sound of a reply, one word that is not a backchannel is enough,
  since this cut is inaudible.
- After the source has ended, nothing interrupts a reply; words that still arrive are kept for the end of the reply.
- Speech has no effect if `barge_in` is off, during a reply that is not interruptible, and while a call is ending. Typed
  lines and keys cut even with `barge_in` off. If the reply is not interruptible, they are kept for its end; if the call
  is ending, they are ignored.
- After a graceful End, the live reply, the waiting prompts and the End's farewell are still played, even if the caller
  is talking. Later prompts are dropped, and a second graceful End has no effect.
- If the words that caused a cut vanish, the cut is regretted: the question that was put back, if any, is asked again.
  The handler is never called with a question without words.
- A prompt that is cut is neither repeated nor put back, because the caller did not ask for it.
"""

from __future__ import annotations

from collections.abc import Sequence

from voicekit.errors import ConfigError
from voicekit.events import (
    AnswerExpected,
    Audible,
    Decided,
    Endpoint,
    Finalized,
    HeardSoFar,
    Progress,
    ReplyDone,
    ReplyFailed,
    Signal,
    SpeechStarted,
    SpeechStopped,
    TurnCommand,
)
from voicekit.turn.memory import TurnMemory
from voicekit.turn.policy import Policy
from voicekit.turn.states import Column, TurnState, column_of
from voicekit.turn.table import TABLE
from voicekit.turn.whose import Levels

__all__ = ["TurnState", "TurnMachine"]

_ABOUT_A_REPLY = (Audible, HeardSoFar, ReplyDone, ReplyFailed, AnswerExpected)


class TurnMachine:
    """Decides the turn-taking of one call.

    `rate` is the sample rate of the caller's audio in Hz, `endpoints` is whether the transcriber emits Endpoints, and
    `now` is the time at which the call begins, in WAITING. All times are in seconds on one clock that never goes back.
    `languages` are the languages that the recogniser expects, for words whose language is unknown. `levels` returns the
    level of the audio between two samples, which distinguishes the caller from background sound; without `levels`, no
    sound counts as too faint. `finalizes` is whether the stt responds to Finalize, and `scores` is whether there is a
    sound model that answers ScorePause.

    Raises ConfigError for an invalid rate, and for `endpointing="stt"` with a transcriber that emits no Endpoints.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        rate: int,
        endpoints: bool,
        now: float,
        languages: Sequence[str] = (),
        levels: Levels | None = None,
        finalizes: bool = False,
        scores: bool = False,
    ) -> None:
        if rate <= 0:
            raise ConfigError(f"turn machine: expected a sample rate above 0 Hz, got {rate!r}")
        endpointing = policy.turn.endpointing
        if endpointing == "stt" and not endpoints:
            raise ConfigError(
                "TurnPolicy.endpointing: 'stt' needs an stt that detects endpoints, but this one does "
                "not; use 'auto' or 'vad'"
            )
        stt = endpoints if endpointing == "auto" else endpointing == "stt"
        self._floor = TurnMemory(
            policy,
            rate=rate,
            stt=stt,
            now=now,
            languages=languages,
            levels=levels,
            finalizes=finalizes,
            scores=scores,
        )

    @property
    def state(self) -> TurnState:
        return self._floor.state

    @property
    def deadline(self) -> float:
        """The time at which to call `due` if there is no event before that; `math.inf` means never."""
        return self._floor.deadline

    @property
    def talking(self) -> bool:
        """Whether the caller is making speech sounds."""
        return self._floor.speech.talking

    @property
    def live(self) -> int | None:
        """The number of the reply that is being produced or spoken; None if there is no such reply."""
        return self._floor.live.turn if self._floor.live is not None else None

    @property
    def guess(self) -> int | None:
        """The number of the reply that is being produced as a guess; None if no guess is live."""
        return self._floor.guesses.live.turn if self._floor.guesses.live is not None else None

    @property
    def caller_has_floor(self) -> bool:
        """Whether the caller is speaking, has just paused, or may be about to interrupt."""
        return self.state in (TurnState.HEARING, TurnState.SETTLING, TurnState.DOUBTING)

    @property
    def held(self) -> bool:
        """Whether the far side has put the caller on hold. While it has, the call's clock stands still."""
        return self._floor.held_since is not None

    @property
    def ending(self) -> str | None:
        """The reason for the graceful end in progress; None if no graceful end was requested."""
        return self._floor.ending

    @property
    def limited(self) -> bool:
        """Whether the call is ending because it has lasted too long, or because the caller has been silent for too
        long."""
        return self._floor.limited

    def handle(self, event: Signal, now: float) -> list[TurnCommand]:
        """Take `event` and return the resulting commands, in order. Raises TypeError if `event` is not a signal. Late
        events about a reply are ignored.
        """
        column = column_of(event)
        floor = self._floor
        floor.now = now
        if self._is_stale(event):
            return []
        if not self._remember(event, now):
            return []
        return self._move(column, event)

    def follow(self, said: str, said_to: int, now: float) -> None:
        """Record that the caller has heard the first `said_to` characters of `said`, the live reply's whole text so
        far."""
        self._floor.whose.follow(said, said_to, now)

    def due(self, now: float) -> list[TurnCommand]:
        """Return the commands that result if there was no event by `deadline`; before that time, there are none."""
        self._floor.now = now
        return self._move(Column.DEADLINE, None) if now >= self.deadline else []

    def take_decisions(self) -> list[Decided]:
        """Return the decisions made since this was last called, with their reasons."""
        taken, self._floor.decisions = self._floor.decisions, []
        return taken

    def _remember(self, event: Signal, now: float) -> bool:
        """Note what an event means in every state. Returns False for a sound that is not the caller's, which is then
        ignored."""
        floor = self._floor
        if isinstance(event, SpeechStarted) and not floor.source_ended:
            floor.whose.clock.note(event.at, now)
            return floor.start_speech(event)
        if isinstance(event, SpeechStopped):
            if floor.speech.talking:  # otherwise the sound that now stops was not the caller's
                floor.settling_since = now
                floor.speech.stop(event)
                floor.advising.pause(event.at, now)
        elif isinstance(event, Progress):
            floor.pass_by(event.final_to)
            floor.whose.clock.note(event.final_to, now)
        elif isinstance(event, Endpoint | Finalized):
            floor.pass_by(event.at)
            floor.advising.finalized(event)
        return True

    def _is_stale(self, event: Signal) -> bool:
        """Whether `event` is about a reply that is not live."""
        return isinstance(event, _ABOUT_A_REPLY) and event.turn != self.live

    def _move(self, column: Column, event: Signal | None) -> list[TurnCommand]:
        TABLE[self.state][column].move(self._floor, event)
        self._floor.consult()
        taken, self._floor.commands = self._floor.commands, []
        return taken
