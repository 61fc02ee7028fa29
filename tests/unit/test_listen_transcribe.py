"""Transcript assembly: tokens to words, finals once, the tail replaced."""

# ruff: noqa: RUF001  # letters of many scripts

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicekit.events import Final, Interim, Word, joined
from voicekit.listen.transcribe import Assembly, HeardToken, words


def tokens(*texts: str) -> list[HeardToken]:
    """Tokens without times."""
    return [HeardToken(text) for text in texts]


def texts(said: list[Final | Interim]) -> list[tuple[str, list[str]]]:
    return [(type(entry).__name__, [word.text for word in entry.words]) for entry in said]


def test_a_final_word_is_released_when_the_next_one_begins() -> None:
    """ "week" may become "weekend": until another final word begins it stays in the interim."""
    assembly = Assembly()
    assert texts(assembly.feed(tokens("this", " week"))) == [("Final", ["this"]), ("Interim", [" week"])]
    assert texts(assembly.feed(tokens("end"))) == [("Interim", [" weekend"])]
    assert texts(assembly.feed(tokens(" is"))) == [("Final", [" weekend"]), ("Interim", [" is"])]


def test_a_token_that_may_change_releases_nothing() -> None:
    """Only a final token is proof that a word is over; a non-final " x" may still become "end"."""
    assembly = Assembly()
    assert texts(assembly.feed(tokens("week"), tokens(" x"))) == [("Interim", ["week", " x"])]
    assert texts(assembly.feed([], tokens("end"))) == [("Interim", ["weekend"])]


def test_the_tail_is_replaced_and_not_added_up() -> None:
    """Each feed brings the whole tail anew; one that is gone is said as an empty interim."""
    assembly = Assembly()
    assert texts(assembly.feed([], tokens("good", " mourning"))) == [("Interim", ["good", " mourning"])]
    assert texts(assembly.feed([], tokens("good", " morning"))) == [("Interim", ["good", " morning"])]
    assert texts(assembly.feed([], [])) == [("Interim", [])]


def test_an_interim_that_did_not_change_is_not_said_again() -> None:
    """A recogniser repeats its tail with every message; that is news only once."""
    assembly = Assembly()
    assembly.feed([], tokens("good"))
    assert assembly.feed([], tokens("good")) == []
    assert Assembly().feed([], []) == []


def test_flush_releases_the_last_word_and_drops_the_tail() -> None:
    """At the end of an utterance the open word is complete, and what never became final is gone."""
    assembly = Assembly()
    assembly.feed(tokens("good", " morn"), tokens("ing"))
    assert texts(assembly.flush()) == [("Final", [" morn"]), ("Interim", [])]
    assert assembly.flush() == []


def test_what_follows_a_flush_begins_a_word() -> None:
    """After the end of an utterance a token without a space does not go on with the word before."""
    assembly = Assembly()
    assembly.feed(tokens("week"))
    assembly.flush()
    assembly.feed(tokens("end"))
    assert texts(assembly.flush()) == [("Final", ["end"]), ("Interim", [])]


def test_words_keep_their_white_space_and_punctuation() -> None:
    """A mark without a space belongs to the word before it; joining the words gives the text back."""
    assembly = Assembly()
    [final] = assembly.feed(tokens("Hello", ",", " wor", "ld", "!", " "))
    assert final == Final((Word("Hello,", 0, 0), Word(" world!", 0, 0)))
    assert final.text == "Hello, world!"


def test_a_token_of_white_space_belongs_to_the_word_behind_it() -> None:
    """Alone it is no word, also not at the end of an utterance, and it is not lost."""
    assembly = Assembly()
    assert texts(assembly.feed(tokens("good", " "))) == [("Final", ["good"])]
    assert assembly.flush() == []
    assert texts(assembly.feed(tokens("morning", "\n", "all"))) == [
        ("Final", [" morning"]),
        ("Interim", ["\nall"]),
    ]


def test_empty_tokens_are_nothing() -> None:
    """A recogniser may send a token without text."""
    assert Assembly().feed(tokens("", ""), tokens("")) == []


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        (["你", "好", "。", "世界"], ["你", "好。", "世界"]),
        (["コ", "ー", "ヒー", "です"], ["コー", "ヒー", "です"]),
        (["用", "iPhone", " 15", "吗"], ["用", "iPhone", " 15", "吗"]),
        (["สวัส", "ดี"], ["สวัส", "ดี"]),
        (["ส", "ว", "ั", "ส", "ด", "ี"], ["ส", "วั", "ส", "ดี"]),
        (["เ", "ก้", "า", "โมง"], ["เก้า", "โมง"]),
        (["ខ", "្ម", "ែរ"], ["ខ្មែរ"]),
        (["မြန်", "မာ", "။"], ["မြန်", "မာ။"]),
        (["안녕", "하세요", " 세계"], ["안녕하세요", " 세계"]),
        (["हि", "न्", "दी", " है", "।"], ["हिन्दी", " है।"]),
        (["می", "\u200c", "خواهم"], ["می\u200cخواهم"]),
        (["Grüß", "e", " aus", " Köln"], ["Grüße", " aus", " Köln"]),
        (["one ", "two ", "three"], ["one ", "two ", "three"]),
    ],
)
def test_scripts_without_spaces_make_a_word_of_each_token(pieces: list[str], expected: list[str]) -> None:
    """Chinese, Japanese and Thai tokens are words, with their punctuation; Korean and Latin go by spaces."""
    assembly = Assembly()
    said = [*assembly.feed(tokens(*pieces)), *assembly.flush()]
    assert [word.text for entry in said if isinstance(entry, Final) for word in entry.words] == expected


