"""From the words that a voice speaks back to what the handler said."""

# ruff: noqa: RUF001, SIM905  # punctuation of real text; lists of words

from __future__ import annotations

import tracemalloc
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicekit.contracts import Text
from voicekit.reply import Aligner
from voicekit.writing import word_spans


def heard(text: str, *spoken: str) -> list[str]:
    """What counts as heard at each spoken word, of a text sent as it is: the last word or so of it."""
    aligner = Aligner()
    aligner.sent(Text.raw(text, 0))
    return [text[: aligner.mark(word)] for word in spoken]


def last_words(text: str, spoken: str) -> list[str]:
    return [so_far.split()[-1] if so_far else "" for so_far in heard(text, *spoken.split())]


def test_words_that_are_spoken_as_sent_are_found_one_by_one():
    """Case, punctuation, quotes and accents make no difference, and closing punctuation is heard with its word."""
    text = "Hello, “naïve” world — don't (ever) stop!"
    assert heard(text, "hello", "NAIVE", "world", "don’t", "ever", "stop") == [
        "Hello,",
        "Hello, “naïve”",
        "Hello, “naïve” world",
        "Hello, “naïve” world — don't",
        "Hello, “naïve” world — don't (ever)",
        "Hello, “naïve” world — don't (ever) stop!",
    ]


@pytest.mark.parametrize(
    ("sent", "spoken", "expected"),
    [
        ("I have 5 apples.", "i have five apples", "I have 5 apples."),
        ("pay $1.50 and go", "pay one dollar and fifty cents and go", "pay $1.50 $1.50 $1.50 $1.50 $1.50 and go"),
        ("5 apples, five pears", "five apples five pears", "5 apples, five pears"),
        ("at 3:05 p.m. sharp", "at three oh five p m sharp", "at 3:05 3:05 3:05 p p.m. sharp"),
        ("25 of 100%", "twenty five of one hundred percent", "25 25 of 100% 100% 100%"),
        ("salt & pepper", "salt and pepper", "salt & pepper"),
        ("it is 1,249 in all", "it is one thousand two hundred forty nine in all", "it is" + " 1,249" * 6 + " in all"),
        ("see example.com now", "see example dot com now", "see example example. example.com now"),
        ("1 2 3 go", "one two three go", "1 2 3 go"),
    ],
)
def test_a_number_takes_up_the_words_it_is_spoken_as(sent, spoken, expected):
    """While "5" is spoken as "five", the 5 is what is heard, and the words behind it are found again."""
    assert last_words(sent, spoken) == expected.split()


def test_a_word_that_the_voice_leaves_out_is_passed_over():
    """The words behind it are found where they are."""
    assert last_words("the big cat saw the dog", "the cat saw dog") == ["the", "cat", "saw", "dog"]


def test_words_that_repeat_are_taken_in_order():
    """The nearest of several equal words is meant."""
    assert heard("no no no, I said no", "no", "no", "no", "i", "said", "no") == [
        "no",
        "no no",
        "no no no,",
        "no no no, I",
        "no no no, I said",
        "no no no, I said no",
    ]


def test_a_word_that_was_never_sent_shifts_the_others_by_nothing():
    """A strange word stands for the next one, which is then still found."""
    assert last_words("Hi there my friend", "hi um there my friend") == ["Hi", "there", "there", "my", "friend"]


def test_a_voice_that_says_all_of_it_differently_is_followed_word_by_word():
    """Where nothing is ever found, each spoken word moves one sent word on, and never beyond the end."""
    sent = " ".join(f"w{chr(97 + n)}" for n in range(26))
    assert last_words(sent, "x " * 30) == [*sent.split(), *["wz"] * 4]


def test_scripts_without_spaces_are_followed_by_the_letter_or_by_the_phrase():
    """A voice may mark each letter of Chinese, or all that stands between two spaces."""
    assert heard("你好，世界。再见", "你", "好", "世", "界", "再", "见")[3:5] == ["你好，世界。", "你好，世界。再"]
    assert heard("你好，世界。 再见", "你好，世界。", "再见") == ["你好，世界。", "你好，世界。 再见"]


def test_one_spoken_word_may_be_several_sent_ones():
    """ "twenty-five" is found whether it is marked in one or in two."""
    assert last_words("twenty-five days", "twenty-five days") == ["twenty-five", "days"]
    assert last_words("twenty-five days", "twenty five days") == ["twenty", "twenty-five", "days"]


def test_punctuation_and_unsent_words_move_nothing():
    """A mark without letters, or with nothing sent to match it, repeats what was said last."""
    assert heard("...", "...", "-", "") == ["", "", ""]
    everything = "Well - ok"
    assert heard(everything, "Well", "-", "—", "ok", "more", "more") == [*["Well"] * 3, *[everything] * 3]
    assert Aligner().mark("hello") == 0


