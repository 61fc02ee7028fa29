"""Decides whose turn it is: events in, commands out, a deadline as a value, and no clock.

    machine.handle(event, now) -> commands        whenever something happened
    machine.due(now)           -> commands        when `machine.deadline` has passed and nothing happened

The driver obeys each command before it hands over the next event. `voicekit.turn.table` has what happens in which
state, `voicekit.turn.diagram` draws it. The rules that a table cannot show:

**Deadlines** exist in SETTLING (the pause, and the guess before its end), in DOUBTING (the doubt), in WAITING (idle
prompts, if they are on), in HEARING and SETTLING after a cut whose words vanished (the regret; while it runs there is
no other pause), and in HEARING for sound that continues without words (`noise`).

**What ends a turn.** In stt mode an Endpoint, or `max_endpoint_delay + 0.5 s` of pause without one; `settle` is enough
while the transcriber is down, and after the source has ended. In vad mode `settle` or a Finalized, and only in a pause:
a Finalized that comes while the caller speaks is about earlier sound. A pause is counted from the last sign of speech:
the SpeechStopped mark, or a word that sounded after it. So a caller whom the detector can't hear is not cut short, and
words that merely arrive late do not lengthen the pause.

**A question** is what was put back, then what was spoken, then what was typed or keyed, joined with spaces. Everything
is committed together. What was put back is committed again if no more words come.

**Keys that are collected** (CollectKeys) cut as any key does. The next keys are then expected one after the other, in
SETTLING or, over the caller's voice, in HEARING; no Endpoint ends that. The turn that they make, or any other turn,
ends the order.

**A hold by the far side** (CallerHeld) stops every deadline and the sound of the live reply, in every state.

**Speculation**, if the policy enables it, is a part of SETTLING: in a pause, words that have not changed for a while
are guessed to be the whole question, and their reply is begun (Speculate) with the next number. A commit of the same
words uses that number (Confirm); other words, or another reply, discard the guess (Discard). Speech alone does not: a
cough after the words costs no second guess.

**Where the rules seem to disagree**, the following holds:

- WAITING means that both are silent. If a reply ends while the caller makes sounds, the state becomes HEARING, and a
  release keeps listening to the words that follow. So words in WAITING lead to SETTLING, never to HEARING.
- A backchannel never cuts, even if the caller still makes sounds when the doubt ends: the reply is released. Ignored
  words add no weight to others, and a stop-word cuts wherever it stands.
- A release forgets nothing. Words that change after it are judged again. An Endpoint, or the longest pause, closes the
  utterance: it is kept for the end of the reply, or set aside if it was a backchannel. If it is not closed when the
  reply ends, it is answered like any other words; if it was set aside, only if the reply ended in a question, within 3
  s.
- Below `min_words` nothing cuts except a stop-word and the limit of the doubt, at which words that are still coming or
  changing cut. Before the first sound of a reply, one word that is not a backchannel is enough: that cut is inaudible.
- After the end of the source nothing interrupts; words that still come are kept for the end of the reply.
- With `barge_in` off, during a reply that is not interruptible, and while a call is ending, speech has no effect. Lines
  and keys cut even with `barge_in` off; they are kept if the reply is not interruptible, and too late if the call ends.
- A graceful End lets the live reply be played, then the waiting prompts, then its farewell, even over a caller who
  talks. Later prompts are dropped, and a second graceful End has no effect.
- A cut whose words vanish is regretted: the question that was put back, if any, is asked again. The handler is never
  called with a question without words.
- A prompt that is cut is neither repeated nor put back, because the caller had not asked for it.
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


class TurnMachine:
    """The turn-taking of one call.

    `rate` is the ear rate in Hz, `endpoints` whether the transcriber emits Endpoint, and `now` the time at which the
    call begins to wait. All times are seconds of one clock that never goes back. `languages` are those that the
    recogniser expects, for words without a language. `levels` has the level of the sound between two samples, which
    separates the caller from background sound; without it nothing is too faint. `finalizes`: the stt obeys Finalize;
    `scores`: there is a sound model, which answers ScorePause.

    Raises ConfigError for an invalid rate, and for `endpointing="stt"` with a transcriber that emits no Endpoint.
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
        """When to call `due` if nothing happens before; `math.inf` for never."""
        return self._floor.deadline

    @property
    def talking(self) -> bool:
        """Whether the caller is making speech sounds now."""
        return self._floor.speech.talking

    @property
    def live(self) -> int | None:
        """The number of the reply that is being made or spoken."""
        return self._floor.live.turn if self._floor.live is not None else None

    @property
    def guess(self) -> int | None:
        """The number of the reply that is being made as a guess."""
        return self._floor.guesses.live.turn if self._floor.guesses.live is not None else None

    @property
    def caller_has_floor(self) -> bool:
        """Whether the caller speaks, has just paused, or may be about to interrupt."""
        return self.state in (TurnState.HEARING, TurnState.SETTLING, TurnState.DOUBTING)

    @property
    def held(self) -> bool:
        """Whether the far side has put the caller on hold, so that no time passes for the call."""
        return self._floor.held_since is not None

    @property
    def ending(self) -> str | None:
        """The reason for a graceful end in progress, or None."""
        return self._floor.ending

    @property
    def limited(self) -> bool:
        """Whether the call ends because of its longest duration or the longest silence."""
        return self._floor.limited

    def handle(self, event: Signal, now: float) -> list[TurnCommand]:
        """The commands that follow from `event`, in order. TypeError if it is not a signal; late news about a reply is
        ignored.
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
        """The caller has heard the first `said_to` characters of `said`, the live reply's whole text so far."""
        self._floor.whose.follow(said, said_to, now)

    def due(self, now: float) -> list[TurnCommand]:
        """The commands for when nothing happened until `deadline`; none before that time."""
        self._floor.now = now
        return self._move(Column.DEADLINE, None) if now >= self.deadline else []

    def take_decisions(self) -> list[Decided]:
        """The decisions since the last call, with their reasons."""
        taken, self._floor.decisions = self._floor.decisions, []
        return taken

    def _remember(self, event: Signal, now: float) -> bool:
        """What an event means in every state. False for a sound that is not the caller's, and so no event."""
        floor = self._floor
        if isinstance(event, SpeechStarted) and not floor.source_ended:
            floor.whose.clock.note(event.at, now)
            return floor.start_speech(event)
        if isinstance(event, SpeechStopped):
            if floor.speech.talking:
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
        """Whether `event` is about a reply that is no longer, or never was, live."""
        about = Audible | HeardSoFar | ReplyDone | ReplyFailed | AnswerExpected
        return isinstance(event, about) and event.turn != self.live

    def _move(self, column: Column, event: Signal | None) -> list[TurnCommand]:
        TABLE[self.state][column].move(self._floor, event)
        self._floor.consult()
        taken, self._floor.commands = self._floor.commands, []
        return taken
