"""The project's own files and syntax trees, as the house tests look at them."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Module:
    """One Python file: where it is from the project's root, its text, and its syntax tree."""

    path: str
    text: str
    tree: ast.Module


@cache
def files() -> tuple[Path, ...]:
    """Every file of the project, without what .gitignore and git itself keep apart."""
    lines = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    apart = [".git", *(line.rstrip("/") for line in lines)]
    found: list[Path] = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = sorted(name for name in folders if not any(fnmatch(name, pattern) for pattern in apart))
        found += [Path(folder, name) for name in sorted(names) if not any(fnmatch(name, one) for one in apart)]
    return tuple(found)


@cache
def parsed(path: Path) -> Module:
    text = path.read_text(encoding="utf-8")
    return Module(path.relative_to(ROOT).as_posix(), text, ast.parse(text, str(path)))


def modules(*patterns: str) -> list[Module]:
    """The Python files whose path from the root fits one of `patterns`, such as "voicekit/*"; `*` crosses folders."""
    python = [path for path in files() if path.suffix == ".py"]
    chosen = [path for path in python if any(fnmatch(path.relative_to(ROOT).as_posix(), one) for one in patterns)]
    assert chosen, f"no Python file fits {patterns}"
    return [parsed(path) for path in chosen]


def product() -> list[Module]:
    """What users run: the package and the plugins."""
    return [*modules("voicekit/*"), *(found for found in _plugins() if "/tests/" not in found.path)]


def modules_of_tests() -> list[Module]:
    """Every file of tests, those of the plugins too."""
    return [*modules("tests/*"), *(found for found in _plugins() if "/tests/" in found.path)]


def _plugins() -> list[Module]:
    return [parsed(path) for path in files() if path.suffix == ".py" and path.is_relative_to(ROOT / "plugins")]


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def names_used(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Each imported thing that `tree` uses: its line, and its full dotted name whatever it was imported as."""
    imported: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                whole = name.name if name.asname else name.name.partition(".")[0]
                imported[name.asname or whole] = whole
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for name in node.names:
                imported[name.asname or name.name] = f"{node.module}.{name.name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            first, dot, rest = ast.unparse(node).partition(".")
            if first in imported:
                yield node.lineno, imported[first] + dot + rest
