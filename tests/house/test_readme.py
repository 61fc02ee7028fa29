"""The README shows what the code does: its diagram and its timeline are what they are today."""

from __future__ import annotations

import contextlib
import io

from tests.house.markdown import read
from tests.house.source import ROOT
from voicekit.turn.diagram import mermaid

BLOCKS = read((ROOT / "README.md").read_text(encoding="utf-8")).blocks


def test_the_state_diagram_is_drawn_from_the_table() -> None:
    """The README's diagram of the turn machine is what `voicekit.turn.diagram` draws."""
    assert [block.text for block in BLOCKS if block.mark == "turns"] == [mermaid().rstrip("\n") + "\n"]


def test_the_timeline_is_what_its_example_prints() -> None:
    """The conversation shown is the one that the example above it holds, to the millisecond."""
    [example] = [block.text for block in BLOCKS if (block.mark, block.name) == ("example", "virtual")]
    [shown] = [block.text for block in BLOCKS if block.mark == "output"]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(example, {"__name__": "example"})
    assert printed.getvalue().rstrip("\n") + "\n" == shown
