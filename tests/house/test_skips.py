"""In the full run a skip that nobody expects is a failure, and pytest's closing line says so."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.house.source import ROOT

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
    options = [
        "-p",
        "no:cacheprovider",
        "-o",
        "pythonpath=.",
        "-p",
        "no:voicekit",
        "-rs",
        "--continue-on-collection-errors",
    ]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, folder],
        env={**kept, **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
