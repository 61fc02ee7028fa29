"""Decides whose turn it is: events in, commands out, a deadline as a value, and no clock.

    machine.handle(event, now) -> commands        whenever something happened
    machine.due(now)           -> commands        when `machine.deadline` has passed and nothing happened

The driver obeys each command before it hands over the next event. `voicekit.turn.table` has what happens in which
state, `voicekit.turn.diagram` draws it. The rules that a table cannot show:

**Deadlines** exist in SETTLING (the pause, and before its end the guess that it is over), in DOUBTING (the doubt), in
WAITING (idle prompts, when they are on), in HEARING and SETTLING after a cut whose words are gone (the regret; while it
runs there is no other pause), and in HEARING for sound that goes on without words (`noise`).

**Who ends a turn.** In stt mode an Endpoint, and `max_endpoint_delay + 0.5 s` of pause where none comes; `settle` is
enough while the transcriber is down, and after the source has ended. In vad mode `settle` or a Finalized, and only in a
pause: a Finalized that comes while the caller speaks answers for sound before that. A pause is counted from the last
sign of speech: the SpeechStopped mark, or a word that sounded after it, so that a caller whom the detector cannot hear
is not cut short, while words that merely arrive late do not lengthen the pause.

**A question** is what was put back, then what was spoken, then what was typed or keyed, a space between. All that is
there is committed together. What is put back is committed again when no more words come.

**Keys that are collected** (CollectKeys) cut as any key does, and are then waited for one after the other, in SETTLING
or over the caller's voice in HEARING; no Endpoint ends that. The turn that they make, or any other, ends the order.

**A hold by the far side** (CallerHeld) stops every deadline and the sound of the live reply, in whatever state.

**Speculation**, where the policy has it, is a part of SETTLING: in a pause, words that have stood for a while are
guessed to be the whole question, and their reply is begun (Speculate) with the number that is next. The commit of the
same words uses the number up (Confirm); other words, or another reply, throw it away (Discard). Speech alone does not:
a cough that follows costs no second guess.

**Where the rules seemed to disagree**, this is what holds:

- WAITING means silence from both. A reply that ends while the caller makes sounds leads to HEARING from every state,
  and a release keeps listening to the words that follow. Hence words in WAITING lead to SETTLING, never to HEARING.
- A backchannel never cuts, also when the caller still makes sounds as the doubt ends: the reply is released. Ignored
  words add no weight to others, and a stop-word cuts wherever it stands.
- A release forgets nothing. Words that change after it are judged again; an Endpoint, or the longest pause, closes the
  utterance: it is kept for the end of the reply, or set aside if it was a backchannel. What is not closed when the
  reply ends is answered like any other words; what was set aside, only if the reply ended in a question, within 3 s.
- Below `min_words` nothing cuts but a stop-word and the cap of the doubt, at which words that still come or may still
  change cut. Before the first sound of a reply one word that is no backchannel is enough: that cut is inaudible.
- After the end of the source nothing interrupts; words that are still to come are kept for the end of the reply.
- `barge_in` off, a reply that is not interruptible, and a call that is ending are deaf to speech. Lines and keys cut
  even with `barge_in` off; they are kept where the reply is not interruptible, and too late where the call is ending.
- A graceful End lets the live reply be played, then the prompts that wait, then its farewell, also over a caller who
  talks. Prompts that come after it are dropped, and a second graceful End changes nothing.
- A cut whose words vanish again is regretted: the question that was put back is asked again, if there is one. Nobody
  is asked a question without words.
- A prompt that is cut is not repeated, nor put back: the caller had not asked for it.
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

    `rate` is the ear rate in Hz, `endpoints` whether the transcriber declares that it emits Endpoint, and `now` the
    time at which the call begins to wait. All times are seconds of one clock that never goes back. `languages` are
    those that the recogniser expects, for words that come without a language. `levels` has the level of the
    sound between two samples, to separate the caller from background; without it nothing is too soft. `finalizes`:
    the stt obeys Finalize; `scores`: there is a sound model, which answers ScorePause.
    Raises ConfigError for a rate that is none, and for `endpointing="stt"` with a transcriber that emits no Endpoint.
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
            raise ConfigError(f"turn machine: expected an ear rate above 0 Hz, got {rate!r}")
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
        """Whether the caller makes speech sounds right now."""
        return self._floor.speech.talking

    @property
    def live(self) -> int | None:
        """The number of the reply that is being made or spoken."""
        return self._floor.live.turn if self._floor.live is not None else None

    @property
    def guess(self) -> int | None:
        """The number of the reply that is being made on a guess."""
        return self._floor.guesses.live.turn if self._floor.guesses.live is not None else None

    @property
    def caller_has_floor(self) -> bool:
        """Whether the caller speaks, has just paused, or may be about to interrupt."""
        return self.state in (TurnState.HEARING, TurnState.SETTLING, TurnState.DOUBTING)

    @property
    def held(self) -> bool:
        """Whether the far side has put the caller on hold: no time passes for the call then."""
        return self._floor.held_since is not None

    @property
    def ending(self) -> str | None:
        """Why the call is to end gracefully; None while it is not."""
        return self._floor.ending

    @property
    def limited(self) -> bool:
        """Whether the call ends because of its longest duration or the longest silence."""
        return self._floor.limited

    def handle(self, event: Signal, now: float) -> list[TurnCommand]:
        """What to do about `event`, in order. TypeError for what is no signal; stale news of a reply is ignored."""
        column = column_of(event)
        floor = self._floor
        floor.now = now
        if self._is_stale(event):
            return []
        if not self._remember(event, now):
            return []
        return self._move(column, event)

    def follow(self, said: str, said_to: int, now: float) -> None:
        """The caller has heard the first `said_to` characters of `said`, the whole text of the live reply so far."""
        self._floor.whose.follow(said, said_to, now)

    def due(self, now: float) -> list[TurnCommand]:
        """What to do because nothing happened until `deadline`; nothing while that lies ahead."""
        self._floor.now = now
        return self._move(Column.DEADLINE, None) if now >= self.deadline else []

    def take_decisions(self) -> list[Decided]:
        """What was decided since the last call, and why: a line each."""
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
        """Whether `event` is about a reply that is no longer, or never was, alive."""
        about = Audible | HeardSoFar | ReplyDone | ReplyFailed | AnswerExpected
        return isinstance(event, about) and event.turn != self.live

    def _move(self, column: Column, event: Signal | None) -> list[TurnCommand]:
        TABLE[self.state][column].move(self._floor, event)
        self._floor.consult()
        taken, self._floor.commands = self._floor.commands, []
        return taken
