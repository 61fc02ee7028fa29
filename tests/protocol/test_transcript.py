"""Several sessions' transcripts as one: the space between their words, progress, and guesses that nobody repeats."""

from __future__ import annotations

import pytest

from voicekit.events import Endpoint, Final, Interim, Progress, Translated, Word
from voicekit.soniox.stt.tokens import TokenEvent
from voicekit.soniox.stt.transcript import TranscriptBuilder


def words(*texts: str, end: int = 1) -> tuple[Word, ...]:
    return tuple(Word(text, 0, end) for text in texts)


def texts(said: list[TokenEvent]) -> list[str]:
    return [word.text for event in said if isinstance(event, Final | Interim | Translated) for word in event.words]


@pytest.mark.parametrize(
    ("before", "after", "joined"),
    [
        ("good", "morning", " morning"),
        ("good", " morning", " morning"),
        ("good ", "morning", "morning"),
        ("good", ".", "."),
        ("good", "\u201dand", "\u201dand"),
        ("it costs", "5", " 5"),
        ("he said", '"no"', ' "no"'),
        ("\u4f60\u597d", "\u4e16\u754c", "\u4e16\u754c"),  # Chinese has no spaces
        ("hello", "\u4e16\u754c", "\u4e16\u754c"),
        ("\u043f\u0440\u0438\u0432\u0435\u0442", "\u043c\u0438\u0440", " \u043c\u0438\u0440"),  # Russian has spaces
    ],
)
def test_the_first_word_of_a_new_session_gets_the_space_that_it_lacks(before: str, after: str, joined: str) -> None:
    """A recogniser writes no space in front of what it hears first; between two words there is one all the same."""
    whole = TranscriptBuilder()
    assert texts(whole.feed(Final(words(before)))) == [before]
    whole.new_session()
    assert texts(whole.feed(Interim(words(after, "x")))) == [joined, "x"]
    assert texts(whole.feed(Final(words(after, "x")))) == [joined, "x"]


def test_only_the_first_word_is_touched() -> None:
    """Behind its first final words a session writes its own spaces, also where it writes none."""
    whole = TranscriptBuilder()
    whole.feed(Final(words("one")))
    whole.new_session()
    whole.feed(Final(words("two")))
    assert texts(whole.feed(Interim(words("three")))) == ["three"]
    assert texts(whole.feed(Final(words("three")))) == ["three"]


def test_nothing_is_put_in_front_of_the_very_first_word() -> None:
    """Where nothing was said for good before, there is nothing to be joined, however many sessions there were."""
    whole = TranscriptBuilder()
    whole.feed(Interim(words("maybe")))
    whole.new_session()
    assert texts(whole.feed(Interim(()))) == []
    assert texts(whole.feed(Final(words("one")))) == ["one"]


def test_a_translation_has_spaces_of_its_own() -> None:
    """What was said in one language has no bearing on the spaces of the other."""
    whole = TranscriptBuilder()
    whole.feed(Final(words("one")))
    whole.new_session()
    assert texts(whole.feed(Translated(words("eins"), is_final=True))) == ["eins"]
    whole.new_session()
    assert texts(whole.feed(Translated(words("zwei"), is_final=False))) == [" zwei"]


def test_progress_is_said_once_and_never_goes_back() -> None:
    """A new session begins before the place where the old one was sure; that is no news."""
    whole = TranscriptBuilder()
    assert whole.feed(Progress(100)) == [Progress(100)]
    whole.new_session()
    assert whole.feed(Progress(90)) == []
    assert whole.feed(Progress(100)) == []
    assert whole.feed(Progress(101)) == [Progress(101)]


def test_a_guess_that_a_new_session_does_not_repeat_is_taken_back() -> None:
    """As soon as it is sure of all that sound, the words that the old session showed there vanish."""
    whole = TranscriptBuilder()
    whole.feed(Interim(words("boo", end=500)))
    whole.new_session()
    assert whole.feed(Progress(499)) == [Progress(499)]
    assert whole.feed(Progress(500)) == [Interim(()), Progress(500)]
    assert whole.feed(Progress(501)) == [Progress(501)]


def test_a_session_is_left_to_replace_its_own_guesses() -> None:
    """Words that this session shows may be sure and not whole; they are its own to take back or to finish."""
    whole = TranscriptBuilder()
    whole.feed(Interim(words("boo", end=500)))
    whole.new_session()
    whole.feed(Interim(words("book", end=520)))
    assert whole.feed(Progress(520)) == [Progress(520)]


def test_anything_else_goes_through() -> None:
    """An Endpoint is the same in every session."""
    assert TranscriptBuilder().feed(Endpoint(7)) == [Endpoint(7)]
