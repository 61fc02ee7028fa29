"""Streamed text, cut into sentences."""

# ruff: noqa: RUF001  # punctuation of other scripts

from __future__ import annotations

import pytest
import regex
from hypothesis import given, settings

from tests.unit.reply_kit import BREATH, cut_texts, fed, raw
from voicekit.contracts import Text
from voicekit.flow import StreamContext
from voicekit.reply import sentences


def cut(text: str, max_chars: int = 120) -> list[str]:
    return [sentence.text for sentence in fed(sentences(max_chars), raw([text]))]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Hello there. How are you? Fine!", ["Hello there. ", "How are you? ", "Fine!"]),
        ("Really?! Well... yes…  and so on", ["Really?! ", "Well... ", "yes… ", " and so on"]),
        ('He said "Stop." (Twice.) Then left', ['He said "Stop." ', "(Twice.) ", "Then left"]),
        ("Title\nFirst line\n\nSecond", ["Title\n", "First line\n", "\nSecond"]),
        ("你好。世界！「好吗？」是", ["你好。", "世界！", "「好吗？」", "是"]),
        ("So do I. Really", ["So do I. ", "Really"]),
        ("That was 1990. Then came more", ["That was 1990. ", "Then came more"]),
    ],
)
def test_a_sentence_ends_where_a_reader_would_pause(text, said):
    """Full stops, question and exclamation marks, ellipses, CJK marks and new lines end a sentence."""
    assert cut(text) == said


@pytest.mark.parametrize(
    "text",
    [
        "Dr. Smith and Mrs. Jones, St. Louis",
        "It costs 3.5 or 1,000.50 euros",
        "see example.com or voicekit.py or https://x.y/z?a=b.c for it",
        "e.g. this, i.e. that, at 5 p.m. or so, z.B. hier, in the U.S. today",
        "J. S. Bach, J.R.R. Tolkien",
        "1. First",
        "wait,what?no",
        "etc. and so on vs. nothing",
    ],
)
def test_a_full_stop_that_belongs_to_a_word_ends_nothing(text):
    """Abbreviations, initials, decimals, addresses and the numbers of a list stay in one piece."""
    assert cut(text) == [text]


@pytest.mark.slow
@given(cut_texts())
@settings(max_examples=300)
def test_the_same_sentences_come_whatever_the_pieces(text_and_chunks):
    """Sentence by sentence the result is the same, not just altogether."""
    text, chunks = text_and_chunks
    assert fed(sentences(), raw(chunks)) == fed(sentences(), raw([text]))


@given(cut_texts())
def test_the_sentences_are_the_text_without_the_white_space_behind_it(text_and_chunks):
    """Put together they give the text; none is empty."""
    text, chunks = text_and_chunks
    said = [sentence.text for sentence in fed(sentences(), raw(chunks))]
    assert all(sentence.strip() for sentence in said)
    assert text.startswith("".join(said))
    assert not text.removeprefix("".join(said)).strip()


@given(cut_texts())
def test_no_sentence_is_too_long(text_and_chunks):
    """Each has at most `max_chars` characters, and no word is lost by cutting."""
    text, chunks = text_and_chunks
    said = [sentence.text for sentence in fed(sentences(20), raw(chunks))]
    assert all(len(sentence) <= 20 for sentence in said)
    assert "".join("".join(said).split()) == "".join(text.split())


def test_a_long_sentence_is_cut_behind_its_last_clause():
    """Where a sentence is too long, a comma, colon, semicolon or dash is the next best place."""
    assert cut("one two three, four five six; seven eight nine ten", 40) == [
        "one two three, four five six; ",
        "seven eight nine ten",
    ]
    assert cut("一二三四五六七八九十，一二三四五六七八九十", 20) == ["一二三四五六七八九十，", "一二三四五六七八九十"]


def test_a_long_clause_is_cut_behind_a_word_and_a_long_word_anywhere():
    """Words stay whole as long as they fit; a clause at the very front is not worth a piece of its own."""
    assert cut("Oh, one two three four five six", 20) == ["Oh, one two three ", "four five six"]
    assert cut("a" * 50, 20) == ["a" * 20, "a" * 20, "a" * 10]


