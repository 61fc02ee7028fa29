"""What the documents say is so: their code runs, their links lead somewhere, their marks have blocks."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.markdown import Block, read
from tests.house.source import ROOT, files

PAGES = [path for path in files() if path.suffix == ".md"]
READMES = [path for path in PAGES if path.name == "README.md"]
NAMES = [path.relative_to(ROOT).as_posix() for path in PAGES]
EMOJI = re.compile("[\u231a\u231b\u2600-\u27bf\U0001f000-\U0001faff]")  # watches, symbols and dingbats, pictographs


def test_readme_marks_its_test_command() -> None:
    """The README has the command that .ci/run takes: one fenced shell block directly after its test mark."""
    assert [block.language for block in read(_text(ROOT / "README.md")).blocks if block.mark == "test"] == ["sh"]


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_every_mark_has_its_block(path: Path) -> None:
    """A fenced block follows every mark, with nothing between."""
    assert read(_text(path)).lonely == ()


def test_python_blocks_are_python() -> None:
    """Every Python block of a README compiles as it stands."""
    for path in READMES:
        for block in (block for block in read(_text(path)).blocks if block.language == "python"):
            compile("\n" * (block.line - 1) + block.text, str(path), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def test_readme_examples_run(tmp_path: Path) -> None:
    """Every block of the README marked as an example runs to its end, with no key and nothing typed."""
    examples = [block for block in read(_text(ROOT / "README.md")).blocks if block.mark == "example"]
    assert examples
    for block in examples:
        done = _run(block, tmp_path)
        assert (done.returncode, done.stderr) == (0, ""), f"example {block.name}: {done.stdout}{done.stderr}"


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


def _run(block: Block, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a block as a program of its own, in an empty folder, with voicekit to be found."""
    program = folder / f"{block.name}.py"
    program.write_text(block.text, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SONIOX_", "VOICEKIT_"))}
    return subprocess.run(
        [sys.executable, "-W", "error", program],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
