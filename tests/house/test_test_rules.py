"""Rules for tests: each states its promise in one sentence, and none really sleeps."""

from __future__ import annotations

import ast
import re

import pytest

from tests.house.source import Module, functions, modules_of_tests, names_used

HERE = {"tests/house/test_test_rules.py"}

SLEEPING: dict[str, str] = {
    "tests/e2e/test_stopping.py": "other processes are sent signals, and some can no longer say where they are",
}
"""Test files that may really sleep, by path, with the reason."""


def without_promise(module: Module) -> list[str]:
    """Each test function whose docstring is missing, or whose first paragraph isn't one sentence."""
    return [
        f"{module.path}:{test.lineno}: {test.name}"
        for test in functions(module.tree)
        if test.name.startswith("test") and not _is_one_sentence((ast.get_docstring(test) or "").split("\n\n")[0])
    ]


def sleeps(module: Module) -> list[str]:
    return [f"{module.path}:{line}" for line, name in names_used(module.tree) if name == "time.sleep"]


def test_every_test_states_its_promise() -> None:
    """Every test has a docstring that is, or begins with, a paragraph of one sentence."""
    found = [offence for module in modules_of_tests() if _has_tests(module) for offence in without_promise(module)]
    assert found == []


def test_no_test_really_sleeps() -> None:
    """Tests wait for events or in virtual time, never for the machine's clock to pass."""
    assert [offence for module in modules_of_tests() if module.path not in SLEEPING for offence in sleeps(module)] == []


def test_every_test_that_counts_is_repeated_in_full() -> None:
    """A file that takes its number of tries from tests/counts.py has tests marked `full_counts`, and no other has."""
    texts = {module.path: module.text for module in modules_of_tests() if _has_tests(module)}
    counting = {path for path, text in texts.items() if "from tests.counts import" in text}
    marked = {path for path, text in texts.items() if "pytest.mark.full_counts" in text}
    assert counting - HERE == marked - HERE


@pytest.mark.parametrize(
    ("docstring", "fine"),
    [
        ("It works.", True),
        ("It works for 0.5 s, e.g. here,\n    and on a second line.", True),
        ("", False),
        ("It works", False),
        ("It works. So does this.", False),
        ("It works.\n\n    And more.", True),
    ],
)
def test_a_promise_is_one_sentence(docstring: str, fine: bool) -> None:
    """The rule tells one sentence from none, half a one, and two."""
    text = f'def test_x():\n    """{docstring}"""'
    assert without_promise(Module("x.py", text, ast.parse(text))) == ([] if fine else ["x.py:1: test_x"])


def test_a_real_sleep_is_found() -> None:
    """The rule sees a sleep whatever it was imported as."""
    text = "from time import sleep as nap\nimport trio\ntrio.sleep(1)\nnap(1)"
    assert sleeps(Module("x.py", text, ast.parse(text))) == ["x.py:4"]


def _has_tests(module: Module) -> bool:
    return module.path.rpartition("/")[2].startswith("test_")


def _is_one_sentence(docstring: str) -> bool:
    return docstring.endswith(".") and "\n\n" not in docstring and not re.search(r"[.!?]\s+[A-Z]", docstring)
