"""The docs show what the code does: the diagram of turns is drawn from the table of today."""

from __future__ import annotations

from tests.house.markdown import read
from tests.house.source import ROOT
from voicekit.turn.diagram import mermaid

BLOCKS = read((ROOT / "docs" / "concepts.md").read_text(encoding="utf-8")).blocks


def test_the_state_diagram_is_drawn_from_the_table() -> None:
    """The diagram of the turn machine in docs/concepts.md is what `voicekit.turn.diagram` draws."""
    assert [block.text for block in BLOCKS if block.mark == "turns"] == [mermaid().rstrip("\n") + "\n"]
