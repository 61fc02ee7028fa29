"""Runs every check of the project, the quick ones first, and stops at the first that fails.

    python -m tests [arguments for pytest]

The last check is one pytest run over tests, plugins and examples, so pytest's closing line comes last.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent

GATED = (
    "link-hop",
    "transforms-5",
    "turn-text",
    "turn-tokens",
    "barge-in",
    "barge-words",
    "old-frames",
    "blocked-consumer",
    "import",
)
"""The benchmarks whose ratios must hold in every run; `python -m benchmarks --quick --gate` looks at all of them."""


def checks(pytest_arguments: list[str]) -> dict[str, list[str]]:
    """The name and the command of each check, in order."""
    module = [sys.executable, "-m"]
    lint_imports = Path(sysconfig.get_path("scripts"), "lint-imports")
    return {
        "format": [*module, "ruff", "format", "--check", "."],
        "lint": [*module, "ruff", "check", "."],
        "types": [*module, "mypy"],
        "import contract": [str(lint_imports), "--no-cache"],
        "benchmarks, smoke": [*module, "benchmarks", "--smoke"],
        "benchmarks, gate": [*module, "benchmarks", "--quick", "--gate", *GATED],
        "tests": [*module, "pytest", "-n", "2", "--dist", "loadfile", *pytest_arguments],
    }


def main() -> int:
    for name, command in checks(sys.argv[1:]).items():
        print(f"--- {name}", flush=True)
        started = time.perf_counter()
        code = subprocess.call(command, cwd=ROOT)
        if name == "tests":
            return code
        if code:
            print(f"--- {name} failed")
            return code
        print(f"--- {name}: {time.perf_counter() - started:.1f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
