"""The language of phrases: what its signs mean, and what it refuses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicekit.errors import ConfigError
from voicekit.rules.kinds import KINDS, TEXT, choice
from voicekit.rules.phrases import MOST_VARIANTS, Slot, parse


def rows(text, named=None):
    return [
        " ".join(item if isinstance(item, str) else f"<{item.name}>" for item in variant.items)
        for variant in parse(text, named or {}).variants
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What's the time?", ["what is time"]),
        ("hello|hi", ["hello", "hi"]),
        ("(set|start) a timer", ["set timer", "start timer"]),
        ("(turn on|light) it", ["turn on it", "light it"]),
        ("set [me] a timer", ["set me timer", "set timer"]),
        ("[very|most] good", ["very good", "most good", "good"]),
        ("a ((b|c) d|e)", ["b d", "c d", "e"]),
        ("[a [b] c] d", ["b c d", "c d", "d"]),
        ("timer for {length:duration}", ["timer for <length>"]),
        ("remind me to {what}", ["remind me to <what>"]),
        ("on [{day}]", ["on <day>", "on"]),
        ("please", ["please"]),
        ("(please|the) wait", ["wait"]),
    ],
)
def test_a_phrase_is_all_its_variants(text, expected):
    """Alternatives and optional parts, nested or not, are taken apart in order, and small words left out."""
    assert rows(text) == expected


def test_slots_have_kinds():
    """A slot is of the kind behind its colon, and takes any words without one."""
    [variant] = parse("{n:number} of {what} in {size:small|large} for {who:person}", {"person": TEXT}).variants
    slots = [item for item in variant.items if isinstance(item, Slot)]
    assert [slot.name for slot in slots] == ["n", "what", "size", "who"]
    assert slots[0].kind is KINDS["number"]
    assert slots[1].kind is slots[3].kind is TEXT
    assert slots[2].kind.is_choice


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "a phrase that is entirely optional"),
        ("?!", "a phrase that is entirely optional"),
        ("[hello]", "a phrase that is entirely optional"),
        ("hello|", "a phrase that is entirely optional"),
        ("(set|start a timer", "expected ')' before the end"),
        ("[set a timer", "expected ']' before the end"),
        ("set] a timer", "']' closes nothing"),
        ("(set] a timer)", "expected ')' before the end"),
        ("timer for {length", "expected a complete slot such as {name:number}, got '{'"),
        ("timer for length}", "expected a complete slot such as {name:number}, got '}'"),
        ("{}", "expected a slot name that is a valid Python name, got ''"),
        ("{two words}", "expected a slot name that is a valid Python name, got 'two words'"),
        ("{n:nubmer}", "slot 'n': expected a kind of slot"),
        ("{n:number} and {n:number}", "expected each slot once, got 'n' twice"),
        ("{one} {other}", "expected a word between two slots that take any words"),
        ("(a|b|c|d|e) (f|g|h|i|j) (k|l|m|n|o) (p|q)", f"expected at most {MOST_VARIANTS} variants"),
    ],
)
def test_a_phrase_that_cannot_work_is_refused(text, expected):
    """The error shows the phrase, what was expected, and what is there."""
    with pytest.raises(ConfigError) as caught:
        parse(text, {})
    assert f"phrase {text!r}" in str(caught.value)
    assert expected in str(caught.value)


@given(st.text("ab ()[]|{}:", max_size=12))
def test_anything_is_a_phrase_or_an_error(text):
    """Whatever is written, it is parsed or refused as it should be, and a parsed one can't match nothing."""
    try:
        phrase = parse(text, {})
    except ConfigError:
        return
    assert phrase.variants
    assert all(variant.items for variant in phrase.variants)


def test_named_choices_are_kinds():
    """A list of choices that has a name is used by it."""
    size = choice(["small", "large"], "sizes")
    assert rows("a {size:size} one", {"size": size}) == ["<size> one"]
