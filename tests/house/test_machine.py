"""The helper that tells a busy machine from a slow voicekit."""

from __future__ import annotations

import pytest

from tests.machine import Machine, watched


def machine(*late: float) -> Machine:
    made = Machine()
    made.late += late
    return made


@pytest.mark.parametrize(
    ("late", "kept"),
    [
        ([], True),
        ([0.01] * 50, True),
        ([0.01] * 49 + [0.03], False),
        ([0.01] * 199 + [0.5], True),  # one slow step in 200
        ([0.01] * 190 + [0.5] * 10, False),
    ],
)
def test_a_machine_keeps_time_if_99_steps_in_100_do(late: list[float], kept: bool) -> None:
    """Few steps must all be in time; of many one in a hundred may be late."""
    assert machine(*late).keeps_time(within=0.02) == kept


def test_the_excuse_says_how_late_it_was() -> None:
    """It is empty until a test was told no, and has what was measured and what was allowed."""
    late = machine(0.25)
    assert late.excuse == ""
    assert late.keeps_time(within=0.5)
    assert late.excuse == ""
    assert not late.keeps_time(within=0.1)
    assert late.excuse == "steps of 20 ms end 250 ms late, 100 ms are allowed"


def test_a_watched_machine_is_measured_until_the_block_is_left() -> None:
    """Steps are noted while the block lasts, none below zero, and none afterwards."""
    with watched() as made:
        while len(made.late) < 3:
            made.over.wait(0.01)
    steps = len(made.late)
    assert min(made.late) >= 0.0
    assert made.over.is_set()
    assert len(made.late) == steps
