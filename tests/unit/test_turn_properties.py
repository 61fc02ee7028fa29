"""What holds in every conversation, however the events fall: the invariants, over thousands of random ones."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings

from tests.counts import count
from tests.unit.strategies import POLICIES, Step, World, conversations
from voicekit.events import (
    AmendTurn,
    Audible,
    Confirm,
    CutReply,
    Discard,
    Finalize,
    HoldOutput,
    ReleaseOutput,
    ReplyDone,
    ReplyFailed,
    ScorePause,
    Signal,
    Speculate,
    StartReply,
    TurnCommand,
)
from voicekit.turn.advising import FINALIZE_EVERY, FINALIZES
from voicekit.turn.machine import TurnState
from voicekit.turn.policy import Policy
from voicekit.turn.states import Column, column_of
from voicekit.turn.table import TABLE
from voicekit.writing import letters

LIVING = {TurnState.REPLYING, TurnState.SPEAKING, TurnState.DOUBTING}
GUESSING = {TurnState.HEARING, TurnState.SETTLING}


class Witness:
    """Follows one conversation from outside and objects to what must never happen."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.world = World(policy, self.see)
        self.turn = 0
        self.live: int | None = None
        self.held = False
        self.heard: set[int] = set()  # replies that were at least partly heard
        self.cut: set[int] = set()
        self.texts: dict[int, str] = {}
        self.guess: Speculate | None = None
        self.guesses = 0  # how many guesses since the last reply began
        self.finalizes: list[float] = []  # the times of the previous turn's last request, and of this turn's requests
        self.answered = 0  # how many of these requests belong to the previous turn

    def see(self, before: TurnState, event: Signal | None, commands: list[TurnCommand]) -> None:
        self._follow(event)
        assert not commands or before is not TurnState.CLOSED, "a command after the end"
        for command in commands:
            self._obey(command)
        self._check_state(before, event)

    def _follow(self, event: Signal | None) -> None:
        if isinstance(event, Audible) and event.turn == self.live:
            self.heard.add(event.turn)
        elif isinstance(event, ReplyDone | ReplyFailed) and event.turn == self.live:
            self.live = None

    def _obey(self, command: TurnCommand) -> None:
        if isinstance(command, Speculate | Discard):
            self._obey_about_guess(command)
        elif isinstance(command, Finalize | ScorePause):
            self._ask(command)
        elif isinstance(command, StartReply | Confirm):
            self._begin(command)
        elif isinstance(command, AmendTurn):
            assert self.texts[command.turn] != command.text, "an amendment that changes nothing"
            self.texts[command.turn] = command.text
        else:
            self._obey_about_live(command)

    def _ask(self, command: Finalize | ScorePause) -> None:
        machine = self.world.machine
        if isinstance(command, Finalize):
            assert machine.state in (TurnState.SETTLING, TurnState.DOUBTING), "only a pause or a doubt is judged"
            assert self.world.now >= max(self.finalizes, default=-math.inf) + FINALIZE_EVERY, "asked too soon"
            self.finalizes.append(self.world.now)
            assert len(self.finalizes) <= FINALIZES + self.answered, "asked too often"
        else:
            assert machine.state is TurnState.SETTLING, "only a pause is scored"

    def _obey_about_guess(self, command: Speculate | Discard) -> None:
        if isinstance(command, Discard):
            assert self._guessed == command.turn, "a discard of nothing"
            self.guess = None
            return
        policy = self.policy.turn.speculation
        assert self.guesses < (policy.most if policy is not None else 0), "a guess too many"
        assert (self.guess, self.live) == (None, None), "a guess beside another reply"
        assert command.turn == self.turn + 1, "a guess has the next number"
        self.guess = command
        self.guesses += 1

    def _begin(self, command: StartReply | Confirm) -> None:
        assert self.live is None, "two live replies"
        assert command.turn == self.turn + 1, "numbers rise by one"
        if isinstance(command, StartReply):
            assert self.guess is None, "a reply beside a guess"
        else:
            assert self._guessed == command.turn, "nothing to confirm"
            assert self.guess is None or letters(self.guess.text) == letters(command.text), "a guess of other words"
        self.guess, self.guesses = None, 0
        if isinstance(command, Confirm) or command.reason in ("speech", "typed", "dtmf", "keys"):
            del self.finalizes[:-1]  # the last request still counts for the interval between two
            self.answered = len(self.finalizes)
        self.turn = self.live = command.turn
        self.held = False
        self.texts[command.turn] = command.text

    def _obey_about_live(self, command: CutReply | HoldOutput | ReleaseOutput) -> None:
        assert command.turn == self.live, "a command about another reply than the live one"
        if isinstance(command, CutReply):
            self.live = None
            self.cut.add(command.turn)
        else:
            assert self.held is isinstance(command, ReleaseOutput), "hold and release alternate"
            self.held = not self.held

    def _check_state(self, before: TurnState, event: Signal | None) -> None:
        machine, column = self.world.machine, Column.DEADLINE if event is None else column_of(event)
        state = machine.state
        assert state in TABLE[before][column].to, f"{before} -> {state} at {column} is not in the table"
        assert machine.live == self.live
        assert (self.live is not None) is (state in LIVING)
        held = state is TurnState.DOUBTING or machine.held
        assert self.live is None or self.held is held, "a reply is held in doubt, and by the far side"
        assert machine.guess == self._guessed
        assert self.guess is None or state in GUESSING, "a guess that nothing can come of"
        assert self.guess is None or letters(self.guess.text) == letters(machine._floor.book.text), (
            "a guess of other words"
        )
        if state in (TurnState.HEARING, TurnState.WAITING, TurnState.SETTLING):
            assert machine.talking is (state is TurnState.HEARING)
        self._check_deadline(state)
        if state is TurnState.WAITING:
            assert not machine._floor.book, "words are left behind"

    @property
    def _guessed(self) -> int | None:
        return self.guess.turn if self.guess is not None else None

    def _check_deadline(self, state: TurnState) -> None:
        deadline = self.world.machine.deadline
        if self.world.machine.held:
            assert deadline == math.inf, "no time passes for a call on hold"
        elif state in (TurnState.SETTLING, TurnState.DOUBTING):
            assert deadline < math.inf
        elif state is TurnState.WAITING:
            collecting = self.world.machine._floor.keys.first is not None
            assert (deadline < math.inf) is (collecting or self.policy.call.idle_after is not None)
        elif state is TurnState.HEARING:
            idle = self.policy.call.idle_after is not None
            assert deadline < math.inf or self.world.down or not (idle or self.world.machine._floor.book)
        else:
            assert deadline == math.inf

    def turns_of(self, word: str) -> list[int]:
        return [turn for turn, text in self.texts.items() if word in text.split()]

    def unheard(self, turn: int) -> bool:
        return turn in self.cut and turn not in self.heard


@pytest.mark.full_counts
@pytest.mark.slow
@settings(max_examples=count(3_000), deadline=None)
@given(conversations())
def test_the_invariants_hold(conversation: tuple[str, list[Step]]) -> None:
    """Live replies, numbers, commands, deadlines, states and words are as promised after every single event."""
    policy, steps = conversation
    witness = Witness(POLICIES[policy])
    for step in steps:
        witness.world.take(step)
    witness.world.settle()
    spoken = [f"{name}{n}" for n in range(witness.world.spoken) for name in "wm"]
    spoken += [f"t{n + 1}" for n in range(witness.world.typed)]
    for word in spoken:
        *earlier, _ = [0, *witness.turns_of(word)]
        assert all(turn == 0 or witness.unheard(turn) for turn in earlier), f"{word} is in two turns"
    for text in witness.texts.values():
        words = [word for word in text.split() if word not in ("#", "5")]
        assert len(words) == len(set(words)), f"a word twice in {text!r}"
