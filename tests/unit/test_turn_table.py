"""The turn table is total, its arrows are exactly those that can happen, and the diagram shows it."""

from __future__ import annotations

import random
from typing import get_args

import pytest

from tests.counts import count
from tests.unit.strategies import LAST_STEPS, POLICIES, STEPS, World
from voicekit.events import Signal, TurnCommand
from voicekit.turn import diagram, moves
from voicekit.turn.policy import Policy
from voicekit.turn.states import Column, TurnState, column_of
from voicekit.turn.table import TABLE

WALKS = 10_000
"""At most: a tenth, and then as many as it takes to see the rarest arrow."""
STEPS_OF_A_WALK = 40


def test_every_cell_is_written_out() -> None:
    """There is a cell for every state and every kind of event, each leads somewhere, and there are no others."""
    assert set(TABLE) == set(TurnState)
    assert all(set(row) == set(Column) for row in TABLE.values())
    assert all(cell.to and set(cell.to) <= set(TurnState) for row in TABLE.values() for cell in row.values())


def test_every_signal_has_a_column() -> None:
    """Whatever can be handed to the machine is told apart, and a column has no event that is no signal."""
    names = {name for column in Column if column is not Column.DEADLINE for name in column.value.split(", ")}
    assert names == {kind.__name__ for kind in get_args(Signal)}
    with pytest.raises(TypeError, match="expected a signal"):
        column_of(object())  # type: ignore[arg-type]


def test_what_is_ignored_leads_nowhere() -> None:
    """The move `ignore` stays where it is, and after the end there is no other."""
    ignoring = [(state, cell) for state, row in TABLE.items() for cell in row.values() if cell.move is moves.ignore]
    assert all(cell.to == (state,) for state, cell in ignoring)
    assert sum(state is TurnState.CLOSED for state, _ in ignoring) == len(Column)


@pytest.mark.full_counts
def test_the_arrows_are_those_that_happen() -> None:
    """Over many random conversations every declared arrow is seen, and no other."""
    chance, policies = random.Random(21), list(POLICIES.values())
    declared = {
        arrow(before, column, after) for before in TurnState for column in Column for after in to(before, column)
    }
    seen: set[str] = set()
    for number in range(WALKS):
        if number >= count(WALKS) and declared - seen <= cannot_come():
            break
        seen |= walk(chance.choice(policies), chance)
    assert sorted(seen - declared) == []
    assert sorted(declared - seen - cannot_come()) == []


def walk(policy: Policy, chance: random.Random) -> set[str]:
    """The arrows that one random conversation follows."""
    seen: set[str] = set()

    def see(before: TurnState, event: Signal | None, commands: list[TurnCommand]) -> None:
        column = Column.DEADLINE if event is None else column_of(event)
        seen.add(arrow(before, column, world.machine.state))

    world = World(policy, see)
    for _ in range(STEPS_OF_A_WALK):
        world.take(chance.choice(STEPS if chance.random() < 0.97 else LAST_STEPS))
    return seen


def arrow(before: TurnState, column: Column, after: TurnState) -> str:
    return f"{before.name} at {column.name} -> {after.name}"


def to(state: TurnState, column: Column) -> tuple[TurnState, ...]:
    return TABLE[state][column].to


def cannot_come() -> set[str]:
    """Cells that are only there to make the table total: a deadline that is never set, and news of no reply."""
    no_deadline = {
        arrow(state, Column.DEADLINE, state) for state in (TurnState.REPLYING, TurnState.SPEAKING, TurnState.CLOSED)
    }
    about_reply = (Column.AUDIBLE, Column.HEARD, Column.REPLY_OVER)
    no_reply = (TurnState.WAITING, TurnState.HEARING, TurnState.SETTLING, TurnState.CLOSED)
    return no_deadline | {arrow(state, column, state) for state in no_reply for column in about_reply}


def test_the_diagram_has_an_arrow_for_each_way_out() -> None:
    """The mermaid text names each pair of states that a move may connect once, with the events that do."""
    lines = diagram.mermaid().splitlines()
    assert lines[:2] == ["stateDiagram-v2", "    [*] --> WAITING"]
    assert lines[-1] == "    CLOSED --> [*]"
    arrows = {tuple(line.strip().partition(":")[0].split(" --> ")) for line in lines[2:-1]}
    ways = {
        (state.name, target.name) for state, row in TABLE.items() for cell in row.values() for target in cell.to
    } - {(state.name, state.name) for state in TurnState}
    assert arrows == ways
    assert len(lines) == len(ways) + 3
    assert "    WAITING --> HEARING: SpeechStarted" in lines
    assert "    REPLYING --> SPEAKING: Audible" in lines


def test_the_text_table_shows_every_cell() -> None:
    """A row for each kind of event and a column for each state, a dot where nothing changes."""
    rows = [[part.strip() for part in line.strip("|").split("|")] for line in diagram.table().splitlines()]
    assert rows[0] == ["event", *(state.name for state in TurnState)]
    assert [row[0] for row in rows[2:]] == [column.value for column in Column]
    shown = {row[0]: row[1:] for row in rows[2:]}
    assert shown["SpeechStopped"] == [
        "·",
        "pause → SETTLING",
        "·",
        "·",
        "·",
        "fall silent → REPLYING, SPEAKING, DOUBTING",
        "·",
    ]
    assert shown["Audible"] == ["·", "·", "·", "audible → SPEAKING", "·", "remember audible", "·"]
