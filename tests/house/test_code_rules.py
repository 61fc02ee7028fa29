"""Rules for what users run: no wall clock, no printing, messages where the wires are; and what is long."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

import pytest

from tests.house.sizes import long_ones, report
from tests.house.source import Module, modules, names_used, product

CLOCKED: dict[str, str] = {
    "plugins/voicekit-browser/voicekit_browser/doors.py": "tokens have the time of day in them",
    "plugins/voicekit-serve/voicekit_serve/site.py": "signatures and tokens have the time of day in them",
    "plugins/voicekit-asterisk/voicekit_asterisk/testing/pbx.py": "it waits for a file of another program",
    "plugins/voicekit-asterisk/voicekit_asterisk/testing/phone.py": "it waits, outside trio, for another program",
    "plugins/voicekit-otel/voicekit_otel/spans.py": "spans have the time of day in them; nothing is decided by it",
    "voicekit/session/stopping.py": "a loop that stands still has no clock, and signals are answered in real seconds",
    "voicekit/flow/watchdog.py": "it measures how long the loop was really kept, and decides nothing by it",
    "plugins/voicekit-phone/voicekit_phone/rest/client.py": "the time of day is in the tokens that Vonage wants",
}
"""Modules that may read a clock of the machine, by path, with the reason why trio's or a sample count won't do."""

PRINTING = re.compile(
    r"voicekit/(cli/|__main__\.py|session/console\.py)|plugins/[^/]+/(scripts/|benchmarks/|voicekit_\w+/(\w+/)?commands?\.py)"
)  # these modules may print to the terminal


VALUES = ("msgspec.Struct", "msgspec.structs.replace")
"""What every module may take from msgspec: its values, which are made faster than dataclasses."""


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


def wires(module: Module) -> list[str]:
    """Each use of msgspec for anything but values."""
    return [
        f"{module.path}:{line}: {name}"
        for line, name in names_used(module.tree)
        if name.startswith("msgspec.") and name not in VALUES
    ]


def test_nothing_reads_a_wall_clock() -> None:
    """Deadlines come from trio's clock and media time from sample counts, so that whole calls run in virtual time."""
    assert _offences(clocks, product(), CLOCKED) == []


def test_nothing_prints_but_the_command_line() -> None:
    """A library leaves the standard output to the program that uses it."""
    assert [found for found in _offences(prints, product(), {}) if not PRINTING.match(found)] == []


def test_messages_are_read_and_written_where_the_wires_are() -> None:
    """soniox, llm and testing know the wires; the rest of the package takes values alone from msgspec."""
    wired = ("voicekit/soniox/", "voicekit/llm/", "voicekit/testing/")
    assert _offences(wires, [each for each in modules("voicekit/*") if not each.path.startswith(wired)], {}) == []


def test_exceptions_to_the_rules_are_needed() -> None:
    """What is excepted by name exists and would break the rule otherwise."""
    by_path = {module.path: module for module in product()}
    assert all(path in by_path and clocks(by_path[path]) for path in CLOCKED)


@pytest.mark.parametrize(
    ("rule", "text", "found"),
    [
        (clocks, "import time\ntime.monotonic()", ["x.py:2: time.monotonic"]),
        (clocks, "from time import sleep as nap\nnap(1)", ["x.py:2: time.sleep"]),
        (clocks, "import datetime as d\nd.datetime.now()", ["x.py:2: datetime.datetime.now"]),
        (clocks, "import trio\ntrio.current_time()\ntime.time()", []),
        (wires, "from msgspec import json\njson.encode(1)", ["x.py:2: msgspec.json.encode", "x.py:2: msgspec.json"]),
        (wires, "from msgspec import Struct\nfrom msgspec.structs import replace\nreplace(Struct())", []),
        (prints, "def f():\n    print(1)", ["x.py:2: print"]),
        (prints, "log.print(1)\nprint(1, file=trace)", []),
    ],
)
def test_each_rule_finds_what_breaks_it(rule: Callable[[Module], list[str]], text: str, found: list[str]) -> None:
    """Every rule names place and offence of a breach, and lets the nearest harmless code pass."""
    assert rule(Module("x.py", text, ast.parse(text))) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("def f():\n" + "    x\n" * 60, {"x.py: f": 61}),
        ("def f():\n" + "    x\n" * 59, {}),
        ("x\n" * 301, {"x.py": 301}),
        ("x\n" * 300, {}),
    ],
)
def test_what_is_long_is_found(text: str, found: dict[str, int]) -> None:
    """Modules of more than 300 lines and functions of more than 60 are named with their lengths."""
    assert long_ones(Module("x.py", text, ast.parse(text))) == found


def test_long_modules_are_reported_with_their_reasons() -> None:
    """Each has a line with its reason, or that it has none, and a reason that is not needed has one too."""
    assert report({"a.py": 301, "b.py: f": 61}, {"a.py": "a table", "c.py": "another"}) == [
        "a.py: 301 lines: a table",
        "b.py: f: 61 lines: no reason given",
        "c.py: is not long any more; its reason can go",
    ]


def _offences(rule: Callable[[Module], list[str]], among: list[Module], excepted: dict[str, str]) -> list[str]:
    return [offence for module in among if module.path not in excepted for offence in rule(module)]
