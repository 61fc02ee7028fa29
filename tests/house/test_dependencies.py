"""The core stays small: nothing new comes with it unnoticed."""

from __future__ import annotations

from pathlib import Path

from benchmarks.footprint import core_distributions, mebibytes

AGREED = Path(__file__).with_name("core_distributions.txt").read_text(encoding="utf-8").split()
MAX_DISTRIBUTIONS = 22  # besides numpy and voicekit itself
MAX_MIB = 18.0


def test_the_core_brings_only_what_is_agreed() -> None:
    """A distribution that is new among voicekit's requirements, or among theirs, is added to the list on purpose."""
    assert sorted(core_distributions() - set(AGREED)) == []


def test_the_core_stays_small() -> None:
    """The agreed list itself keeps to the limit, each name once; and so does what is installed, on the disk."""
    assert len(set(AGREED)) == len(AGREED)
    assert len(set(AGREED) - {"numpy"}) <= MAX_DISTRIBUTIONS
    assert 1.0 < sum(map(mebibytes, core_distributions() - {"numpy"})) <= MAX_MIB
