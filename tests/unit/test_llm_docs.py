"""The page on language models: its blocks run, and print what it says; its tables name all there is."""

from __future__ import annotations

import contextlib
import inspect
import io

import pytest

from tests.house.markdown import Block, read
from tests.house.source import ROOT
from voicekit.llm import LanguageModel
from voicekit.llm.tools import ToolPolicy

PAGE = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
BLOCKS = read(PAGE).blocks
OUTPUTS = {block.name: block.text for block in BLOCKS if block.mark == "output"}


@pytest.mark.parametrize(
    "block", [block for block in BLOCKS if block.language == "python"], ids=lambda block: block.name
)
def test_the_page_runs(block: Block) -> None:
    """Every Python block is a whole program, and prints what stands under it."""
    assert block.mark == "example"
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(block.text, f"docs/models.md, {block.name}", "exec"), {"__name__": "example"})
    assert printed.getvalue() == OUTPUTS.get(block.name, "")


def test_every_option_is_on_the_page_or_in_the_plugins() -> None:
    """What a tool can be told is on the page, and what a handler can be told in the table of each plugin."""
    assert [name for name in ToolPolicy.__slots__ if f"| `{name}` |" not in PAGE] == []
    options = [name for name in inspect.signature(LanguageModel).parameters if name != "transport"]
    for plugin in ("openai", "anthropic"):
        readme = (ROOT / "plugins" / f"voicekit-{plugin}" / "README.md").read_text(encoding="utf-8")
        assert [name for name in options if f"| `{name}` |" not in readme] == []
