"""The pytest plugin, and docs/testing.md, whose every block runs under it: each time a pytest of its own."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.house.markdown import Block, read
from voicekit.testing import Script, contracts

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
BLOCKS = read(PAGE).blocks
# The file name for each mark that a block of the page may have.
FILES = {"module": "{}.py", "tests": "test_{}.py", "golden": "{}.txt"}
PLUGIN = "voicekit.testing.pytest_plugin"


def run_pytest(folder: Path) -> str:
    """What pytest prints about `folder`, with no other plugins than trio's and ours, and with warnings as errors."""
    (folder / "pytest.ini").write_text("[pytest]\ntrio_mode = true\nfilterwarnings = error\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rA", "-p", "pytest_trio.plugin", "-p", PLUGIN, "-p", "no:cacheprovider"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.stdout + done.stderr


def write(block: Block, folder: Path) -> None:
    (folder / FILES[block.mark].format(block.name)).write_text(block.text, encoding="utf-8")


def test_a_suite_needs_no_import_to_hold_a_call(tmp_path: Path) -> None:
    """`hold_call` and `script` are there as fixtures, a script is new for each test, and failures are told."""
    (tmp_path / "test_bot.py").write_text(
        "def test_it_answers(hold_call, script):\n"
        "    script.types('good morning', at=1.0)\n"
        "    assert hold_call('Good morning!', script).history[0].heard == 'Good morning!'\n"
        "def test_it_is_asked_nothing(hold_call, script):\n"
        "    assert len(hold_call('Good morning!', script).history) == 0\n"
        "def test_it_fails(hold_call, script):\n"
        "    script.types('good morning', at=1.0)\n"
        "    assert hold_call('Hello!', script).history[0].heard == 'Good morning!'\n",
        encoding="utf-8",
    )
    printed = run_pytest(tmp_path)
    assert re.findall(r"^(PASSED|FAILED|ERROR) test_bot.py::(\w+)", printed, re.MULTILINE) == [
        ("PASSED", "test_it_answers"),
        ("PASSED", "test_it_is_asked_nothing"),
        ("FAILED", "test_it_fails"),
    ], printed


def test_pytest_finds_the_plugin_wherever_voicekit_is_installed() -> None:
    """The project's entry point for pytest leads to the module with the fixtures."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {"voicekit": PLUGIN}
    assert {"hold_call", "script"} <= set(vars(importlib.import_module(PLUGIN)))


def test_every_test_on_the_page_passes(tmp_path: Path) -> None:
    """The page's blocks are the files that it says they are, and its tests pass as they stand."""
    for block in BLOCKS:
        if block.mark:
            write(block, tmp_path)
    written = re.findall(r"^(?:async )?def (test_\w+)", PAGE, re.MULTILINE)
    printed = run_pytest(tmp_path)
    assert sorted(re.findall(r"^PASSED [\w.]+::(\w+)", printed, re.MULTILINE)) == sorted(written), printed


@pytest.mark.parametrize(
    "block", [block for block in BLOCKS if block.language == "python"], ids=lambda block: block.name
)
def test_no_python_on_the_page_is_left_untried(block: Block) -> None:
    """Each Python block is marked as a module or as tests."""
    assert block.mark in ("module", "tests")


def test_the_page_names_all_there_is() -> None:
    """Everything that a scripted user can do, and every contract check, is on the page."""
    acts = [name for name, value in vars(Script).items() if callable(value) and "*, " in str(inspect.signature(value))]
    assert len(acts) > 5
    assert [act for act in acts if f"`{act}(" not in PAGE] == []
    assert [check for check in contracts.__all__ if f"`{check}(" not in PAGE] == []
