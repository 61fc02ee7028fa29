"""docs/house.md leads to where things are: its files exist, and what it names in them is defined there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.markdown import rows, spans
from tests.house.source import ROOT, parsed

ROWS = [cells for cells in rows((ROOT / "docs" / "house.md").read_text(encoding="utf-8"))[1:] if len(cells) == 2]


def places(cell: str) -> Iterator[Path]:
    """The files and folders of a cell: from the root, from a folder named before, or beside a file named before."""
    known = [ROOT]
    for span in spans(cell):
        if "/" not in span and not span.endswith(".py"):
            continue
        found = [each for folder in known for each in (folder / span, *folder.glob(f"*/{span}")) if each.exists()]
        assert found, f"{span} leads nowhere"
        place = found[-1] if "/" not in span else found[0]
        yield place
        known.append(place if place.is_dir() else place.parent)


def defined(place: Path) -> Iterator[str]:
    """What the functions and classes of a file, or of a folder's files, are called, methods as `Class.method`."""
    for path in [place] if place.is_file() else place.rglob("*.py"):
        if path.suffix != ".py":
            continue
        for node in ast.walk(parsed(path).tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield node.name
            if isinstance(node, ast.ClassDef):
                yield from (f"{node.name}.{each.name}" for each in node.body if isinstance(each, ast.FunctionDef))


@pytest.mark.parametrize(("looking_for", "where"), ROWS, ids=[cells[0] for cells in ROWS])
def test_a_row_leads_to_what_it_names(looking_for: str, where: str) -> None:
    """Its files exist, and each name in it is defined in one of them."""
    found = list(places(where))
    assert found
    names = {name for place in found for name in defined(place)}
    named = {span for span in spans(where) if "/" not in span and not span.endswith(".py")}
    assert named - names == set(), looking_for


def test_a_row_that_leads_nowhere_is_found() -> None:
    """A file that was moved away fails the check."""
    with pytest.raises(AssertionError, match="leads nowhere"):
        list(places("`voicekit/turn/gone.py`"))
