"""What is longer than the house likes, with the reason where there is one: `python -m tests.house.sizes`.

A long module or function is worth a second look, and no more than that: nothing fails because of it. Splitting one at
the line count alone makes two that nobody can read without the other.
"""

from __future__ import annotations

from tests.house.source import Module, functions, modules, product

MAX_MODULE = 300  # lines; a longer module may have two purposes
MAX_FUNCTION = 60  # lines, docstring included

REASONS = {
    "voicekit/events.py": "the whole vocabulary on one page, so that every event is seen beside the others",
}
"""Modules and functions (`path: name`) that are long on purpose, with the reason."""


def long_ones(module: Module) -> dict[str, int]:
    """The module itself and its functions, if they are too long, with their lines."""
    found = {module.path: len(module.text.splitlines())} if len(module.text.splitlines()) > MAX_MODULE else {}
    for one in functions(module.tree):
        if (length := (one.end_lineno or 0) - one.lineno + 1) > MAX_FUNCTION:
            found[f"{module.path}: {one.name}"] = length
    return found


def report(lengths: dict[str, int], reasons: dict[str, str]) -> list[str]:
    """A line for each of them, and one for each reason that nothing needs any more."""
    lines = [f"{name}: {length} lines: {reasons.get(name, 'no reason given')}" for name, length in lengths.items()]
    return lines + [f"{name}: is not long any more; its reason can go" for name in reasons if name not in lengths]


def main() -> None:
    found: dict[str, int] = {}
    for module in [*product(), *modules("benchmarks/*")]:
        found |= long_ones(module)
    print("\n".join([*report(found, REASONS), f"longer than the house likes: {len(found)}"]))


if __name__ == "__main__":
    main()
