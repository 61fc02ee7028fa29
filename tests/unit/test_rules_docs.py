"""The page on rules: its blocks run, and print what it says."""

from __future__ import annotations

import contextlib
import io

import pytest

from tests.house.markdown import Block, read
from tests.house.source import ROOT
from voicekit.rules import Rules, kinds

PAGE = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
BLOCKS = read(PAGE).blocks
PYTHON = [block for block in BLOCKS if block.language == "python"]
OUTPUTS = {block.name: block.text for block in BLOCKS if block.mark == "output"}


@pytest.mark.parametrize("block", PYTHON, ids=lambda block: block.name)
def test_the_page_runs(block: Block, tmp_path, monkeypatch) -> None:
    """Every Python block is a whole program beside the page's TOML files, and prints what stands under it."""
    assert block.mark == "example"
    for file in (each for each in BLOCKS if each.mark == "toml"):
        (tmp_path / f"{file.name}.toml").write_text(file.text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(block.text, f"docs/rules.md, {block.name}", "exec"), {"__name__": "example"})
    assert printed.getvalue() == OUTPUTS.get(block.name, "")


def test_the_page_names_all_there_is() -> None:
    """Every kind of slot, and everything that rules can do, is on the page."""
    done = [name for name, value in vars(Rules).items() if not name.startswith("_") and callable(value)]
    assert {"ask", "menu", "form"} < set(done)
    assert [name for name in (*done, "on", "key", "load") if f".{name}(" not in PAGE and f"`{name}`" not in PAGE] == []
    assert [name for name in kinds.KINDS if f"`{name}`" not in PAGE] == []