def test_text_may_be_sent_piece_by_piece_between_the_marks():
    """What is sent later is found as well, also where a piece was cut in the middle of a word."""
    aligner = Aligner()
    aligner.sent(Text.raw("One mo", 0))
    assert aligner.mark("one") == 3
    aligner.sent(Text.raw("ment. Then two", 6))
    assert [aligner.mark(word) for word in ("moment", "then", "two")] == [11, 16, 20]


def test_what_is_heard_is_counted_in_the_handlers_text():
    """Of "$5", sent as "five dollars", all is heard when "five" begins."""
    aligner = Aligner()
    aligner.sent(Text("It is five dollars now", (1, 2, 3, 4, 5, 6, *[8] * 12, 9, 10, 11, 12)))
    assert [aligner.mark(word) for word in ("it", "is", "five", "dollars", "now")] == [2, 5, 8, 8, 12]


@given(st.text(max_size=60), st.lists(st.text(max_size=8), max_size=40))
def test_the_answer_never_falls_and_never_passes_what_was_sent(sent, spoken):
    """Whatever is marked, what was heard only grows, within what the voice was given."""
    aligner = Aligner()
    aligner.sent(Text.raw(sent, 0))
    answers = [aligner.mark(word) for word in spoken]
    assert answers == sorted(answers)
    assert all(0 <= answer <= len(sent) for answer in answers)


def test_numbers_in_words_and_dropped_words_cost_a_word_at_most_nearly_always() -> None:
    """Where one word in five is a number and plain words are missing, 95 in 100 answers are right to a word."""
    spoken_as = {"5": "five", "25": "twenty five", "$7": "seven dollars", "$1.50": "one dollar and fifty cents"}
    spoken_as |= {"3:05": "three oh five", "100%": "one hundred percent"}
    plain = "the a cat dog saw and five no. so, (well) I you we went to town there is one house was dollars at".split()
    near = spoken = 0
    for seed in range(40):
        random = Random(seed)
        sent = random.choices([*plain, *spoken_as], k=60)
        text, aligner = " ".join(sent), Aligner()
        aligner.sent(Text.raw(text, 0))
        for place, word in enumerate(sent):
            if word in plain and place % 10 == 9:
                continue
            for said in spoken_as.get(word, word).split():
                spoken += 1
                near += abs(len(text[: aligner.mark(said)].split()) - (place + 1)) <= 1
    assert near / spoken > 0.95


def test_it_forgets_what_was_spoken() -> None:
    """A long reply takes no more memory than a short one, also when half of the words are strange."""
    aligner = Aligner()

    def talk(start: int, end: int) -> int:
        for at in range(start, end, 10):
            aligner.sent(Text.raw("word wide ", at))
            aligner.mark("word")
            aligner.mark("strange")
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        settled = talk(0, 2_000)
        grown = talk(2_000, 8_000) - settled
    finally:
        tracemalloc.stop()
    assert aligner.mark("word") > 7_900
    assert grown < 16_384


@pytest.mark.parametrize(
    "text",
    [
        "오늘은 비가 조금 오고 바람이 많이 붑니다.",
        "आज सुबह हल्की बारिश हुई है और क्षेत्र में ठंड है।",
        "আজ সকালে হালকা বৃষ্টি হয়েছে।",
        "இன்று காலை லேசான மழை பெய்தது.",
        "هل تبحث عن كتابٍ معيّنٍ؟",
        "می‌خواهم کتاب را نگه دارم.",
        "שָׁלוֹם לכולם!",
    ],
)
def test_words_of_scripts_with_spaces_are_found_one_by_one(text):
    """Vowel signs and syllables are no words of their own, so none of it is out of reach."""
    assert last_words(text, text) == text.split()


@pytest.mark.parametrize("text", ["วันนี้ฝนตกเล็กน้อยและลมแรงมาก", "ថ្ងៃស្អែកយើងបើកនៅម៉ោង", "မနက်ဖြန်ဖွင့်ပါမယ်", "ມື້ອື່ນພວກເຮົາເປີດ"])
def test_characters_of_scripts_without_spaces_are_found_one_by_one(text):
    """With their vowel signs and tone marks; a phrase that is marked as a whole is heard as a whole."""
    characters = [text[start:end] for start, end in word_spans(text)]
    assert heard(text, *characters) == ["".join(characters[: place + 1]) for place in range(len(characters))]
    assert heard(text, text) == [text]


def test_a_number_in_a_text_without_spaces_takes_many_characters():
    """ "2567" is read in sixteen; what follows is found, and nothing of it counts before."""
    text, spoken = "ปี 2567 ฝนตกหนักมาก", "ปีสองพันห้าร้อยหกสิบเจ็ดฝนตก"
    characters = [spoken[start:end] for start, end in word_spans(spoken)]
    so_far = heard(text, *characters)
    number = characters.index("ฝ")
    assert so_far[0] == "ปี"
    assert set(so_far[1:number]) == {"ปี 2567"}
    assert so_far[-1] == "ปี 2567 ฝนตก"
