"""Word errors count what was heard wrongly, not how it is written."""

from __future__ import annotations

import pytest

from voicekit_local.wer import Errors, edit_distance, plain_words, prefix_distances, total_errors, word_errors


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("I can't, it's 5 p.m.", "i cannot it is five pm"),
        ("Press 1 or *2*.", "press one or two"),
        ("It costs $1,249.50", "it costs one thousand two hundred forty nine dollars and fifty cents"),
        ("The 21st of May", "the twenty first of may"),
        ("Mr. O\u2019Neil's e-mail", "mister oneils email"),
        ("They're well-known, aren't they?", "they are well known are not they"),
        ("20% off", "twenty percent off"),
    ],
)
def test_ways_of_writing_the_same_words_are_no_errors(said: str, heard: str) -> None:
    """Numbers, contractions, punctuation and signs may be written either way."""
    assert word_errors(said, heard).wrong == 0


@pytest.mark.parametrize(
    ("said", "heard", "wrong"),
    [
        ("a table for four", "a table for five", 1),
        ("a table for four", "table for four", 1),
        ("a table for four", "a nice table for four", 1),
        ("a table for four", "", 4),
        ("", "what", 1),
    ],
)
def test_each_wrong_missing_or_additional_word_is_an_error(said: str, heard: str, wrong: int) -> None:
    """Changes, losses and additions count one each."""
    assert word_errors(said, heard) == Errors(wrong, len(said.split()))


def test_rates_are_of_all_words_together() -> None:
    """The rate of several texts weighs long ones more, and is zero where nothing was said."""
    assert total_errors([("one two three", "one two three"), ("yes", "no")]).rate == 0.25
    assert total_errors([]).rate == 0.0


def test_distances_of_beginnings_are_found_at_once() -> None:
    """Each beginning of the second sequence has its own edit distance to the whole first one."""
    first, second = list("abc"), list("axbcd")
    assert prefix_distances(first, second) == [edit_distance(first, second[:count]) for count in range(6)]
    assert prefix_distances(first, second) == [3, 2, 2, 2, 1, 2]


def test_letters_of_other_scripts_are_words_too() -> None:
    """Words are not only made of the letters a to z."""
    assert plain_words("Schöne Grüße") == ["schöne", "grüße"]
