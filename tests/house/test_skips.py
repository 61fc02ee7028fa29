"""The rules of the project's conftest: unexpected skips fail the full run, and files come in the order of a seed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.house.source import ROOT

OPTIONS = ["-p", "no:cacheprovider", "-o", "pythonpath=."]
ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
"""The conftest needs no plugin, and those that are installed take a second to start."""

TESTS = {
    "skipped": "import pytest\ndef test_a():\n    pytest.skip('because')",
    "skipped_module": "import pytest\npytest.skip('for some reason', allow_module_level=True)",
    "needing": "import pytest\n@pytest.mark.needs_debian('sox-of-old', '/nowhere/sox')\ndef test_a():\n    pass",
    "failing": "import pytest\n@pytest.mark.xfail(strict=True)\ndef test_a():\n    assert False",
}


def test_a_skip_is_let_pass_by_default(tmp_path: Path) -> None:
    """Skips don't fail a run, and what a missing Debian package skips names the package."""
    done = run_pytest(tmp_path)
    assert "3 skipped, 1 xfailed" in closing_line(done)
    assert "needs the Debian package sox-of-old, which brings /nowhere/sox" in done.stdout
    assert done.returncode == 0


def test_a_skip_fails_the_full_run(tmp_path: Path) -> None:
    """With VOICEKIT_NO_SKIPS=1 a skip is a failure or an error, whoever asked for it; an expected failure is none."""
    done = run_pytest(tmp_path, VOICEKIT_NO_SKIPS="1")
    assert "1 failed, 1 xfailed, 2 errors" in closing_line(done)
    assert "does not allow: Skipped: because" in done.stdout
    assert done.returncode == 1


def test_an_expected_skip_is_let_pass(tmp_path: Path) -> None:
    """Skips whose reasons are in expected_skips.txt pass the full run too."""
    done = run_pytest(tmp_path, "# why\nbecau\nsome reason\nsox-of-old\n", VOICEKIT_NO_SKIPS="1")
    assert "3 skipped, 1 xfailed" in closing_line(done)
    assert done.returncode == 0


def test_a_seed_shuffles_the_files(tmp_path: Path) -> None:
    """The same seed gives the same order of files, another seed another, and tests of a file stay together."""
    (tmp_path / "tests").mkdir()
    for source in ("conftest.py", "tests/machine.py"):
        shutil.copy(ROOT / source, tmp_path / source)
    for number in range(6):
        (tmp_path / f"test_{number}.py").write_text("def test_a(): pass\ndef test_b(): pass\n", encoding="utf-8")

    def order(*arguments: str) -> list[str]:
        command = [sys.executable, "-m", "pytest", *OPTIONS, "--collect-only", "-q", *arguments, tmp_path]
        done = subprocess.run(
            command, cwd=tmp_path, env={**os.environ, **ALONE}, capture_output=True, text=True, check=True
        )
        return [line for line in done.stdout.splitlines() if "::" in line]

    plain, one, two = order(), order("--random-order", "1"), order("--random-order", "2")
    assert plain == sorted(plain)
    assert len({tuple(plain), tuple(one), tuple(two)}) == 3
    assert one == order("--random-order", "1")
    assert all(first.split("::")[0] == second.split("::")[0] for first, second in zip(one[::2], one[1::2], strict=True))


def closing_line(done: subprocess.CompletedProcess[str]) -> str:
    return done.stdout.splitlines()[-1]


def run_pytest(folder: Path, expected: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run TESTS in `folder` under the project's conftest, with `expected` as the list of skips to expect."""
    shutil.copy(ROOT / "conftest.py", folder)
    (folder / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "machine.py", folder / "tests")
    (folder / "tests" / "expected_skips.txt").write_text(expected, encoding="utf-8")
    for name, text in TESTS.items():
        (folder / f"test_{name}.py").write_text(text, encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if name != "VOICEKIT_NO_SKIPS"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", *OPTIONS, "-rs", "--continue-on-collection-errors", folder],
        env={**kept, **ALONE, **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
