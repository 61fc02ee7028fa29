"""What a character, a word and the end of a sentence are, in every script."""

# ruff: noqa: RUF001  # punctuation of other scripts

from __future__ import annotations

import tomllib
import unicodedata
from itertools import pairwise
from pathlib import Path

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.unicode_marks import PROPERTIES, having
from voicekit.writing import (
    begins_word,
    clause_ends,
    clusters,
    ends_sentence,
    is_unspaced,
    letters,
    sentence_ends,
    sentence_mark,
    shape,
    skeleton,
    units,
    whole_clusters,
    word_spans,
)
from voicekit.writing.marks import CLAUSE_MARKS, SENTENCE_MARKS

DATA = tomllib.loads(Path(__file__).parents[1].joinpath("data/languages.toml").read_text(encoding="utf-8"))
TEXTS: dict[str, str] = DATA["languages"] | DATA["others"]
ALPHABET = sorted({character for text in TEXTS.values() for character in text} | set("0123 .,!?\"'()«»…。、「」ー々ๆ"))
ANY = st.text(
    st.one_of(st.sampled_from(ALPHABET), st.sampled_from("\u200d\u200c\u0301🇩🇪👍🏽👨👩\ufe0f한\u1100\u1161\u11a8"))
)


def cut(text: str, places: list[int]) -> list[str]:
    return [text[start:end] for start, end in pairwise([0, *places, len(text)]) if start < end]


def words(text: str) -> list[str]:
    return [text[start:end] for start, end in word_spans(text)]


def said(text: str) -> list[str]:
    return [piece.strip() for piece in cut(text, list(sentence_ends(text)))]


@given(ANY)
def test_no_character_is_torn_that_unicode_takes_for_one(text: str) -> None:
    """Each cluster ends where one of Unicode's does; some of ours hold several of those."""
    theirs = {match.end() for match in regex.finditer(r"\X", text)}
    assert set(clusters(text)) <= theirs
    assert list(clusters(text))[-1:] == [len(text)][: bool(text)]


@pytest.mark.parametrize(
    ("text", "characters"),
    [
        ("ที่เสื้อเจ้าน้ำ", ["ที่", "เสื้", "อ", "เจ้า", "น้ำ"]),
        ("ເກົ້າ", ["ເກົ້າ"]),
        ("ស្ត្រីខ្មែរ", ["ស្ត្រី", "ខ្មែ", "រ"]),
        ("မြန်မာ", ["မြ", "န်", "မာ"]),
        ("क्षेत्र", ["क्षे", "त्र"]),
        ("ശ്രീ", ["ശ്രീ"]),
        ("ශ්‍රී", ["ශ්‍රී"]),
        ("e\u0301a", ["e\u0301", "a"]),
        ("한\u1112\u1161\u11ab", ["한", "\u1112\u1161\u11ab"]),
        ("🇩🇪🇫🇷👨‍👩‍👧👍🏽", ["🇩🇪", "🇫🇷", "👨‍👩‍👧", "👍🏽"]),
        ("コーヒー々", ["コー", "ヒー々"]),
    ],
)
def test_a_character_is_what_people_see_as_one(text: str, characters: list[str]) -> None:
    """With its accents, vowel signs, tone marks and conjuncts; the vowels that Thai writes first stay with it."""
    assert cut(text, list(clusters(text))) == characters
    for place in range(1, len(text) + 1):
        end = whole_clusters(text, place)
        assert end in clusters(text) if place >= len(characters[0]) else end == place


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Well, it's 3.14 - ok!", ["Well,", "it's", "3.14", "-", "ok!"]),
        ("우산을 꼭 챙기세요.", ["우산을", "꼭", "챙기세요."]),
        ("हिन्दी में क्षेत्र।", ["हिन्दी", "में", "क्षेत्र।"]),
        ("می‌خواهم بروم؟", ["می‌خواهم", "بروم؟"]),
        ("你好。再见", ["你", "好。", "再", "见"]),
        ("「はい」とiPhone15で", ["「は", "い」", "と", "iPhone15", "で"]),
        ("ไม่เป็นไร ครับ", ["ไม่", "เป็", "น", "ไร", "ค", "รั", "บ"]),
        ("ជំរាបសួរ។", ["ជំ", "រា", "ប", "សួ", "រ។"]),
        ("ဟုတ်ကဲ့။", ["ဟု", "တ်", "ကဲ့။"]),
    ],
)
def test_a_word_stands_between_spaces_or_is_a_character(text: str, expected: list[str]) -> None:
    """Marks that combine belong to their word in all scripts, and punctuation to the word before it."""
    assert words(text) == expected