def test_another_speaker_begins_another_word() -> None:
    """Two people never share a word, with or without a space."""
    assembly = Assembly()
    said = assembly.feed([HeardToken("yes", speaker="1"), HeardToken("no", speaker="2")])
    assert said == [Final((Word("yes", 0, 0, speaker="1"),)), Interim((Word("no", 0, 0, speaker="2"),))]


def test_a_word_spans_its_pieces_and_is_as_sure_as_the_least_sure() -> None:
    """Times from the first start to the last end, the lowest confidence, the first language and speaker."""
    assembly = Assembly()
    pieces = [
        HeardToken(" wor", 100, 140, "en", "1", 0.9),
        HeardToken("l", speaker="1"),
        HeardToken("d", 150, 180, "de", "1", 0.4),
    ]
    assembly.feed(pieces)
    assert assembly.flush()[0] == Final((Word(" world", 100, 180, "en", "1", 0.4),))


def test_words_without_times_stand_where_the_word_before_them_ended() -> None:
    """Some tokens carry no times; their words still have a place, which never goes back."""
    assembly = Assembly()
    said = assembly.feed(
        [HeardToken("one", 100, 200), HeardToken(" two"), HeardToken(" three"), HeardToken(" four", 500, 600)]
    )
    assert said[0] == Final((Word("one", 100, 200), Word(" two", 200, 200), Word(" three", 200, 200)))
    assert said[1] == Interim((Word(" four", 500, 600),))
    assembly.flush()
    assert assembly.feed([], [HeardToken(" five", end=550)]) == [Interim((Word(" five", 600, 600),))]
    assert assembly.feed([], [HeardToken(" six")]) == [Interim((Word(" six", 600, 600),))]


pieces = st.lists(st.sampled_from(["a", " b", "c", " ", "。", "你", " de", ",", "", "\n"]), max_size=25)


@given(messages=st.lists(st.tuples(pieces, pieces, st.booleans()), max_size=12))
def test_every_final_token_is_said_once_and_in_order(messages: list[tuple[list[str], list[str], bool]]) -> None:
    """Whatever the messages, all finals joined are all final tokens, and the last interim is what is left."""
    assembly = Assembly()
    fed = released = ""
    interim = Interim(())
    for final, tail, over in messages:
        said = assembly.feed(tokens(*final), tokens(*tail))
        fed += "".join(final)
        released += "".join(word.text for entry in said if isinstance(entry, Final) for word in entry.words)
        interim = next((entry for entry in said if isinstance(entry, Interim)), interim)
        assert fed.startswith(released)
        assert interim.text == (fed[len(released) :] + "".join(tail)).strip()
        if over:
            said = assembly.flush()
            released += "".join(word.text for entry in said if isinstance(entry, Final) for word in entry.words)
            interim = next((entry for entry in said if isinstance(entry, Interim)), interim)
            assert fed[len(released) :].strip() == ""
            assert interim == Interim(())


@given(messages=st.lists(pieces, max_size=8))
def test_a_released_word_never_ends_in_the_middle(messages: list[list[str]]) -> None:
    """How final tokens are spread over messages changes no word."""
    spread, together = Assembly(), Assembly()
    by_message = [entry for final in messages for entry in spread.feed(tokens(*final))] + spread.flush()
    at_once = together.feed(tokens(*(text for final in messages for text in final))) + together.flush()
    assert [word for entry in by_message if isinstance(entry, Final) for word in entry.words] == [
        word for entry in at_once if isinstance(entry, Final) for word in entry.words
    ]


def test_a_phrase_is_spread_by_its_letters() -> None:
    """ "good morning" in 11 units: four for "good", seven for "morning"."""
    assert words("good morning", 1_000, 2_100) == (Word("good", 1_000, 1_400), Word(" morning", 1_400, 2_100))


def test_a_phrase_without_spaces_is_spread_by_its_characters() -> None:
    """Chinese characters are words of their own, with the punctuation behind them."""
    assert words("你好。", 0, 300) == (Word("你", 0, 100), Word("好。", 100, 300))


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_nothing_said_is_no_words(text: str) -> None:
    """White space alone is no word."""
    assert words(text, 0, 100) == ()


@given(
    text=st.text(st.sampled_from("ab 你好。,\n"), max_size=40), start=st.integers(0, 10**6), span=st.integers(0, 10**6)
)
def test_words_of_a_phrase_touch_and_fill_their_time(text: str, start: int, span: int) -> None:
    """They say the whole text, begin at the start, end at the end, and leave no hole."""
    said = words(text, start, start + span)
    assert joined(said) == text.strip()
    if said:
        assert said[0].start == start
        assert said[-1].end == start + span
        assert all(word.end == after.start for word, after in pairwise(said))
