"""When turns are committed over the real recogniser, with the adviser of turns and by the endpoint alone."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.machine import Machine
from voicekit.turn.adviser import PausePatience

pytestmark = pytest.mark.real

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
MEDIANS = re.compile(r"^median +([\d.]+) +([\d.]+) +([\d.]+)$", re.MULTILINE)
LINE = re.compile(r"^(endpoint alone|with the adviser), (\d+) turns, median +([\d.]+)$", re.MULTILINE)


def printed(script: str) -> str:
    """What a benchmark prints, which is printed here as well."""
    done = subprocess.run(
        [sys.executable, BENCHMARKS / script], capture_output=True, text=True, timeout=400, check=True
    )
    print(done.stdout)
    return done.stdout


def test_turns_are_committed_sooner(recogniser: object, voice: object) -> None:
    """By the real recogniser, timed by sound: today's endpoints before the first version's, the adviser before both."""
    (medians,) = MEDIANS.findall(printed("commits.py"))
    before, endpoint, adviser = map(float, medians)
    assert adviser < endpoint < before


def test_calls_over_the_local_server_keep_their_turns(recogniser: object, voice: object, machine: Machine) -> None:
    """Eight spoken sentences are eight turns, and the adviser adds at most the time that it gives a statement.

    The local server's endpoints come early, so the adviser's wait after a statement shows in the median.
    """
    found = {name: (int(turns), float(median)) for name, turns, median in LINE.findall(printed("answers.py"))}
    assert found.keys() == {"endpoint alone", "with the adviser"}
    if machine.keeps_time(within=0.03):  # otherwise the recogniser falls behind, and its decisions come late
        assert [turns for turns, _ in found.values()] == [8, 8]
        assert found["with the adviser"][1] < found["endpoint alone"][1] + PausePatience().statement