@given(ANY)
def test_words_are_the_text_without_its_white_space_and_known_from_what_is_before_them(text: str) -> None:
    """Nothing is lost, and where a word begins does not change when more text comes."""
    assert "".join(words(text)) == "".join(text.split())
    starts = {start for start, _ in word_spans(text)}
    for place in range(1, len(text)):
        before = text[:place].split()[-1] if text[:place].split() and not text[place - 1].isspace() else ""
        assert text[place].isspace() or begins_word(before, text[place:]) == (place in starts)
        assert {start for start, _ in word_spans(text[:place])} == {start for start in starts if start < place}


def test_what_is_unspaced_and_the_shape_of_a_text() -> None:
    """Korean has spaces; Thai, Chinese and the punctuation of the latter have none."""
    assert [is_unspaced(it) for it in ("a", "한", "है", "", "你", "。", "เ", "က", "ક")] == [
        *(False, False, False, False),
        *(True, True, True, True),
        False,
    ]
    assert shape("Hi ที่5。") == "aa umm0w"
    assert skeleton("$5, 你ा") == "$5, um"


def test_letters_are_compared_without_the_rest() -> None:
    """Case, white space, punctuation and invisible characters go; vowel signs and digits stay."""
    assert letters(" Ünï-\u200cCODE 5! ") == "ünïcode5"
    assert letters("ठीक है।") == "ठीकहै"
    assert letters("ｏｋ。") == "ok"
    assert units("Uh-huh, 好的 👍") == [("uh", False), ("huh", False), ("好", True), ("的", True)]


@pytest.mark.parametrize("name", PROPERTIES)
def test_the_marks_are_those_of_unicode(name: str) -> None:
    """The table has Unicode's property, as far as this Python knows the characters."""
    marks = {"SENTENCE_MARKS": SENTENCE_MARKS, "CLAUSE_MARKS": CLAUSE_MARKS}[name]
    ours = {character for character in map(chr, range(0x10000)) if regex.match(f"[{marks}]", character)}
    theirs = set(map(chr, having(PROPERTIES[name])))
    assert {it for it in ours ^ theirs if unicodedata.category(it) != "Cn"} == set()


@pytest.mark.parametrize("language", sorted(set(TEXTS) - {"th", "lo"}))
def test_sentences_end_in_every_language(language: str) -> None:
    """Each of the texts has two or three sentences, and all are found."""
    text = TEXTS[language]
    found = said(text)
    assert 2 <= len(found) <= 3
    assert all(unicodedata.category(sentence[-1])[0] == "P" for sentence in found)
    assert all(ends_sentence(sentence) for sentence in found)
    assert len(found) >= 3 or language in {"ja", "cy", "lo"}


@pytest.mark.parametrize(
    "sentences",
    [
        ["Hello there.", "How are you?", "Fine!"],
        ["Really?!", "Well...", "yes…", "and so on"],
        ["Dr. Smith and J. S. Bach, e.g. at 5 p.m. or so.", "Then"],
        ["Wir feiern am 12. Juni.", "Kommen Sie!"],
        ["Im 19. Jahrhundert.", "Der 2. Weltkrieg.", "Ludwig XIV. war dort."],
        ["Es ist z. B. hier, d. h. dort.", "Das war 200 v. Chr. in Rom.", "Ja"],
        ["Det er den 12. juni.", "Det er f. eks. her.", "Ok"],
        ["12. června je volno.", "Ano"],
        ["Nyitás 2024. 06. 12. reggel.", "Jó"],
        ["2024. 6. 12.", "입니다.", "네.", "좋아요"],
        ["В 2024 г. и т. д. Да.", "Нет"],
        ["No.", "I don't.", "See No. 5.", "It is good"],
        ["He is 12.", "Then he left.", "I am 30.", "And you?"],
        ["That was 1990.", "Then came more"],
        ["1. First", "2. Second"],
        ["„Hallo.“", "»Ja.«", "Sagte er."],
        ['He said "Stop."', "(Twice.)", "Then left"],
        ["Vraiment ?", "Oui !", "Bien ?!", "Ok"],
        ["¿Qué tal?", "¡Bien!", "Vale"],
        ["क्या हाल है?", "सब ठीक है।", "धन्यवाद॥", "अच्छा"],
        ["ماذا؟", "نعم.", "حسنا"],
        ["اردو ہے۔", "پی۔آئی۔اے ٹھیک ہے۔", "جی"],
        ["Τι κάνεις;", "Καλά.", "Εσύ;", "Ναι"],
        ["Ի՞նչ կա։", "Լավ։", "Այո"],
        ["እንዴት ነህ፧", "ደህና ነኝ።", "እሺ"],
        ["សួស្តី។", "អរគុណ៕", "បាទ"],
        ["မင်္ဂလာပါ။", "နေကောင်းလား၊ ဟုတ်ကဲ့။", "အင်း"],
        ["Node.js, 3.14 and 1.250,00 are no ends", "see"],
    ],
)
def test_a_sentence_ends_where_a_reader_would_pause(sentences: list[str]) -> None:
    """In the right places and in no other, whatever the script."""
    between = "\n" if sentences[0].startswith(("1.", "Node")) else " "
    assert said(between.join(sentences)) == sentences


