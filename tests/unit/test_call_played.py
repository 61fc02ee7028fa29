"""The estimate of what a caller has heard: its position under any order of events."""

from __future__ import annotations

import random

import pytest

from tests.counts import count
from voicekit.call.played import PlayedEstimate


@pytest.mark.full_counts
@pytest.mark.parametrize("seed", range(4))
def test_the_position_is_monotone_whatever_is_counted_marked_and_held(seed: int) -> None:
    """Any order of sending, holding, letting go, marks and counts: never falling, never above what was sent."""
    roll = random.Random(seed)
    for _ in range(count(2_000) // 4):
        estimate, now, last, names = PlayedEstimate(8000), 0.0, 0, []
        for step in range(60):
            now += roll.random() * 0.1
            match roll.randrange(7):
                case 0 | 1:
                    estimate.send(roll.randrange(1, 800), now)
                case 2:
                    estimate.mark(f"{step}")
                    names.append(f"{step}")
                case 3:
                    estimate.hold(now)
                case 4:
                    estimate.release(now)
                case 5:
                    estimate.pin(roll.randrange(estimate.sent + 100), now)
                case _ if names:
                    estimate.passed(roll.choice(names), now)
            heard = estimate.heard(now)
            assert last <= heard <= estimate.sent
            last = heard


def test_audio_is_not_counted_before_a_far_end_that_ran_dry_can_have_begun_it() -> None:
    """The far end takes up packets every 20 ms; the estimate, one packet late, still counts the packet before."""
    estimate = PlayedEstimate(16_000, delay=0.02)
    estimate.send(320, now=0.0)
    assert estimate.heard(0.03) == 160
    estimate.send(320, now=0.03)  # the first packet may be over since 0.02, so the second begins by 0.05
    assert [estimate.heard(now) for now in (0.03, 0.05, 0.06, 0.07, 0.08)] == [160, 320, 480, 640, 640]
