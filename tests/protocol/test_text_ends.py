"""Where a text may be cut, and how long it takes to say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicekit.soniox.api.text_ends import (
    bytes_reach,
    clause_end,
    next_word_end,
    reach,
    seconds_to_say,
    sentence_end,
    word_end,
)


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("One. Two! Three", ["One.", "One. Two!"]),
        ("It costs 3.14 or so. Yes", ["It costs 3.14 or so."]),
        ("It costs 3.", []),
        ('He said "No." Then', ['He said "No."']),
        ("What?! No", ["What?!"]),
        ("好。再见。走", ["好。", "好。再见。"]),
        ("a line\nanother", ["a line\n"]),
    ],
)
def test_a_sentence_ends_with_its_mark_and_a_space(text: str, ends: list[str]) -> None:
    """Closing quotes belong to the sentence, a point inside a number or at the very end is none."""
    found = {text[: sentence_end(text, limit)] for limit in range(len(text) + 1)} - {""}
    assert sorted(found, key=len) == ends


def test_clauses_and_words_end_too() -> None:
    """A comma or a colon ends a clause, a space a word, and between Chinese characters a word ends everywhere."""
    assert clause_end("well, yes: no", 13) == 10
    assert clause_end("1,000 of them", 13) == 0
    assert word_end("one two three", 9) == 7
    assert word_end("one", 3) == 0
    assert word_end("你好吗", 2) == 2
    assert next_word_end("ing and", 40) == 3
    assert next_word_end("x" * 41, 40) == 0


def test_saying_takes_time_by_the_letter() -> None:
    """Twelve letters a second at the usual speed; a Chinese character counts as three."""
    assert seconds_to_say("x" * 24) == 2.0
    assert seconds_to_say("x" * 24, 0.5) == 4.0
    assert seconds_to_say("你好吗呀") == 1.0
    assert reach("x" * 100, 2.0) == 24
    assert reach("你好吗呀", 0.5) == 2
    assert reach("short", 100.0) == 5
    assert reach("short", -1.0) == 0


@pytest.mark.slow
@given(st.text(max_size=50), st.integers(0, 60))
def test_no_character_is_torn_by_a_byte_limit(text: str, room: int) -> None:
    """What is said to fit does fit in UTF-8, and one character more would not."""
    text = text.encode(errors="replace").decode()
    count = bytes_reach(text, room)
    assert len(text[:count].encode()) <= room
    assert count == len(text) or len(text[: count + 1].encode()) > room


@given(st.text(alphabet="ab .,!?\n你。", max_size=40), st.integers(0, 40))
def test_ends_are_within_the_limit(text: str, limit: int) -> None:
    """No end lies beyond the limit, and none of a word lies between two of its letters."""
    for end_of in (sentence_end, clause_end, word_end):
        place = end_of(text, limit)
        assert 0 <= place <= min(limit, len(text))
    place = word_end(text, limit)
    around = text[place - 1 : place + 1]
    assert place in (0, len(text)) or not (around.isascii() and around.isalpha())


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("क्या हाल है? सब ठीक है। आप", ["क्या हाल है?", "क्या हाल है? सब ठीक है।"]),
        ("Wir feiern am 12. Juni. Kommen", ["Wir feiern am 12. Juni."]),
        ("هل أنت هنا؟ نعم", ["هل أنت هنا؟"]),
        ("សួស្តី។ បាទ", ["សួស្តី។"]),
    ],
)
def test_sentences_end_in_every_script(text: str, ends: list[str]) -> None:
    """A stream that is nearly full ends with one of them."""
    assert sorted({text[: sentence_end(text, limit)] for limit in range(len(text) + 1)} - {""}, key=len) == ends


def test_words_end_in_every_script() -> None:
    """Thai ends one behind each character and Korean at spaces; no end tears a character."""
    assert [word_end("ที่นี่", limit) for limit in range(7)] == [0, 0, 0, 3, 3, 3, 3]
    assert word_end("오늘은 비가", 5) == 3
    assert next_word_end("ที่นี่", 40) == 3
    assert next_word_end("늘은 비가", 40) == 2
