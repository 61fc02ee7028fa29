"""What is said: variation without repetition, and gaps that are filled."""

from __future__ import annotations

import doctest
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicekit.errors import ConfigError
from voicekit.rules import lines, vary
from voicekit.rules.lines import LineSpeaker, Saying, fill, written

SURE = vary("Sure.", "Of course.", "Gladly.")


@given(st.integers(), st.lists(st.text(min_size=1).filter(str.strip), min_size=2, max_size=5, unique=True))
def test_nothing_is_said_twice_in_a_row(seed, texts):
    """Whatever chance does, two texts in a row differ, and each is one of those given."""
    speaker = LineSpeaker(Random(seed))
    said = [speaker.text(Saying(vary(*texts)), {}) for _ in range(20)]
    assert set(said) <= set(texts)
    assert all(before != after for before, after in pairwise(said))


def test_the_same_chance_says_the_same():
    """With the same seed the same course is taken, and every text has its turn."""
    once, again = LineSpeaker(Random(7)), LineSpeaker(Random(7))
    first = [once.text(Saying(SURE), {}) for _ in range(30)]
    assert first == [again.text(Saying(SURE), {}) for _ in range(30)]
    assert set(first) == set(SURE.texts)


def test_a_single_text_is_said_again_and_again():
    """Where there is no choice, there is none."""
    speaker = LineSpeaker(Random(0))
    assert [speaker.text(Saying(vary("Yes.")), {}) for _ in range(3)] == ["Yes."] * 3


@pytest.mark.parametrize("texts", [(), ("a", "a"), ("a", ""), ("a", "  "), ("a", 5)])
def test_what_does_not_vary_is_refused(texts):
    """Variation takes different texts, at least one."""
    with pytest.raises(ConfigError, match="expected different texts"):
        vary(*texts)


def test_gaps_are_filled_where_they_were_written():
    """Each name in braces becomes the words for that slot; doubled braces are braces."""
    saying = written(vary("{n} by {{n}}", "{n} {n}"), "here")
    assert saying.names == {"n"}
    assert {LineSpeaker(Random(seed)).text(saying, {"n": "five"}) for seed in range(9)} == {"five by {n}", "five five"}


def test_what_a_function_returns_has_no_gaps():
    """Braces in a text that nobody declared are said as they are."""
    assert LineSpeaker(Random(0)).text(Saying("{n} }"), {}) == "{n} }"


@pytest.mark.parametrize("text", ["{", "}", "{}", "{a b}", "{a", "a}", "{{a}", "{0}", "{a.b}", "{a!r}"])
def test_wrong_braces_are_refused(text):
    """A gap has a name and nothing else in it."""
    with pytest.raises(ConfigError, match="here: expected the name of a slot between braces"):
        written(text, "here")


@pytest.mark.parametrize("line", [None, 5, ["a"]])
def test_what_is_no_line_is_refused(line):
    """A line is a text or `vary(...)`."""
    with pytest.raises(ConfigError, match=r"here: expected text or vary\(...\)"):
        written(line, "here")


def test_a_gap_without_a_value_is_an_error():
    """It says which text wanted which slot, and what there is."""
    with pytest.raises(ConfigError, match=r"'\{day\}!': the slot 'day' has not been filled; the filled slots are: n"):
        fill("{day}!", {"n": "five"})


def test_the_examples_are_true():
    """What a docstring shows is what happens."""
    ran = doctest.testmod(lines)
    assert (ran.attempted > 0, ran.failed) == (True, 0)
