"""Checks that the names of the peers in docs/migrate-*.md exist in the peers' packages.

    python -m benchmarks.names_of_peers

A name is found if the peer's source defines it: as a class, function, parameter, field, module, or a text such as the
name of an event. The peers are installed in the same way as for `python -m benchmarks.scenes_beside_peers`. The exit
status is 1 if a name is missing.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.scenes_beside_peers import installed

PACKAGES: Final = {"pipecat": "pipecat", "livekit": "livekit.agents"}
DOCS: Final = Path(__file__).parents[1] / "docs"
OURS: Final = {"bot", "runner_args", "main", "session", "context", "server", "False", "True"}
"""Names in the pages that are not the peers' but stand for values."""


def shown(page: Path) -> Iterator[str]:
    """The names in the first column of the page's table."""
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith("| "):
            theirs = line.strip("| ").split(" | ")[0]
            for span in re.findall(r"`([^`]+)`", theirs):
                yield from re.findall(r"[A-Za-z_]\w+", span)


def defined(folder: Path) -> Iterator[str]:
    """All names that the Python files in a folder define, and all short texts in these files."""
    for path in folder.rglob("*.py"):
        yield from path.relative_to(folder.parent).with_suffix("").parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                yield node.name
            elif isinstance(node, ast.arg):
                yield node.arg
            elif isinstance(node, ast.AnnAssign | ast.Assign):
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    yield ast.unparse(target)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 60:
                yield node.value


def source(python: str, package: str) -> Path:
    program = f"import importlib.util; print(importlib.util.find_spec({package!r}).origin)"
    done = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True)
    return Path(done.stdout.strip()).parent


def main() -> int:
    missing = 0
    for peer, package in PACKAGES.items():
        names = set(shown(DOCS / f"migrate-{peer}.md")) - OURS
        unknown = sorted(names - set(defined(source(installed(peer), package))) - set(package.split(".")))
        print(f"{peer}: {len(names)} names, {len(unknown)} not found {unknown or ''}".rstrip())
        missing += len(unknown)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
