"""A conversation with the turn machine as text: events go in at stated seconds, commands come out as lines.

The ear rate is 1,000 Hz, so positions in the sound are milliseconds.
"""

from __future__ import annotations

from voicekit.events import (
    AmendTurn,
    Audible,
    Confirm,
    CutReply,
    Discard,
    Endpoint,
    Final,
    Finalize,
    Finalized,
    HoldOutput,
    Interim,
    ReleaseOutput,
    ScorePause,
    Signal,
    Speculate,
    SpeechStarted,
    SpeechStopped,
    StartReply,
    TurnCommand,
    Word,
)
from voicekit.turn.machine import TurnMachine, TurnState
from voicekit.turn.policy import InterruptPolicy, Policy, TurnPolicy
from voicekit.turn.whose import Levels

RATE = 1_000

VAD_MODE = Policy(turn=TurnPolicy(endpointing="vad"))
NO_BARGE_IN = Policy(interrupt=InterruptPolicy(barge_in=False))


class Talk:
    """Drives a machine as the conductor does, deadlines included, and keeps a line for each command."""

    def __init__(
        self,
        policy: Policy | None = None,
        *,
        endpoints: bool = True,
        finalizes: bool = False,
        scores: bool = False,
        levels: Levels | None = None,
    ) -> None:
        self.machine = TurnMachine(
            policy or Policy(),
            rate=RATE,
            endpoints=endpoints,
            now=0.0,
            levels=levels,
            finalizes=finalizes,
            scores=scores,
        )
        self.lines: list[str] = []

    def at(self, now: float, *events: Signal) -> Talk:
        """Let the time pass to `now`, then hand over `events`."""
        self.until(now)
        for event in events:
            self._keep(now, self.machine.handle(event, now))
        return self

    def until(self, now: float) -> Talk:
        """Let the time pass to `now`, and each deadline on the way be met."""
        while self.machine.deadline <= now:
            due = self.machine.deadline
            self._keep(due, self.machine.due(due))
        return self

    def take(self) -> list[str]:
        """The lines since the last time."""
        taken, self.lines = self.lines, []
        return taken

    def decisions(self) -> list[str]:
        return [f"{decided.what}: {decided.why}" for decided in self.machine.take_decisions()]

    def says(self, now: float, said: str, said_to: int | None = None) -> Talk:
        """The reply is heard: the first `said_to` characters of `said`, or all of it."""
        self.until(now)
        self.machine.follow(said, len(said) if said_to is None else said_to, now)
        return self

    @property
    def state(self) -> TurnState:
        return self.machine.state

    def _keep(self, now: float, commands: list[TurnCommand]) -> None:
        self.lines += [f"{now:.2f} {shown(command)}" for command in commands]


def shown(command: TurnCommand) -> str:
    match command:
        case StartReply(turn, text, reason, script, interruptible):
            how = "" if interruptible else ", not to be interrupted"
            return f"start {turn} {reason} {text!r}" + ("" if script is None else f" says {script!r}") + how
        case AmendTurn(turn, text):
            return f"amend {turn} {text!r}"
        case Speculate(turn, text):
            return f"speculate {turn} {text!r}"
        case Confirm(turn, text):
            return f"confirm {turn} {text!r}"
        case Discard(turn):
            return f"discard {turn}"
        case CutReply(turn):
            return f"cut {turn}"
        case HoldOutput(turn):
            return f"hold {turn}"
        case ReleaseOutput(turn):
            return f"release {turn}"
        case Finalize(at):
            return f"finalize to {at / RATE:.2f}"
        case ScorePause(at):
            return f"score the pause at {at / RATE:.2f}"


def samples(seconds: float) -> int:
    return round(seconds * RATE)


def started(at: float) -> SpeechStarted:
    return SpeechStarted(samples(at))


def stopped(at: float) -> SpeechStopped:
    return SpeechStopped(samples(at))


def endpoint(at: float) -> Endpoint:
    return Endpoint(samples(at))


def finalized(at: float) -> Finalized:
    return Finalized(samples(at))


def words(text: str, at: float, each: float = 0.3) -> tuple[Word, ...]:
    """The words of `text`, one after the other from `at` on."""
    return tuple(
        Word(f" {word}", samples(at + place * each), samples(at + (place + 1) * each))
        for place, word in enumerate(text.split())
    )


def interim(text: str, at: float = 0.0) -> Interim:
    return Interim(words(text, at))


def final(text: str, at: float) -> Final:
    return Final(words(text, at))


def asked(policy: Policy | None = None) -> Talk:
    """A talk whose first question, "good morning" from 0.0 to 0.6, has reply 1 in the making since 1.2, in any mode."""
    talk = Talk(policy)
    talk.at(0.1, started(0.0)).at(0.7, interim("good morning")).at(0.9, final("good morning", 0.0), stopped(0.6))
    talk.at(1.2, finalized(0.6), endpoint(0.6))
    assert talk.take() == ["1.20 start 1 speech 'good morning'"]
    talk.decisions()
    return talk


def answered(policy: Policy | None = None) -> Talk:
    """The same, and reply 1 can be heard since 1.5."""
    return asked(policy).at(1.5, Audible(1))
