"""The parts of a Markdown file that tests look at: fenced blocks with the mark before them, headings, links.

A mark is a comment on a line of its own, `<!-- test -->` or `<!-- example: echo -->`; the block after it is used by
a program, so nothing may come between.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MARK = re.compile(r"^<!-- ([a-z]+)(?:: ([\w-]+))? -->$")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, its text, the number of its first line, and the mark before it ("" for none)."""

    language: str
    text: str
    line: int
    mark: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A Markdown file; `prose` is everything outside of fenced blocks, `lonely` the lines of marks without a block."""

    blocks: tuple[Block, ...]
    prose: str
    lonely: tuple[int, ...]

    @property
    def links(self) -> list[str]:
        """The targets of all links and pictures."""
        return re.findall(r"\]\(([^)\s]+)(?: [^)]*)?\)", self.prose)

    @property
    def anchors(self) -> set[str]:
        """The names by which links reach the headings."""
        headings = re.findall(r"^#+ +(.*?) *$", self.prose, re.MULTILINE)
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def rows(text: str) -> list[list[str]]:
    """The cells of each row of its tables, without the rows of dashes."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def spans(text: str) -> list[str]:
    """The pieces of code within a text."""
    return re.findall(r"`([^`]+)`", text)


def read(text: str) -> Page:
    blocks: list[Block] = []
    prose: list[str] = []
    lonely: list[int] = []
    lines = iter(enumerate(text.splitlines(), start=1))
    mark: re.Match[str] | None = None
    for number, line in lines:
        if line.startswith("```"):
            inside = []
            for _, part in lines:
                if part == "```":
                    break
                inside.append(part)
            marked = (mark[1], mark[2] or "") if mark else ("", "")
            blocks.append(Block(line.strip("` "), "\n".join(inside) + "\n", number + 1, *marked))
            mark = None
            continue
        if mark:
            lonely.append(number - 1)
        mark = MARK.match(line)
        prose.append(line)
    if mark:
        lonely.append(len(text.splitlines()))
    return Page(tuple(blocks), "\n".join(prose), tuple(lonely))
