"""The REST role, and whatever decides in the REST client, know no trio, no socket and no clock."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import voicekit.soniox

ROOT = Path(voicekit.soniox.__file__).parent
DECIDING = "http/rest_errors http/rest_limits http/retry webhook sound frames"
FILES = [
    *(file for file in sorted(ROOT.glob("server/rest/*.py")) if file.name != "http.py"),  # the driver
    *(ROOT / f"rest/{name}.py" for name in DECIDING.split()),
    *sorted(ROOT.glob("rest/schema/*.py")),
    *sorted(ROOT.glob("rest/subtitles/*.py")),
]
FORBIDDEN = {"trio", "httpx", "httpcore", "h11", "socket", "asyncio", "threading", "time", "random"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_what_decides_waits_for_nothing(file: Path) -> None:
    """What decides is told the time and handed the bytes, so that any test can be exact."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    names = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not {name.partition(".")[0] for name in names} & FORBIDDEN
    rooms = {name.split(".")[1] for name in names if name.startswith("voicekit.")}
    assert rooms <= {"errors", "soniox", "writing"}
