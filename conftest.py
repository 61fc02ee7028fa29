"""What every test of the project may use, the order of the files, and the rule for skips.

`@pytest.mark.needs_debian("package", "command or path")` skips a test, naming the package, if what the package
installs is missing. With VOICEKIT_NO_SKIPS=1 a skip is a failure, unless tests/expected_skips.txt has its reason.

Files with tests marked `slow` come first, so that two workers end at about the same time. `--random-order SEED`
shuffles the files instead: no test may depend on those before it.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
from collections.abc import Generator, Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import settings

from tests.machine import EXCUSED, Machine, watched
from voicekit.flow.threads import inline

EXPECTED_SKIPS = Path(__file__).parent / "tests" / "expected_skips.txt"

# No deadline: a busy machine is no defect. In CI the same examples each time, so that a failure is the change's own.
settings.register_profile("voicekit", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("voicekit")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--random-order", metavar="SEED", help="run the test files in an order made from SEED")


def pytest_configure(config: pytest.Config) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as for whatever a shell runs in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)  # what is tested with Ctrl-C inherits this
    config.option.loadscopereorder = False  # of pytest-xdist: files keep the order that they have here
    config.addinivalue_line("markers", "needs_debian(package, provides): needs a command or path of a Debian package")
    config.addinivalue_line("markers", "slow: takes more than a second; left out by python -m tests --fast")
    config.addinivalue_line("markers", "real: takes long, or installs; left to .ci/run by python -m tests")
    config.addinivalue_line("markers", "full_counts: tries ten times as often with VOICEKIT_FULL=1")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    slow = {item.path for item in items if item.get_closest_marker("slow") or item.get_closest_marker("real")}
    files = sorted(dict.fromkeys(item.path for item in items), key=lambda path: path not in slow)
    if (seed := config.getoption("--random-order")) is not None:
        Random(seed).shuffle(files)
    places = {path: place for place, path in enumerate(files)}
    items.sort(key=lambda item: places[item.path])


def pytest_collection_finish() -> None:
    """Leave what the collection has made, 370,000 objects, out of all later garbage collections: 4 % of the time."""
    gc.collect()
    gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs_debian"):
        package, provides = mark.args
        if shutil.which(provides) is None and not Path(provides).exists():
            pytest.skip(f"needs the Debian package {package}, which brings {provides}")


@pytest.fixture(autouse=True)
def _threads_work_again() -> Iterator[None]:
    """A test that does without threads, for virtual time, leaves them to the next one."""
    yield
    inline.set(False)


@pytest.fixture
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """Tells whether the machine keeps time during the test; see tests/machine.py."""
    with watched() as machine:
        yield machine
    if machine.excuse:
        request.node.user_properties.append((EXCUSED, machine.excuse))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for kind in terminalreporter.stats.values() for report in kind]
    for report in reports:
        for excuse in (value for name, value in getattr(report, "user_properties", ()) if name == EXCUSED):
            terminalreporter.write_line(f"{EXCUSED}, as the machine does not keep time: {report.nodeid}: {excuse}")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _judge_skip(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _judge_skip(report)
    return report


def _judge_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Make a failure of a skip that nobody expects; expected failures (xfail) are reported as skips and stay."""
    if os.environ.get("VOICEKIT_NO_SKIPS") != "1" or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if not any(expected in reason for expected in _expected_skips()):
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} was skipped, which VOICEKIT_NO_SKIPS=1 does not allow: {reason}"


def _expected_skips() -> list[str]:
    lines = EXPECTED_SKIPS.read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]
