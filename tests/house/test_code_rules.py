"""Rules for what users run: no wall clock, no printing, and pieces small enough to read in one go."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

import pytest

from tests.house.source import Module, functions, modules, names_used, product

MAX_MODULE = 300  # lines; a longer module has two purposes
MAX_FUNCTION = 60  # lines, docstring included

LONG_MODULES = {
    "voicekit/events.py": "the whole vocabulary on one page, so that every event is seen beside the others",
}
"""Modules of up to 450 lines, by path, with the reason why they can't be two."""

CLOCKED: dict[str, str] = {
    "voicekit/session/stopping.py": "a loop that stands still has no clock, and signals are answered in real seconds",
    "voicekit/flow/watchdog.py": "it measures how long the loop was really kept, and decides nothing by it",
}
"""Modules that may read a clock of the machine, by path, with the reason why trio's or a sample count won't do."""

PRINTING = re.compile(
    r"voicekit/(cli/|__main__\.py|session/console\.py)|plugins/[^/]+/(scripts/|voicekit_\w+/(\w+/)?commands?\.py)"
)  # the terminal is their business


def clocks(module: Module) -> list[str]:
    """Each use of a clock other than trio's: anything of `time`, and "now" in `datetime`."""
    now = ("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today")
    return [
        f"{module.path}:{line}: {name}"
        for line, name in names_used(module.tree)
        if name.startswith("time.") or name in now
    ]


def prints(module: Module) -> list[str]:
    """Each `print` that doesn't say where to."""
    calls = [node for node in ast.walk(module.tree) if isinstance(node, ast.Call)]
    aimless = [call for call in calls if not any(keyword.arg == "file" for keyword in call.keywords)]
    return [f"{module.path}:{call.lineno}: print" for call in aimless if ast.unparse(call.func) == "print"]


def long_functions(module: Module) -> list[str]:
    return [
        f"{module.path}:{found.lineno}: {found.name} has {length} lines"
        for found in functions(module.tree)
        if (length := (found.end_lineno or 0) - found.lineno + 1) > MAX_FUNCTION
    ]


def long_modules(module: Module) -> list[str]:
    length = len(module.text.splitlines())
    limit = 450 if module.path in LONG_MODULES else MAX_MODULE
    return [f"{module.path} has {length} lines"] if length > limit else []


def test_nothing_reads_a_wall_clock() -> None:
    """Deadlines come from trio's clock and media time from sample counts, so that whole calls run in virtual time."""
    assert _offences(clocks, product(), CLOCKED) == []


def test_nothing_prints_but_the_command_line() -> None:
    """A library leaves the standard output to the program that uses it."""
    assert [found for found in _offences(prints, product(), {}) if not PRINTING.match(found)] == []


def test_functions_stay_short() -> None:
    """No function of the package, the plugins or the benchmarks is longer than 60 lines."""
    assert _offences(long_functions, [*product(), *modules("benchmarks/*")], {}) == []


def test_modules_stay_short() -> None:
    """No module is longer than 300 lines, and those with a stated reason not longer than 450."""
    assert _offences(long_modules, [*product(), *modules("benchmarks/*")], {}) == []


def test_exceptions_to_the_rules_are_needed() -> None:
    """What is excepted by name exists and would break the rule otherwise."""
    by_path = {module.path: module for module in product()}
    assert all(path in by_path and clocks(by_path[path]) for path in CLOCKED)
    assert all(path in by_path and len(by_path[path].text.splitlines()) > MAX_MODULE for path in LONG_MODULES)


@pytest.mark.parametrize(
    ("rule", "text", "found"),
    [
        (clocks, "import time\ntime.monotonic()", ["x.py:2: time.monotonic"]),
        (clocks, "from time import sleep as nap\nnap(1)", ["x.py:2: time.sleep"]),
        (clocks, "import datetime as d\nd.datetime.now()", ["x.py:2: datetime.datetime.now"]),
        (clocks, "import trio\ntrio.current_time()\ntime.time()", []),
        (prints, "def f():\n    print(1)", ["x.py:2: print"]),
        (prints, "log.print(1)\nprint(1, file=trace)", []),
        (long_functions, "def f():\n" + "    x\n" * 60, ["x.py:1: f has 61 lines"]),
        (long_functions, "def f():\n" + "    x\n" * 59, []),
        (long_modules, "x\n" * 301, ["x.py has 301 lines"]),
        (long_modules, "x\n" * 300, []),
    ],
)
def test_each_rule_finds_what_breaks_it(rule: Callable[[Module], list[str]], text: str, found: list[str]) -> None:
    """Every rule names place and offence of a breach, and lets the nearest harmless code pass."""
    assert rule(Module("x.py", text, ast.parse(text))) == found


def _offences(rule: Callable[[Module], list[str]], among: list[Module], excepted: dict[str, str]) -> list[str]:
    return [offence for module in among if module.path not in excepted for offence in rule(module)]
