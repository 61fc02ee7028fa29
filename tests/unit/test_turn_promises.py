"""What callers are promised in every conversation: no word is lost, and nothing but words takes the floor from a reply.

The words of a conversation change, come late, out of order or corrected; replies are held, let go, and end at any
instant. In each the promises are checked from outside, after every single event.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from tests.counts import count
from tests.unit.strategies import POLICIES, Step, World, conversations
from tests.unit.test_turn_properties import Witness
from voicekit.events import (
    CallerHeld,
    Confirm,
    CutReply,
    Decided,
    Discard,
    Endpoint,
    Final,
    Finalized,
    HoldOutput,
    Interim,
    ReleaseOutput,
    Signal,
    Speculate,
    StartReply,
    TurnAct,
    TurnCommand,
    Word,
)
from voicekit.turn.machine import TurnState
from voicekit.turn.phrases import InterruptionWeigher

ACTS: dict[type, tuple[TurnAct, ...]] = {
    StartReply: (TurnAct.COMMIT, TurnAct.PROMPT),
    Confirm: (TurnAct.CONFIRM,),
    Speculate: (TurnAct.SPECULATE,),
    Discard: (TurnAct.DISCARD,),
    CutReply: (TurnAct.CUT,),
    HoldOutput: (TurnAct.HOLD,),
    ReleaseOutput: (TurnAct.RELEASE,),
}
GRAIN = 1e-6


class Promises:
    """Follows one conversation. It is told of each event before and after the machine has handled it."""

    def __init__(self, name: str) -> None:
        self.policy = POLICIES[name].interrupt
        self.weigher = InterruptionWeigher(self.policy)
        self.witness = Witness(POLICIES[name])
        self.world: World = self.witness.world
        self.world._seen = self.see
        self.held_since = 0.0
        self.far_since: float | None = None
        self.ended = False
        self.due: set[int] = set()

    def take(self, step: Step) -> None:
        self.ended = self.ended or step.name in ("graceful end", "farewell", "end at once", "hangup")
        self.world.take(step)
        self.ended = self.ended or self.world.machine.ending is not None  # the longest silence ends the call too
        if self.world.machine.state is not TurnState.CLOSED:  # words after the end of the call do not count
            self.due |= self.world.said

    def see(self, before: TurnState, event: Signal | None, commands: list[TurnCommand]) -> None:
        self.witness.see(before, event, commands)
        decisions = self.world.machine.take_decisions()
        self.check_explained(commands, decisions)
        if isinstance(event, CallerHeld):
            self.far_hold()
            return
        for decision in decisions:
            if decision.act is TurnAct.HOLD:
                self.held_since = self.world.now
            elif decision.act is TurnAct.RELEASE:
                self.check_release(event)
            elif decision.act is TurnAct.CUT and (event is None or isinstance(event, Interim | Final)):
                assert self.weigher.weight(self.noted) or self.weigher.cuts(self.noted), "a cut without words"
        if self.world.machine.state is TurnState.DOUBTING and not self.world.machine.held:
            latest = self.held_since + self.policy.doubt
            assert self.world.now <= self.world.machine.deadline <= latest + GRAIN, "a doubt beyond its cap"

    def far_hold(self) -> None:
        """Time in which the far side holds the call does not count, not even that of a doubt which begins in it."""
        if self.world.machine.held and self.far_since is None:
            self.far_since = self.world.now
        elif not self.world.machine.held and self.far_since is not None:
            self.held_since += self.world.now - self.far_since
            self.far_since = None

    def check_explained(self, commands: list[TurnCommand], decisions: list[Decided]) -> None:
        """Each command that changes the course of the call has its decision, in order, with a reason."""
        assert all(decision.why for decision in decisions)
        told = iter(decisions)
        for command in commands:
            # A second hold was explained by the first.
            held_anyway = isinstance(command, HoldOutput) and self.world.machine.held
            if type(command) in ACTS and not held_anyway:
                assert any(decision.act in ACTS[type(command)] for decision in told), f"nothing explains {command}"

    def check_release(self, event: Signal | None) -> None:
        """While words are being said, or may change, only the end of the call lets a reply go on."""
        floor = self.world.machine._floor
        if self.ended or floor.source_ended:
            return
        pending = self.weigher.weight(self.noted) and (floor.book.noted.tail or floor.speech.talking)
        assert not pending or isinstance(event, Endpoint | Finalized), "a release while words are pending"

    @property
    def noted(self) -> list[Word]:
        return self.world.machine._floor.book.noted.words

    def check_words(self) -> None:
        """Each final word that is no backchannel is in one turn, and no misheard one is left where it was corrected."""
        for n in self.due:
            turns = self.witness.turns_of(f"w{n}")
            assert self.witness.turns_of(f"m{n}") == [], f"m{n} was corrected"
            if n % 2 == 1:
                assert turns, f"w{n} is lost"
            *earlier, _ = [0, *turns]
            assert all(turn == 0 or self.witness.unheard(turn) for turn in earlier), f"w{n} is in two turns"


@pytest.mark.full_counts
@pytest.mark.slow
@settings(max_examples=count(5_000), deadline=None)
@given(conversations())
def test_the_promises_hold(conversation: tuple[str, list[Step]]) -> None:
    """No word is lost or doubled, only words cut, no release overtakes a word, and every doubt ends and says why."""
    name, steps = conversation
    promises = Promises(name)
    for step in steps:
        promises.take(step)
    promises.world.settle()
    if not promises.ended:
        promises.check_words()