def test_marks_of_scripts_without_spaces_need_none() -> None:
    """Chinese, Japanese and Burmese go on directly behind the mark; what closes still belongs to the sentence."""
    assert said("好。再见！「好吗？」是") == ["好。", "再见！", "「好吗？」", "是"]
    assert said("「はい。」と言った。次は３．１４です。ok") == ["「はい。」と言った。", "次は３．１４です。", "ok"]
    assert list(sentence_ends("好。")) == list(sentence_ends("好。」")) == [], "it may still go on"
    assert list(sentence_ends("好。」再")) == [3]


def test_an_end_that_the_next_word_decides_waits_for_it() -> None:
    """A number with a stop may be an ordinal; when nothing more will come it is the end."""
    for text in ("Es ist der Tag 12.", "Es ist der Tag 12. ", "Es ist der Tag 12. Ju", "see no. "):
        assert list(sentence_ends(text)) == []
    assert list(sentence_ends("It is number 12. Th", last=True)) == [16]
    assert list(sentence_ends("It is number 12. Juni", last=True)) == []
    assert list(sentence_ends("It is number 12. Then ")) == [16]


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        *(("Well.", True), ("really?!", True), ('he said "no."', True), ("as follows:", True), ("a line\n", True)),
        *(("कैसे हैं?", True), ("ठीक है।", True), ("شكرا؟", True), ("ہے۔", True), ("好。", True), ("ነህ፧", True)),
        *(("សួស្តី។", True), ("ပါ။", True), ("It is 5!", True), ("สวัสดีครับ ", True), ("ສະບາຍດີ ", True)),
        *(("It costs 3.", False), ("at 5:", False), ("Dr.", False), ("z. B.", False), ("one", False), ("สวัสดี", False)),
        *(("", False), ("one, ", False), ("เอ", False)),
    ],
)
def test_a_pause_behind_the_end_of_a_sentence_is_one(text: str, ends: bool) -> None:
    """In Thai and Lao, which have no mark for it, a space is enough."""
    assert ends_sentence(text) is ends


def test_clauses_end_in_every_script() -> None:
    """Where a voice may pause within a sentence."""
    for text in (
        "one, two",
        "eins – zwei",
        "واحد، اثنان",
        "一，二",
        "一、二",
        "တစ်၊ နှစ်",
        "አንድ፣ ሁለት",
        "ένα· δύο",
        "(one) two",
    ):
        (end,) = list(clause_ends(text))
        assert text[end - 1] in ",–،，、၊፣·)"
    assert list(clause_ends("1,000 of them")) == []


def test_the_mark_at_the_end_is_found_with_what_closes() -> None:
    """So that what stands before it can be looked at."""
    assert [sentence_mark(text) for text in ("one.", 'one!"', "है।", "one", "")] == [3, 3, 2, 3, 0]


def test_a_long_text_takes_no_more_than_its_length() -> None:
    """Twenty thousand characters without an end, of marks only, or of numbers, take a moment."""
    for text in ("…" * 20_000, "1. " * 7_000, "a" * 20_000, "។" * 20_000, "ก\u0e34" * 10_000):
        assert sum(1 for _ in sentence_ends(text)) <= 7_000
        assert sum(1 for _ in word_spans(text)) <= 10_000
        assert whole_clusters(text, 10_001) <= 10_001
