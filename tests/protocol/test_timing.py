"""Following a voice through its text: words that are told, words that are guessed, and how much was spoken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicekit.soniox.api.text_ends import CHARACTERS_PER_SECOND
from voicekit.soniox.api.wire import Timestamps
from voicekit.soniox.api.word_times import WordTimes
from voicekit.soniox.tts.timing import PlacedWord, WordTimer
from voicekit.writing import word_spans

ALL = float("inf")


class Voice:
    """Speaks at `each` seconds a character, and tells it or not."""

    def __init__(self, text: str, *, each: float = 0.1, speed: float = 1.0, pace: float = 1.0) -> None:
        self.follower = WordTimer(speed, pace)
        self.follower.send(text)
        self._times = WordTimes()
        self._each = each
        self._said = 0

    def tells(self, characters: str) -> None:
        starts = tuple(self._each * (self._said + place) for place in range(len(characters)))
        ends = tuple(start + self._each for start in starts)
        stamps = Timestamps(
            characters=tuple(characters), character_start_times_seconds=starts, character_end_times_seconds=ends
        )
        self._said += len(characters)
        self.follower.hear(self._each * len(characters), characters, self._times.feed(stamps))

    def sounds(self, characters: str) -> None:
        self._said += len(characters)
        self.follower.hear(self._each * len(characters), "", [])

    def ends(self) -> None:
        self.follower.finish(self._times.finish())

    def words(self, until: float = ALL) -> list[tuple[str, float]]:
        return [(word.text, round(word.at, 3)) for word in self.follower.words(until)]


def test_told_words_are_given_when_they_are_whole_and_their_time_has_come() -> None:
    """Each with the time that was told, its end in the text, and once."""
    voice = Voice("Good morning, you.")
    voice.tells("Good mor")
    assert voice.follower.words(ALL) == [PlacedWord("Good", 0.0, 4)]
    voice.tells("ning, you.")
    assert voice.words(0.5) == []
    assert voice.words(0.51) == [("morning,", 0.5)]
    assert voice.words() == []
    voice.ends()
    assert voice.words() == [("you.", 1.4)]
    assert voice.words() == []


def test_a_word_before_which_the_voice_is_silent_is_given_when_it_sounds() -> None:
    """Even the first one does not begin before its time, nor one behind a pause that had been taken for the end."""
    voice = Voice("One ")
    voice.sounds("----")
    assert voice.words() == []
    voice.tells("One ")
    assert voice.words() == [("One", 0.4)]
    voice.follower.catch_up()
    voice.follower.send("two ")
    voice.sounds("----")
    voice.tells("two ")
    assert voice.words() == [("two", 1.2)]


def test_a_number_is_one_word_that_takes_many() -> None:
    """What is spoken for it is found in it, and it is over when the next word has begun."""
    voice = Voice("Pay $5 now please")
    voice.tells("Pay five dollars ")
    assert voice.words() == [("Pay", 0.0), ("$5", 0.4)]
    assert voice.follower.spoken == len("Pay")
    voice.tells("now ")
    assert voice.words() == [("now", 1.7)]
    assert voice.follower.spoken == len("Pay $5 now")
    assert voice.follower.left() == pytest.approx(len(" please") / CHARACTERS_PER_SECOND)


def test_words_that_were_not_told_lie_between_those_that_were() -> None:
    """A message without timestamps costs the words in it their exact times, and no more."""
    voice = Voice("one two three four five six")
    voice.tells("one two ")
    voice.sounds("three ")
    voice.tells("four five ")
    assert voice.words() == [("one", 0.0), ("two", 0.4), ("three", 0.8), ("four", 1.4), ("five", 1.9)]
    assert voice.follower.spoken == len("one two three four five")


def test_a_voice_that_tells_nothing_is_guessed_by_its_text() -> None:
    """Words are guessed once there is sound enough, as far as there is text for certain, and known at the end."""
    text = "one two three four"
    voice = Voice(text, each=1 / CHARACTERS_PER_SECOND)
    voice.sounds(text[:10])
    assert voice.words(0.8) == []
    voice.sounds(text[10:14])
    assert voice.words(1.1) == [("one", 0.0), ("two", 0.333), ("three", 0.667)]
    assert voice.follower.left() == pytest.approx(4 / CHARACTERS_PER_SECOND)
    voice.sounds(text[14:])
    assert voice.words() == []
    voice.ends()
    assert voice.words() == [("four", 1.167)]


def test_the_end_tells_the_times_of_all_that_was_not_given() -> None:
    """A voice twice as slow as estimated is placed right when all its sound is there."""
    text = "one two three four"
    voice = Voice(text, each=2 / CHARACTERS_PER_SECOND)
    voice.sounds(text)
    voice.ends()
    assert voice.words() == [("one", 0.0), ("two", 0.667), ("three", 1.333), ("four", 2.333)]


def test_a_voice_that_has_said_everything_shows_its_pace() -> None:
    """What it was silent after is behind it, and what follows is guessed by what it took."""
    text = "one two three four five six seven eight nine ten "
    voice = Voice(text, each=0.05)
    voice.sounds(text)
    assert voice.follower.left() > 1.0
    voice.follower.catch_up()
    assert voice.follower.left() == 0.0
    assert voice.follower.pace == pytest.approx(0.05 * CHARACTERS_PER_SECOND)
    assert len(voice.words()) == 10
    voice.follower.send("eleven twelve thirteen fourteen fifteen sixteen ")
    voice.sounds("eleven twelve thirteen four")
    assert voice.words(3.8) == [("eleven", 2.45), ("twelve", 2.8), ("thirteen", 3.15), ("fourteen", 3.6)]


def test_a_voice_that_begins_to_tell_late_is_found_again() -> None:
    """After seconds of sound without a word, the words are looked for where they probably are."""
    words = [f"{letter}{other}" for letter in "abcdefgh" for other in "klmnopqrst"]
    text = " ".join(words) + " "
    voice = Voice(text, each=0.08)
    untold = len(" ".join(words[:40])) + 1
    voice.sounds(text[:untold])
    assert 30 <= len(voice.words(0.08 * untold)) <= 40
    voice.tells(text[untold : untold + 30])
    assert voice.words()[-1] == (words[49], pytest.approx(0.08 * (untold + 27), abs=0.001))


def test_scripts_without_spaces_are_guessed_by_the_character() -> None:
    """Each is a word of its own, with the mark behind it."""
    voice = Voice("你好。再见", each=0.25)
    voice.sounds("你好。再见")
    voice.ends()
    assert [word for word, _ in voice.words()] == ["你", "好。", "再", "见"]


@given(
    st.text(alphabet="กาที่เ้ នខ្មែ。你好 한국5", min_size=1, max_size=60),
    st.lists(st.tuples(st.integers(1, 12), st.booleans()), max_size=40),
)
def test_whatever_is_told_of_scripts_without_spaces_every_character_is_given_once(
    text: str, cuts: list[tuple[int, bool]]
) -> None:
    """The same of Thai, Khmer, Chinese and Korean, with whatever signs stand together."""
    voice = Voice(text)
    given: list[PlacedWord] = []
    place = 0
    for length, told in [*cuts, (len(text), True)]:
        part = text[place : place + length]
        voice.tells(part) if told and part else voice.sounds(part)
        place += len(part)
        given += voice.follower.words(voice.follower.sound)
        assert all(word.at < voice.follower.sound for word in given)
    voice.ends()
    given += voice.follower.words(ALL)
    assert [word.text for word in given] == [text[start:end] for start, end in word_spans(text)]
    assert [word.to for word in given] == [end for _, end in word_spans(text)]


@given(
    st.lists(st.text(alphabet="abcde$5,.", min_size=1, max_size=9), min_size=1, max_size=30),
    st.lists(st.tuples(st.integers(1, 12), st.booleans()), max_size=40),
    st.sampled_from([0.03, 0.08, 0.15]),
)
def test_whatever_is_told_every_word_is_given_once_and_in_order(
    words: list[str], cuts: list[tuple[int, bool]], each: float
) -> None:
    """However the sound is cut and which parts are told, each word of the text comes once, and none too far ahead."""
    text = " ".join(words)
    voice = Voice(text, each=each)
    given: list[PlacedWord] = []
    place = 0
    for length, told in [*cuts, (len(text), True)]:
        part = text[place : place + length]
        voice.tells(part) if told and part else voice.sounds(part)
        place += len(part)
        given += voice.follower.words(voice.follower.sound)
        assert all(word.at < voice.follower.sound for word in given)
    voice.ends()
    given += voice.follower.words(ALL)
    assert [word.text for word in given] == text.split()
    assert [word.to for word in given] == sorted(word.to for word in given)
    assert given[-1].to == len(text)
    assert voice.follower.sound == pytest.approx(each * len(text))


@pytest.mark.parametrize(
    "text", ["วันนี้ฝนตกเล็กน้อย และลมแรงมาก", "ថ្ងៃស្អែក យើងបើក។", "你好。再见", "오늘은 비가", "क्षेत्र है।"]
)
def test_told_characters_give_each_word_its_time_in_every_script(text: str) -> None:
    """With the times of its characters it is arithmetic, for words and for characters that are words."""
    voice = Voice(text, each=0.1)
    given: list[tuple[str, float]] = []
    for character in text:
        voice.tells(character)
        given += voice.words()
    voice.ends()
    given += voice.words()
    assert given == [(text[start:end], round(0.1 * start, 3)) for start, end in word_spans(text)]
