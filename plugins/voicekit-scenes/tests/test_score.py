"""The rules of the score, by stretches written down."""

from __future__ import annotations

import pytest

from voicekit_scenes.activity import Stretch
from voicekit_scenes.scene import Due
from voicekit_scenes.score import (
    Became,
    Heard,
    empty_questions,
    history_differs,
    lost_words,
    mark,
    outcomes,
    whole,
)

SAYS = Heard(1.0, 3.0, Due.ANSWER)


def reply(start: float, end: float, number: int = 0, begins: float = 0.0) -> Stretch:
    return Stretch(start, end, number, begins, begins + end - start)


def test_an_answer_is_measured_from_the_end_of_the_sound() -> None:
    """It begins at 3.8 s, the caller ended at 3.0 s: 0.8 s, worth 1."""
    (came,) = outcomes([SAYS], [reply(3.8, 6.0)], [2.2])
    assert (came.given, came.cut_in, came.mark, came.good) == (True, False, 1.0, True)
    assert came.latency == pytest.approx(0.8)


def test_no_answer_is_worth_nothing() -> None:
    """Neither a reply that had begun before the sound nor one that comes after 8 s is an answer to it."""
    for bot in ([], [reply(0.0, 1.5)], [reply(11.5, 12.0)]):
        (came,) = outcomes([SAYS], bot, [2.0])
        assert (came.given, came.mark, came.good) == (False, 0.0, False)


def test_an_answer_inside_the_sound_is_a_cut_in() -> None:
    """It counts whether or not it is answered again behind the sound, and the answer is worth nothing."""
    (came,) = outcomes([SAYS], [reply(2.0, 2.4), reply(3.9, 5.0, 1)], [2.0, 1.1])
    assert (came.cut_in, came.given, came.mark) == (True, True, 0.0)
    (came,) = outcomes([SAYS], [reply(2.0, 2.4), reply(3.9, 5.0, 1)], [2.0, 1.1], may_cut_in=True)
    assert (came.cut_in, came.given, came.mark) == (False, True, 1.0)


def test_each_sound_is_answered_before_the_next() -> None:
    """What begins behind the second sound is no answer to the first."""
    second = Heard(5.0, 6.0, Due.ANSWER)
    first, last = outcomes([SAYS, second], [reply(6.9, 8.0)], [1.1])
    assert (first.given, last.given) == (False, True)


def test_marks_fall_to_both_sides() -> None:
    """Full from 0.5 to 2.0 s, nothing at 0 and at 3.5 s."""
    assert [mark(latency) for latency in (-1.0, 0.0, 0.25, 0.5, 2.0, 2.75, 3.5, 9.0)] == [0, 0, 0.5, 1, 1, 0.5, 0, 0]


def test_a_barge_in_is_measured_to_the_last_sound() -> None:
    """The reply sounds until 0.1 s into the caller's sound; a hold counts as silence."""
    (came,) = outcomes([Heard(2.0, 3.0, Due.YIELD)], [reply(0.0, 2.1), reply(3.8, 5.0, 1)], [6.0, 1.2])
    assert came.yielded == pytest.approx(0.1)
    assert (came.talked, came.given, came.good) == (0.0, True, True)


def test_a_bot_that_goes_on_over_the_caller_is_noticed() -> None:
    """It was silent after 0.1 s, and spoke again while the caller still did."""
    bot = [reply(0.0, 2.1), reply(2.5, 3.2, 0, 2.1), reply(4.0, 5.0, 1)]
    (came,) = outcomes([Heard(2.0, 3.0, Due.YIELD)], bot, [6.0, 1.0])
    assert came.talked == pytest.approx(0.5)
    assert not came.good


@pytest.mark.parametrize(
    ("bot", "became", "late"),
    [
        ([reply(0.0, 6.0)], Became.WHOLE, None),
        ([reply(0.0, 2.1), reply(2.6, 6.0, 0, 2.1)], Became.RESUMED, 0.1),
        ([reply(0.0, 2.1), reply(2.4, 6.0, 0, 2.3)], Became.RESUMED, 0.0),
        ([reply(0.0, 2.1), reply(2.6, 6.0, 0, 0.0)], Became.ELSEWHERE, 0.1),
        ([reply(0.0, 2.1), reply(2.6, 6.0, 1, 0.0)], Became.CUT, None),
        ([reply(0.0, 2.1)], Became.CUT, None),
        ([reply(0.0, 2.1), reply(9.0, 12.0, 0, 2.1)], Became.CUT, None),
    ],
)
def test_a_sound_that_is_no_interruption(bot: list[Stretch], became: Became, late: float | None) -> None:
    """Whole, resumed at the same word, elsewhere, or cut; "late" counts from the end of the sound at 2.5 s."""
    (came,) = outcomes([Heard(2.0, 2.5, Due.WHOLE)], bot, [6.0, 3.4])
    assert came.became is became
    assert came.late == (None if late is None else pytest.approx(late))


def test_a_reply_that_ends_by_itself_is_whole() -> None:
    """It had 0.2 s to go, which are silence."""
    (came,) = outcomes([Heard(2.0, 2.5, Due.WHOLE)], [reply(0.0, 2.1)], [2.3])
    assert came.became is Became.WHOLE


def test_replies_that_nobody_meant_to_interrupt() -> None:
    """The first was cut, the second resumed; the third began inside an utterance, and the fourth was interrupted."""
    bot = [
        reply(0.0, 1.0),
        reply(2.0, 3.0, 1),
        reply(3.5, 4.0, 1, 1.0),
        reply(6.0, 6.2, 2),
        reply(8.0, 8.6, 3),
    ]
    heard = [Heard(5.0, 7.0, Due.ANSWER), Heard(8.5, 9.0, Due.YIELD)]
    assert whole(bot, [2.0, 1.5, 2.0, 2.0], heard) == [Became.CUT, Became.RESUMED]


def test_words_that_are_in_no_question() -> None:
    """Case and punctuation don't count; one word of two is one too few; a backchannel alone is a word."""
    assert lost_words([" Five", " five.", " Oh,"], ["five"]) == ["five"]
    assert lost_words(["Okay."], []) == ["okay"]


def test_questions_without_words() -> None:
    """Silence and punctuation are no question."""
    assert empty_questions(["", " ...", "Yes."]) == 2


def test_history_is_what_had_begun_to_sound() -> None:
    """Two words had begun at 0.9 s, the third begins at once: with or without it, the history is right."""
    words = [("We", 0.0), ("are", 0.3), ("open", 0.92)]
    assert [history_differs(heard, words, 0.9) for heard in ("We", "We are", "We are open")] == [True, False, False]
