"""Characters with times become words with times."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicekit.soniox.api.wire import Timestamps
from voicekit.soniox.api.word_times import SpokenWord, WordTimes


def stamps(text: str, start: float = 0.0, each: float = 0.1) -> Timestamps:
    times = tuple(start + each * place for place in range(len(text)))
    return Timestamps(characters=tuple(text), character_start_times_seconds=times)


def test_a_word_may_be_in_two_messages() -> None:
    """A word is told when the next one begins, with the time of its first character."""
    words = WordTimes()
    assert words.feed(stamps("good mor")) == [SpokenWord("good", 0.0)]
    assert words.feed(stamps("ning all", 0.8)) == [SpokenWord("morning", 0.5)]
    assert words.finish() == [SpokenWord("all", 0.8 + 0.1 * 5)]
    assert words.finish() == []


def test_a_hole_ends_a_word() -> None:
    """Letters between which others were spoken that were not told are of two words, where their ends are told."""
    starts, ends = (0.0, 0.1, 0.5, 0.6), (0.1, 0.2, 0.6, 0.7)
    told = Timestamps(characters=tuple("gomo"), character_start_times_seconds=starts, character_end_times_seconds=ends)
    words = WordTimes()
    assert words.feed(told) + words.finish() == [SpokenWord("go", 0.0), SpokenWord("mo", 0.5)]


def test_scripts_without_spaces_are_told_by_the_character() -> None:
    """A Chinese or Japanese character is a word of its own, with the marks that follow it."""
    words = WordTimes()
    told = words.feed(stamps("你好。再")) + words.finish()
    assert [word.text for word in told] == ["你", "好。", "再"]


def test_missing_and_unequal_arrays_are_read_as_far_as_they_go() -> None:
    """A payload without times, or with fewer times than characters, tells what it can."""
    words = WordTimes()
    assert words.feed(Timestamps(characters=("a", "b"))) == []
    assert words.feed(Timestamps(characters=("a", "b"), character_start_times_seconds=(1.0,))) == []
    assert words.finish() == [SpokenWord("a", 1.0)]


@given(st.text(alphabet="ab c.你", max_size=60), st.lists(st.floats(-1, 100), min_size=60, max_size=60), st.data())
def test_words_do_not_depend_on_the_cuts_and_never_run_back(text: str, times: list[float], data: st.DataObject) -> None:
    """However the characters are spread over messages, the words are the same, and their times never run backwards."""
    whole, pieces = WordTimes(), WordTimes()
    expected = (
        whole.feed(Timestamps(characters=tuple(text), character_start_times_seconds=tuple(times))) + whole.finish()
    )
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    told: list[SpokenWord] = []
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        part = Timestamps(characters=tuple(text[start:end]), character_start_times_seconds=tuple(times[start:end]))
        told += pieces.feed(part)
    told += pieces.finish()
    assert told == expected
    assert "".join(word.text for word in told) == "".join(text.split())
    assert [word.at for word in told] == sorted(word.at for word in told)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("오늘은 비가", ["오늘은", "비가"]),
        ("ที่นี่", ["ที่", "นี่"]),
        ("ខ្មែរ។", ["ខ្មែ", "រ។"]),
        ("हिन्दी है", ["हिन्दी", "है"]),
    ],
)
def test_words_of_other_scripts_are_whole(text: str, expected: list[str]) -> None:
    """Korean has spaces; in Thai and Khmer a word is a character with its signs."""
    words = WordTimes()
    told = words.feed(stamps(text)) + words.finish()
    assert [word.text for word in told] == expected
    assert [round(word.at, 3) for word in told] == [round(0.1 * text.index(word), 3) for word in expected]
