"""What matches, how well, and where the slots' values are found."""

from __future__ import annotations

import re
import time
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicekit.reply.numerals import cardinal
from voicekit.rules.matching import match
from voicekit.rules.phrases import parse
from voicekit.rules.words import FILLERS, NEGATIONS, Said

LETTERS = st.text("bcdefg", min_size=2, max_size=4)


def found(phrase, said):
    return match(parse(phrase, {}) if isinstance(phrase, str) else phrase, Said.of(said))


def slots(phrase, said):
    """The values of the slots, None where nothing matches."""
    it = found(phrase, said)
    return None if it is None else {name: filled.value for name, filled in it.slots.items()}


@pytest.mark.parametrize(
    "said",
    ["What time is it?", "what is the time", "the time, what is it", "Um, what's the time please?", "WHAT TIME IS"],
)
def test_a_phrase_is_found_in_any_order_and_dress(said):
    """Order, case, punctuation, contractions, articles and fillers make no difference."""
    assert found("what is the time", said) is not None


@pytest.mark.parametrize("said", ["what time", "is the time", "the tie is what", "", "!"])
def test_every_word_of_a_phrase_is_needed(said):
    """A phrase of which a word is missing does not match."""
    assert found("what is the time", said) is None


@pytest.mark.parametrize(
    ("said", "coverage", "in_order"),
    [
        ("set a timer", 1.0, True),
        ("timer set", 1.0, False),
        ("well, please set the timer then", 1.0, True),
        ("set that other timer", 0.5, True),
    ],
)
def test_coverage_is_the_share_that_is_accounted_for(said, coverage, in_order):
    """Fillers that are left over don't count, other words do."""
    it = found("set a timer", said)
    assert (it.coverage, it.in_order) == (coverage, in_order)


@pytest.mark.parametrize(
    "said",
    [
        "I would like to set a timer",
        "could you set a timer",
        "I think I'd like to set a timer",
        "can you please set a timer for me",
        "hello there, would you please just set a timer",
    ],
)
def test_a_preamble_counts_no_more_than_a_filler(said):
    """Polite people are understood as well as short ones, unless their politeness is what the phrase is about."""
    assert found("set a timer", said).coverage == 1.0
    assert found("could you", "could you").coverage == 1.0


def test_words_in_a_slot_for_any_words_count_half():
    """What would take anything is worth less than what was meant."""
    assert found("call {name}", "call Ann").coverage == 0.75
    assert found("call Ann", "call Ann").coverage == 1.0
    assert found("{name}", "call Ann").coverage == 0.5


@pytest.mark.parametrize(
    ("phrase", "said"),
    [("call me", "do not call me"), ("call me", "don't call me"), ("call {name}", "never call Ann")],
)
def test_a_negation_is_no_match(phrase, said):
    """What the caller does not want does not happen, unless the phrase says it too."""
    assert found(phrase, said) is None
    assert found(f"[do not|never] {phrase}", said) is not None


@pytest.mark.parametrize(
    ("phrase", "said", "expected"),
    [
        ("timer for {t:duration}", "for an hour and a half the timer", {"t": timedelta(minutes=90)}),
        ("set a [{t:duration}] timer", "set a ten minute timer", {"t": timedelta(minutes=10)}),
        ("from {a:number} to {b:number}", "from five to ten", {"a": 5, "b": 10}),
        ("from {a:number} to {b:number}", "to ten from five", {"a": 5, "b": 10}),
        ("from {a:number} to {b:number}", "from um five to uh ten", {"a": 5, "b": 10}),
        ("{t:number} tickets and {d:number} drinks", "three drinks and two tickets", {"t": 2, "d": 3}),
        ("my pin is {pin:4 digits}", "my pin is double five twelve", {"pin": "5512"}),
        ("call {name}", "Please call Ann-Marie O'Neil, please.", {"name": "Ann-Marie O'Neil"}),
        ("call {name}", "call the Beatles", {"name": "the Beatles"}),
        ("remind me to {what} [tomorrow]", "remind me to talk to Bob", {"what": "talk to Bob"}),
        ("remind me to {what} [tomorrow]", "remind me to talk to Bob tomorrow", {"what": "talk to Bob"}),
        ("remind me to {what} [tomorrow]", "remind me tomorrow to talk to Bob", {"what": "talk to Bob"}),
        ("remind me to {what}", "to water the plants remind me", {"what": "water the plants"}),
        ("{name} is calling", "Ann Smith is calling", {"name": "Ann Smith"}),
        ("from {a} to {b}", "from New York to Los Angeles", {"a": "New York", "b": "Los Angeles"}),
        ("from {a} to {b}", "to Los Angeles from New York", {"a": "New York", "b": "Los Angeles"}),
        ("{n:number} {what}", "five green bottles", {"n": 5, "what": "green bottles"}),
        ("{what} for {n:number}", "a table for four", {"what": "a table", "n": 4}),
        ("{what}", "whatever it is", {"what": "whatever it is"}),
        ("call {name}", "call", None),
        ("call {name}", "call please", None),
        ("timer for {t:duration}", "timer for ten", None),
        ("from {a:number} to {b:number}", "from five to", None),
        ("from {a} to {b}", "from to Berlin", None),
    ],
)
def test_slots_find_their_values(phrase, said, expected):
    """A slot goes where its neighbours are, whatever the order; without a value there is no match."""
    assert slots(phrase, said) == expected


