"""Runs every check of the project, the quick ones first, and stops at the first that fails.

    python -m tests [--fast] [arguments for pytest]

The last check is one pytest run over tests, plugins and examples, so pytest's closing line comes last. It leaves out
what is marked `real`, which takes long in real time or installs packages, and a tenth of the tries is enough for the
big property tests: `.ci/run` runs both in full (`pytest -m real`, VOICEKIT_FULL=1). Benchmarks are no check at all:
`python -m benchmarks`.

Python keeps its byte code beside the sources, also if PYTHONDONTWRITEBYTECODE is set, as in many containers: hundreds
of tests start programs, each of which would compile everything anew.

`--fast` is for the time between two edits: below a minute on two idle cores. It leaves out the types and every test
marked `slow`, which are those that start other programs, hold a call in real time, or compute for more than a second.
Each room of the package keeps its tests.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent

FAST = "--fast"


def checks(arguments: list[str]) -> dict[str, list[str]]:
    """The name and the command of each check, in order."""
    module = [sys.executable, "-m"]
    lint_imports = Path(sysconfig.get_path("scripts"), "lint-imports")
    quick = FAST in arguments
    chosen = "not real and not slow" if quick else "not real"
    for_pytest = ["-m", chosen, *(argument for argument in arguments if argument != FAST)]
    found = {
        "format": [*module, "ruff", "format", "--check", "."],
        "lint": [*module, "ruff", "check", "."],
        "types": [*module, "mypy"],
        "import contract": [str(lint_imports), "--no-cache"],
        "sizes, a report": [*module, "tests.house.sizes"],
        "tests": [*module, "pytest", "-n", "2", "--dist", "loadfile", *for_pytest],
    }
    if quick:
        del found["types"]
    return found


def environment() -> dict[str, str]:
    """The variables of the checks: those of this process, but for the one that forbids to keep byte code."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def main() -> int:
    for name, command in checks(sys.argv[1:]).items():
        print(f"--- {name}", flush=True)
        started = time.perf_counter()
        code = subprocess.call(command, cwd=ROOT, env=environment())
        if name == "tests":
            return code
        if code:
            print(f"--- {name} failed")
            return code
        print(f"--- {name}: {time.perf_counter() - started:.1f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
