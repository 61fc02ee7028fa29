"""What voicekit costs before it does anything: `python -m benchmarks.footprint`.

Prints the time of `import voicekit` in a fresh interpreter, and how many distributions and MiB its core installs.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
RUNS = 10  # fresh interpreters; the fastest one was disturbed the least


def import_command(*modules: str) -> list[str]:
    """A command that prints how many seconds importing `modules` takes in a fresh interpreter."""
    program = f"from time import perf_counter as now; t = now(); import {', '.join(modules)}; print(now() - t)"
    return [sys.executable, "-c", program]


def core_distributions() -> set[str]:
    """The distributions that voicekit without extras installs for this interpreter, except voicekit itself."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found: set[str] = set()
    waiting = list(project["dependencies"])
    while waiting:
        requirement = Requirement(waiting.pop())
        name = canonicalize_name(requirement.name)
        if name not in found and _applies(requirement):
            found.add(name)
            waiting.extend(distribution(name).requires or [])
    return found


def _applies(requirement: Requirement) -> bool:
    """Whether this interpreter needs `requirement`. ValueError if it has extras, whose requirements would be missed."""
    if requirement.extras:
        raise ValueError(f"expected core requirements without extras, got {requirement}")
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})


def mebibytes(name: str) -> float:
    """The size of a distribution's installed files, without bytecode."""
    files = distribution(name).files or []
    sizes = (Path(str(file.locate())).stat().st_size for file in files if file.suffix != ".pyc")
    return sum(sizes) / 2**20


def main() -> None:
    seconds = [float(subprocess.check_output(import_command("voicekit"), cwd=ROOT)) for _ in range(RUNS)]
    names = sorted(core_distributions() - {"numpy"})
    size = sum(mebibytes(name) for name in names)
    print(f"import voicekit: {min(seconds) * 1000:.0f} ms (fastest of {RUNS} fresh interpreters)")
    print(f"core: {len(names)} distributions, {size:.1f} MiB, besides voicekit and numpy")
    for name in names:
        print(f"  {name:24}{mebibytes(name):8.2f} MiB")


if __name__ == "__main__":
    main()