@pytest.mark.parametrize(
    ("phrase", "said", "expected"),
    [
        ("for {n:number}", "for four, no, five", {"n": 5}),
        ("for {n:number}", "for four, or rather, well, make it five please", {"n": 5}),
        ("for {n:number}", "for four no five no six", {"n": 6}),
        ("for {n:number}", "for four, no, for five", {"n": 5}),
        ("for {n:number}", "for four or five", {"n": 4}),
        ("for {n:number}", "no, for four", {"n": 4}),
        ("from {a:number} to {b:number}", "from four sorry five to ten", {"a": 5, "b": 10}),
        ("on {day:friday|saturday}", "on friday no wait on saturday", {"day": "saturday"}),
        ("{pin:4 digits}", "five five one two no five five one three", {"pin": "5513"}),
        ("in {t:duration}", "in ten minutes, actually an hour", {"t": timedelta(hours=1)}),
    ],
)
def test_a_value_that_is_taken_back_does_not_count(phrase, said, expected):
    """Who corrects himself means the last one; who only says several is taken at his first."""
    assert slots(phrase, said) == expected


def test_a_slot_has_the_words_for_its_value():
    """Values can be said again in the caller's words, choices in the author's, digits one by one."""
    it = found("{t:duration} {size:Small|Large} {pin:4 digits}", "ten minutes, LARGE, 5512")
    assert {name: filled.words for name, filled in it.slots.items()} == {
        "t": "ten minutes",
        "size": "Large",
        "pin": "5 5 1 2",
    }


def test_of_equal_matches_the_one_in_order_is_better():
    """Word order decides where nothing else does."""
    assert found("dog bites man", "man bites dog").rank < found("man bites dog", "man bites dog").rank


def test_a_regular_expression_is_searched_for_in_the_text():
    """Its named groups are slots, None where they took no part, and its match counts in whole words."""
    order = re.compile(r"order (?P<number>\d+)(?P<letter>[a-z])?", re.IGNORECASE)
    it = found(order, "My ORDER 123, please")
    assert {name: filled.value for name, filled in it.slots.items()} == {"number": "123", "letter": None}
    assert it.coverage == 0.5
    assert found(order, "my order") is None
    assert found(re.compile("x*"), "abc") is None
    assert found(re.compile(r"\?"), "?").coverage == 0


@given(st.lists(LETTERS, min_size=1, max_size=6), st.data())
def test_any_order_of_a_phrase_matches_it_whole(words, data):
    """A phrase's words in any order, with fillers anywhere between, are covered completely."""
    said = data.draw(st.permutations(words))
    for filler in data.draw(st.lists(st.sampled_from(sorted(FILLERS)), max_size=3)):
        said.insert(data.draw(st.integers(0, len(said))), filler)
    it = found(" ".join(words), " ".join(said))
    assert it.coverage == 1.0
    assert it.in_order or [word for word in said if word not in FILLERS] != words


@given(st.lists(LETTERS, min_size=1, max_size=6, unique=True), st.lists(LETTERS, max_size=6))
def test_coverage_is_a_share(words, others):
    """Whatever else was said, coverage is the phrase's words among all."""
    said = words + others
    assert found(" ".join(words), " ".join(said)).coverage == pytest.approx(len(words) / len(said))


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.booleans())
def test_two_numbers_go_to_their_slots(first, second, swapped):
    """Each number is found behind the word that its slot stands behind, in either order."""
    parts = [f"from {cardinal(first)}", f"to {cardinal(second)}"]
    said = " ".join(reversed(parts) if swapped else parts)
    assert slots("from {a:number} to {b:number}", said) == {"a": first, "b": second}


@given(st.lists(st.sampled_from([*"abcd", "five", "not", "to", "please", "ten minutes", "2"]), max_size=30))
def test_whatever_is_said_a_match_keeps_its_promises(said):
    """Coverage is above 0 and at most 1, each slot has a value, stretches are apart, and no "not" is left over."""
    text = " ".join(said)
    for phrase in ("{what}", "a {what} b", "to {n:number}", "{n:number} {t:duration}", "[c] {x} to {y} [d]"):
        it = found(phrase, text)
        if it is None:
            continue
        assert 0 < it.coverage <= 1
        assert all(filled.words for filled in it.slots.values())
        ends = sorted(it.stretches)
        assert all(before[1] <= after[0] for before, after in pairwise(ends))
        left = [word for place, word in enumerate(Said.of(text).words) if not it.accounts_for(place)]
        assert not NEGATIONS.intersection(left)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("phrase", "said"),
    [
        ("from {a:number} to {b:number} to {what}", "five to nine from one hundred to ten " * 1_250),
        ("take note {what}", "take note " + "word " * 10_000),
        ("a {x} b {y} c {z}", "a b c " * 3_000),
        ("{a:number} {b:number} {c:number} {d:number}", "hundred " * 10_000),
        ("{sure:yes/no}", "yes no " * 5_000),
        ("{pin:4 digits}", "five " * 10_000),
        ("a a a a {n:number}", "a " * 10_000),
    ],
)
def test_the_time_to_match_has_a_bound(phrase, said):
    """Ten thousand words, repeated without end, are matched or not in two seconds of a processor's time."""
    began = time.thread_time()
    found(phrase, said)
    assert time.thread_time() - began < 2.0
