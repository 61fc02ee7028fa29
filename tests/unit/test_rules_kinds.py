"""Kinds of values: which there are, choices, and yes or no."""

from __future__ import annotations

import pytest

from voicekit.errors import ConfigError
from voicekit.rules.kinds import KINDS, TEXT, UNTIL_HASH, YES_NO, choice, kind_of
from voicekit.rules.words import bare


def values(kind, text):
    return [found.value for found in kind.find(bare(text))]


@pytest.mark.parametrize(
    "text",
    ["Yes.", "yeah", "yep please", "Uh-huh", "mm-hmm", "that's right", "of course", "okay", "sure, right", "please do"],
)
def test_a_yes_is_a_yes(text):
    """People agree in many ways."""
    assert set(values(YES_NO, text)) == {True}


@pytest.mark.parametrize(
    "text", ["No.", "nope", "no thanks", "not really", "okay no", "right, no", "that's not right", "I don't", "never"]
)
def test_a_no_is_a_no(text):
    """People refuse in many ways, and where there is a no, an "okay" is no yes."""
    assert set(values(YES_NO, text)) == {False}


@pytest.mark.parametrize("text", ["yes no", "no, that's right", "I don't know", "not sure", "no idea", "Friday", ""])
def test_what_is_neither_is_neither(text):
    """A contradiction and a doubt are asked about again, never guessed at."""
    assert values(YES_NO, text) == []


def test_choices_are_found_whatever_they_were_said_in():
    """Case, accents and other ways to say it make no difference to the value, and the longest choice is meant."""
    day = choice({"New Year": ["January first"], "New Year's Eve": [], "Café Noir": "the black one"}, "here")
    assert values(day, "on new year's eve") == ["New Year's Eve"]
    assert values(day, "NEW YEAR or january first") == ["New Year", "New Year"]
    assert values(day, "cafe noir") == ["Café Noir"]
    assert values(day, "I take the black one") == ["Café Noir"]
    assert values(day, "the year") == []


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        ([], "expected a list of choices"),
        ("small", "expected a list of choices"),
        (5, "expected a list of choices"),
        (["small", "!"], "expected a choice that contains words, got '!'"),
        (["small", 5], "expected a choice that contains words, got 5"),
        ({"small": [5]}, "expected a choice that contains words, got 5"),
        ({"small": 5}, "expected a choice that contains words, got 5"),
        ({"small": ["tiny"], "little": ["Tiny"]}, "'Tiny' can't mean both 'small' and 'little'"),
    ],
)
def test_choices_that_cannot_work_are_refused(choices, expected):
    """The error says where, what was expected, and what is there."""
    with pytest.raises(ConfigError, match=r"^here: ") as caught:
        choice(choices, "here")
    assert expected in str(caught.value)


def test_a_kind_is_known_by_its_name():
    """Our kinds, named ones, counted digits and choices on the spot."""
    named = {"size": choice(["small", "large"], "here")}
    assert kind_of("number", named, "here") is KINDS["number"]
    assert kind_of("size", named, "here") is named["size"]
    assert values(kind_of(" small | large ", {}, "here"), "large small") == ["large", "small"]
    pin = kind_of("4 digits", {}, "here")
    assert values(pin, "my pin is five five one two") == ["5512"]
    assert values(pin, "five five one two three") == []


def test_keys_fill_what_has_digits():
    """A number and digits take keys up to a #, counted digits so many, the rest none."""
    keys = {name: kind_of(name, {}, "here").keys for name in (*KINDS, "4 digits", "a|b")}
    filled = {"number": UNTIL_HASH, "digits": UNTIL_HASH, "4 digits": 4}
    assert keys == {name: filled.get(name) for name in keys}


@pytest.mark.parametrize("name", ["nubmer", "0 digits", "-1 digits", "", "day of the week"])
def test_an_unknown_kind_is_refused(name):
    """The error lists the kinds that there are, with the named ones."""
    with pytest.raises(ConfigError) as caught:
        kind_of(name, {"size": TEXT}, "here")
    assert "here: expected a kind of slot (text, number, digits, time, duration, yes/no, size" in str(caught.value)
    assert repr(name) in str(caught.value)
