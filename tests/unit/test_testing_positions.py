"""The sound of scripted users: each sample tells its position."""

from __future__ import annotations

from array import array

from hypothesis import given
from hypothesis import strategies as st

from voicekit.testing import Script
from voicekit.testing.positions import POSITIONS, SOUNDING, WINDOW, sounding

BLOCKS = 300
ALL = sounding(0, BLOCKS * POSITIONS, [])


@given(st.integers(0, BLOCKS * POSITIONS - WINDOW))
def test_a_window_is_found_in_one_place_only(at):
    """WINDOW samples in a row occur nowhere else in the same sound."""
    window = ALL[2 * at : 2 * (at + WINDOW)]
    places = [block * POSITIONS + at % POSITIONS for block in range(BLOCKS)]
    assert [place for place in places if ALL[2 * place : 2 * (place + WINDOW)] == window] == [at]


@given(st.integers(0, 3 * POSITIONS), st.integers(0, 2 * POSITIONS))
def test_a_cut_is_the_same_as_a_part(at, samples):
    """However the sound is asked for, a sample is the same."""
    assert sounding(at, samples, []) == ALL[2 * at : 2 * (at + samples)]


@given(st.integers(0, 40_000), st.integers(1, 900))
def test_it_sounds_when_the_script_says_so(at, samples):
    """Samples are SOUNDING louder from the start of a sound up to its end, and otherwise their place in the block."""
    script = Script()
    script.says("one", at=0.5, for_=0.25)
    script.coughs(at=0.75, for_=0.5)
    script.says("two", at=1.5, for_=0.5)
    values = array("h", script.pcm(at, samples, 16_000))
    places = range(at, at + samples)
    assert [value % POSITIONS for value in values] == [place % POSITIONS for place in places]
    spans = ((8_000, 12_000), (12_000, 20_000), (24_000, 32_000))
    assert [value >= SOUNDING for value in values] == [
        any(start <= place < end for start, end in spans) for place in places
    ]
