"""What was said as bare words."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicekit.rules import words
from voicekit.rules.words import FILLERS, NEGATIONS, Said, bare


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What's the TIME?", ("what", "is", "the", "time")),
        ("what\u2019s the time", ("what", "is", "the", "time")),
        ("I can't, won't and don't", ("i", "can", "not", "will", "not", "and", "do", "not")),
        ("You're late; they'll wait. I'm here", ("you", "are", "late", "they", "will", "wait", "i", "am", "here")),
        ("Ann's o'clock d'accord", ("anns", "oclock", "daccord")),
        ("Café, CAFÉ, cafe\u0301", ("cafe", "cafe", "cafe")),
        ("Straße", ("strasse",)),
        ("twenty-three", ("twenty", "three")),
        ("5pm at 10:30 p.m. or 3 a.m.", ("5", "pm", "at", "10:30", "pm", "or", "3", "am")),
        ("$1,000.50 and 1,2 and 3.5", ("1,000.50", "and", "1", "2", "and", "3.5")),
        ("Uh-huh. Mm-hmm!", ("uhhuh", "mmhmm")),
        ("um, set, uh, a timer", ("set", "a", "timer")),
        ("um", ("um",)),
        ("?!", ()),
        ("", ()),
    ],
)
def test_words_are_bare(text, expected):
    """Case, punctuation, accents, contractions and hesitations make no difference."""
    assert bare(text) == expected


@given(st.text())
def test_every_text_has_bare_words(text):
    """Whatever was typed, words come of it that are not empty and that no change of case would alter."""
    assert all(word and word == word.casefold() for word in bare(text))


@given(st.lists(st.sampled_from(["set", "um", "timer", "the", "not", "Bob's", "what's"]), max_size=8))
def test_fillers_and_negations_are_counted(said):
    """The counts of a stretch are those of its words."""
    found = Said.of(" ".join(said))
    for start in range(len(found) + 1):
        for end in range(start, len(found) + 1):
            part = found.words[start:end]
            assert found.fillers(start, end) == sum(word in FILLERS for word in part)
            assert found.negations(start, end) == sum(word in NEGATIONS for word in part)


def test_a_part_is_as_it_was_written():
    """Case, accents and inner punctuation stay; what stands around goes."""
    said = Said.of("Call Renée O'Brien, please!")
    assert said.part(1, 3) == "Renée O'Brien"


def test_a_part_may_begin_within_a_contraction():
    """The second half of a "what's" is the word that it stands for."""
    said = Said.of("what's up")
    assert (said.part(0, 3), said.part(1, 3), said.part(1, 2)) == ("what's up", "is up", "is")


def test_the_examples_are_true():
    """What a docstring shows is what happens."""
    ran = doctest.testmod(words)
    assert (ran.attempted > 0, ran.failed) == (True, 0)
