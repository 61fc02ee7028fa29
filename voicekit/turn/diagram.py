"""Draws the turn table: a mermaid state diagram for docs/concepts.md, and a Markdown table."""

from __future__ import annotations

from voicekit.turn import moves
from voicekit.turn.states import Column, TurnState
from voicekit.turn.table import TABLE, Cell


def mermaid() -> str:
    """The state diagram, in which each transition between states is an arrow, labelled with its possible causes.

    Moves that don't change the state have no arrow; they are in `table()`.
    """
    lines = ["stateDiagram-v2", f"    [*] --> {TurnState.WAITING.name}"]
    for source in TurnState:
        for target in TurnState:
            causes = [column.value for column, cell in TABLE[source].items() if target in cell.to]
            if causes and source is not target:
                lines.append(f"    {source.name} --> {target.name}: {', '.join(causes)}")
    return "\n".join([*lines, f"    {TurnState.CLOSED.name} --> [*]"])


def table() -> str:
    """The whole table: a row for each kind of event, a column for each state, and "·" where nothing changes."""
    rows = [
        ["event", *(state.name for state in TurnState)],
        ["---"] * (len(TurnState) + 1),
        *([column.value, *(_shown(state, TABLE[state][column]) for state in TurnState)] for column in Column),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _shown(state: TurnState, cell: Cell) -> str:
    """The name of the move and, if it may leave the state, the states to which it may lead."""
    if cell.move is moves.ignore:
        return "·"
    if cell.to == (state,):
        return cell.name
    return f"{cell.name} → {', '.join(target.name for target in cell.to)}"
