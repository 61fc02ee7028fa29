"""The page on turns: its examples print what it says, and it names every number that there is."""

from __future__ import annotations

import contextlib
import dataclasses
import io

import pytest

from tests.house.markdown import Block, read
from tests.house.source import ROOT
from voicekit import CallPolicy, InterruptPolicy, Speculation, TurnPolicy

PAGE = (ROOT / "docs" / "turns.md").read_text(encoding="utf-8")
BLOCKS = read(PAGE).blocks
EXAMPLES = [block for block in BLOCKS if block.mark == "example"]
OUTPUTS = {block.name: block.text for block in BLOCKS if block.mark == "output"}


@pytest.mark.parametrize("block", EXAMPLES, ids=lambda block: block.name)
def test_the_examples_print_what_stands_under_them(block: Block) -> None:
    """Each is a whole program."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(block.text, f"docs/turns.md, {block.name}", "exec"), {"__name__": "example"})
    assert printed.getvalue() == OUTPUTS[block.name]


@pytest.mark.parametrize(
    "policy", [TurnPolicy, InterruptPolicy, CallPolicy, Speculation], ids=lambda kind: kind.__name__
)
def test_every_number_is_named(policy: type) -> None:
    """No field of a policy is missing on the page."""
    names = [field.name for field in dataclasses.fields(policy)]
    assert [name for name in names if f"`{name}`" not in PAGE and f"{name}=" not in PAGE] == []


def test_the_defaults_of_speculation_are_those_on_the_page() -> None:
    """The table says what `speculate=True` does."""
    rows = dict(line.strip("| ").split(" | ")[:2] for line in PAGE.splitlines() if line.startswith("| `"))
    defaults = Speculation()
    assert rows == {
        "`Speculation`": "default",
        "`after`": f"{defaults.after} s",
        "`most`": f"{defaults.most}",
        "`ahead`": f'`"{defaults.ahead}"`',
    }
