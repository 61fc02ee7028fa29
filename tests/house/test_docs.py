"""The documents are sound: links lead somewhere, marks have blocks. Their code is run by test_docs_code.py."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.house.markdown import Block, read
from tests.house.source import ROOT, files

PAGES = [path for path in files() if path.suffix == ".md"]
NAMES = [path.relative_to(ROOT).as_posix() for path in PAGES]
EMOJI = re.compile("[\u231a\u231b\u2600-\u27bf\U0001f000-\U0001faff]")  # watches, symbols and dingbats, pictographs


def test_readme_marks_its_test_command() -> None:
    """The README has the command that .ci/run takes: one fenced shell block directly after its test mark."""
    assert [block.language for block in read(_text(ROOT / "README.md")).blocks if block.mark == "test"] == ["sh"]


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_every_mark_has_its_block(path: Path) -> None:
    """A fenced block follows every mark, with nothing between."""
    assert read(_text(path)).lonely == ()


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_links_lead_somewhere(path: Path) -> None:
    """Every link to a file of the project, or to a heading of one, finds it."""
    for link in read(_text(path)).links:
        file, _, anchor = link.partition("#")
        if ":" in file:
            continue
        target = path.parent / file if file else path
        assert target.exists(), f"{link} leads nowhere"
        assert not anchor or anchor in read(_text(target)).anchors, f"{link}: no such heading"


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_prose_is_plain(path: Path) -> None:
    """Documents carry no emoji and no note to do something later."""
    prose = read(_text(path)).prose
    assert EMOJI.findall(prose) == []
    assert re.findall(r"\b(?:TODO|FIXME|XXX)\b", prose) == []


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_lines_fit_in_an_editor(path: Path) -> None:
    """No line is longer than 120 columns, unless it is a row of a table or code."""
    long = [line for line in read(_text(path)).prose.splitlines() if len(line) > 120 and not line.startswith("|")]
    assert long == []


def test_reading_a_page_finds_its_parts() -> None:
    """Blocks keep mark, name and line, a mark without a block is told, and links in blocks are none."""
    example = "<!-- example: one -->\n```python\nx = [1](2)\n```\n"
    page = read(f"# A title, here\n{example}<!-- test -->\n\n```sh\nls\n```\n[a](b.md#c)")
    assert page.blocks == (Block("python", "x = [1](2)\n", 4, "example", "one"), Block("sh", "ls\n", 9))
    assert page.lonely == (6,)
    assert page.links == ["b.md#c"]
    assert page.anchors == {"a-title-here"}


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