def test_a_sentence_is_said_as_soon_as_it_is_over():
    """The white space behind the full stop is enough; nobody waits for the next word."""
    cutting = sentences().start(StreamContext())
    assert not list(cutting.feed(Text.raw("It is three", 0)))
    assert not list(cutting.feed(Text.raw(".", 11)))
    assert [sentence.text for sentence in cutting.feed(Text.raw(" ", 12))] == ["It is three. "]


def test_a_breath_ends_the_sentence_and_keeps_the_space_behind_it():
    """Half a sentence is said when the handler falls silent; white space alone waits for the next word."""
    cutting = sentences().start(StreamContext())
    list(cutting.feed(Text.raw("One moment", 0)))
    assert list(cutting.feed(BREATH)) == [Text.raw("One moment", 0), BREATH]
    list(cutting.feed(Text.raw(" ", 10)))
    assert list(cutting.feed(BREATH)) == [BREATH]
    assert list(cutting.feed(Text.raw("now. ", 11))) == [Text.raw(" now. ", 10)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("क्या हाल है? सब ठीक है। आप आइए। धन्यवाद।", ["क्या हाल है? ", "सब ठीक है। ", "आप आइए। ", "धन्यवाद।"]),
        ("Wir feiern am 12. Juni. Kommen Sie!", ["Wir feiern am 12. Juni. ", "Kommen Sie!"]),
        ("ماذا حدث؟ لا شيء. حسنا", ["ماذا حدث؟ ", "لا شيء. ", "حسنا"]),
        ("សួស្តី។ អរគុណ។", ["សួស្តី។ ", "អរគុណ។"]),
        ("မင်္ဂလာပါ။နေကောင်းလား", ["မင်္ဂလာပါ။", "နေကောင်းလား"]),
        ("Es ist z. B. hier. Ja", ["Es ist z. B. hier. ", "Ja"]),
    ],
)
def test_sentences_end_in_every_script(text, said):
    """The rules are those of `voicekit.writing`, said at once or letter by letter."""
    assert cut(text) == said
    assert [sentence.text for sentence in fed(sentences(), raw(text))] == said


@pytest.mark.parametrize(
    "text",
    [
        "ก" + "ที่นี่" * 25,
        "ກ" + "ເກົ້າ" * 30,
        "ស្ត្រី" * 25,
        "မြန်မာ" * 30,
        "क्षे" * 60,
        "한국어" * 50,
        "\u1112\u1161\u11ab" * 50,
        "e\u0301" * 70,
        "👨‍👩‍👧" * 30,
        "你好" * 70,
    ],
)
def test_no_cut_tears_a_character(text):
    """Where not even a space is found, the cut lies between two characters as people see them."""
    for most in (20, 37, 120):
        said = cut(text, most)
        assert "".join(said) == text
        assert all(len(piece) <= most for piece in said)
        ends = {match.end() for match in regex.finditer(r"\X", text)}
        assert all(len("".join(said[: place + 1])) in ends for place in range(len(said)))


def test_a_long_text_without_spaces_is_cut_where_a_space_is_after_all():
    """Thai puts one between clauses; if it comes early, the text behind it is cut by the character."""
    assert cut("กขคงจฉชซฌญ กขคงจฉชซฌญ", 20) == ["กขคงจฉชซฌญ ", "กขคงจฉชซฌญ"]
    assert cut("กข " + "ค" * 20, 20) == ["กข " + "ค" * 17, "คคค"]


def test_a_sentence_that_may_go_on_is_said_when_the_next_word_is_there():
    """ "12." may be the twelfth; a breath says what there is."""
    cutting = sentences().start(StreamContext())
    assert not list(cutting.feed(Text.raw("Es war Tag 12. ", 0)))
    assert [text.text for text in cutting.feed(Text.raw("Dann ", 15))] == ["Es war Tag 12. "]
    assert not list(cutting.feed(Text.raw("Nummer 3. ", 20)))
    assert [text.text for text in cutting.feed(BREATH)] == ["Dann Nummer 3. ", ""]
