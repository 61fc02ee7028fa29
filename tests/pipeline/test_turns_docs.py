"""The page on turns: its examples print what it says, and it names every number that there is."""

from __future__ import annotations

import contextlib
import dataclasses
import io
from itertools import takewhile

import pytest

from tests.house.markdown import Block, read
from tests.house.source import ROOT
from voicekit import CallPolicy, InterruptPolicy, Speculation, TurnPolicy
from voicekit.turn.wordlists import IGNORE_WORDS, STOP_WORDS

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
    defaults = Speculation()
    assert table("Speculation") == {
        "`after`": f"{defaults.after} s",
        "`most`": f"{defaults.most}",
        "`ahead`": f'`"{defaults.ahead}"`',
    }


def test_the_defaults_of_interruptions_are_those_on_the_page() -> None:
    """Every number and switch of an InterruptPolicy stands in its table."""
    units = {"doubt": " s", "late_words": " s", "regret": " s", "min_speech": " s", "faint_db": " dB"}
    defaults = {
        field.name: getattr(InterruptPolicy(), field.name)
        for field in dataclasses.fields(InterruptPolicy)
        if not field.name.endswith("stop_words") and field.name != "ignore_words"
    }
    shown = {
        f"`{name}`": ("on" if value else "off") if isinstance(value, bool) else f"{value:g}{units.get(name, '')}"
        for name, value in defaults.items()
    }
    assert table("InterruptPolicy") == shown


def test_the_word_lists_are_on_the_page() -> None:
    """Each language that voicekit knows of itself has its row, with all its words."""
    lines = PAGE.split("| language | `stop_words` | `ignore_words` |\n")[1].splitlines()[1:]
    rows = [line.strip("| ").split(" | ") for line in takewhile(str.strip, lines)]
    assert rows == [[code, ", ".join(STOP_WORDS[code]), ", ".join(IGNORE_WORDS[code])] for code in STOP_WORDS]
    assert set(STOP_WORDS) == set(IGNORE_WORDS)


def table(policy: str) -> dict[str, str]:
    """The first two columns of the table of `policy`."""
    lines = iter(PAGE.splitlines())
    assert any(line.startswith(f"| `{policy}` | default |") for line in lines)
    next(lines)
    rows = (line.strip("| ").split(" | ") for line in takewhile(lambda line: line.startswith("| `"), lines))
    return {row[0]: row[1] for row in rows}
