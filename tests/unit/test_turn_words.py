"""A word counts once: the watermark, late finals, and the question that is put back."""

from __future__ import annotations

from tests.unit.turns import VAD_MODE, Talk, answered, asked, endpoint, final, interim, started, stopped, words
from voicekit.events import Audible, Dtmf, Final, Interim, ReplyDone, Typed, Word
from voicekit.turn.machine import TurnState
from voicekit.turn.words import QuestionMemory


def settled() -> Talk:
    """A talk in vad mode whose question "good mor" was committed, at 1.7, before it became final."""
    talk = Talk(VAD_MODE).at(0.1, started(0.0)).at(0.7, interim("good mor")).at(0.9, stopped(0.6)).until(1.72)
    assert talk.take() == ["1.70 start 1 speech 'good mor'"]
    return talk


def test_finals_are_appended_and_the_tail_is_replaced() -> None:
    """The question is the finals, each once, and the last tail."""
    talk = Talk().at(0.1, started(0.0)).at(0.4, interim("god")).at(0.7, interim("good more"))
    talk.at(0.8, final("good", 0.0), interim("mornings", 0.3)).at(0.9, interim("morning", 0.3)).at(1.2, endpoint(0.6))
    assert talk.take() == ["1.20 start 1 speech 'good morning'"]


def test_a_tail_that_overtook_its_final_is_kept() -> None:
    """An interim may be handed over before the final it follows; the final drops only the tail words it covers."""
    talk = Talk().at(0.1, started(0.0)).at(0.7, interim("morning all", 0.3), final("good morning", 0.0))
    assert talk.at(1.2, endpoint(0.9)).take() == ["1.20 start 1 speech 'good morning all'"]


def test_words_stand_in_the_order_of_their_sound() -> None:
    """Finals that arrive out of order are put right."""
    talk = Talk().at(0.1, started(0.0)).at(0.7, final("morning", 0.3), final("good", 0.0)).at(1.2, endpoint(0.6))
    assert talk.take() == ["1.20 start 1 speech 'good morning'"]


def test_late_finals_amend_the_committed_turn() -> None:
    """Finals of committed words change the text of that turn and nothing else."""
    talk = settled().at(1.8, final("Good morning.", 0.0))
    assert (talk.state, talk.take()) == (TurnState.REPLYING, ["1.80 amend 1 'Good morning.'"])


def test_late_finals_that_change_nothing_are_silent() -> None:
    """A final that says what was committed needs no amendment."""
    assert settled().at(1.8, final("good mor", 0.0)).take() == []


def test_late_finals_amend_in_every_state() -> None:
    """A correction may come in doubt, or when the reply is long over."""
    talk = settled().at(1.8, Audible(1), started(1.75), final("Good", 0.0))
    assert (talk.state, talk.take()) == (TurnState.DOUBTING, ["1.80 hold 1", "1.80 amend 1 'Good mor'"])
    talk.at(2.0, stopped(1.9)).at(3.0, ReplyDone(1), final("morning.", 0.3))
    assert (talk.state, talk.take()) == (TurnState.WAITING, ["2.10 release 1", "3.00 amend 1 'Good morning.'"])


def test_words_before_the_watermark_never_weigh() -> None:
    """The tail is repeated in every frame; what was committed of it neither holds nor cuts the reply."""
    talk = settled().at(1.8, Audible(1), interim("good morning")).at(1.9, interim("good morning to"))
    assert talk.take() == ["1.90 hold 1"]
    talk = settled().at(1.8, Interim((Word(" good", 0, 300), Word(" morning", 299, 900))))
    assert (talk.state, talk.take()) == (TurnState.REPLYING, [])


def test_a_final_that_reaches_past_the_watermark_moves_it() -> None:
    """The last word turned out longer than it was: its endpoint is stale, and nothing of it weighs again."""
    talk = settled().at(1.8, Final((Word(" good", 0, 300), Word(" morning", 300, 700))))
    assert talk.take() == ["1.80 amend 1 'good morning'"]
    talk.at(1.9, Interim((Word(" ning", 650, 700),)))
    assert (talk.state, talk.take()) == (TurnState.REPLYING, [])
    talk.at(2.0, Final((Word(" yes", 690, 800),)))
    assert talk.take() == ["2.00 amend 1 'good morning yes'"]


def test_a_backchannel_is_forgotten_once_it_is_complete() -> None:
    """The late final of a released backchannel neither weighs nor amends the question before it."""
    talk = answered().at(2.1, started(2.0)).at(2.3, interim("mhm", 2.0)).at(2.5, stopped(2.3)).until(2.8)
    assert talk.take() == ["2.10 hold 1", "2.50 release 1"]
    talk.at(2.9, final("Mhm.", 2.0), endpoint(2.3))
    assert (talk.state, talk.take()) == (TurnState.SPEAKING, [])


def test_late_words_of_an_older_turn_amend_it() -> None:
    """Finals of an earlier question find it behind a later one, too."""
    talk = settled().at(1.8, ReplyDone(1)).at(3.0, started(2.9)).at(3.4, interim("and you", 2.9)).at(3.6, stopped(3.5))
    talk.until(4.4).take()
    talk.at(4.5, final("Good morning.", 0.0))
    assert talk.take() == ["4.50 amend 1 'Good morning.'"]


def test_a_typed_turn_leaves_the_spoken_one_open_to_its_finals() -> None:
    """The watermark is for sound: a line moves it not, and late finals still find the turn they belong to."""
    talk = settled().at(1.75, Audible(1)).at(1.8, Typed("hurry")).at(1.9, final("Good morning.", 0.0))
    assert talk.take() == ["1.80 cut 1", "1.80 start 2 typed 'hurry'", "1.90 amend 1 'Good morning.'"]


def test_a_question_without_an_audible_answer_is_put_back() -> None:
    """Whoever goes on before the first sound was not done: both parts are one question."""
    talk = asked().at(1.3, interim("I need help", 1.0))
    assert talk.take() == ["1.30 cut 1"]
    assert talk.at(2.2, endpoint(1.9)).take() == ["2.20 start 2 speech 'good morning I need help'"]


def test_a_question_with_an_audible_answer_is_not_put_back() -> None:
    """Once the answer was heard, however little of it, the question has been dealt with."""
    talk = answered().at(2.3, interim("I need help", 2.0)).at(3.2, endpoint(2.9))
    assert talk.take() == ["2.30 cut 1", "3.20 start 2 speech 'I need help'"]


def test_audible_during_the_doubt_counts() -> None:
    """A reply that began to sound while it was held has been heard: its question is not put back."""
    talk = asked().at(1.3, started(1.3), Audible(1)).at(1.6, interim("I need", 1.3)).at(2.2, endpoint(1.9))
    assert talk.take() == ["1.30 hold 1", "1.60 cut 1", "2.20 start 2 speech 'I need'"]


def test_a_question_may_be_put_back_again_and_again() -> None:
    """Each cut before the first sound puts back all that was asked so far."""
    talk = asked().at(1.3, interim("I need help", 1.0)).at(2.2, endpoint(1.9))
    talk.at(2.3, interim("with my bill", 2.0)).at(3.2, endpoint(2.9)).at(3.3, Typed("42"))
    assert talk.take()[-1] == "3.30 start 4 typed 'good morning I need help with my bill 42'"


def test_keys_pressed_before_the_answer_are_one_question() -> None:
    """Digits pressed faster than the reply can sound are collected; after its first sound they start anew."""
    talk = Talk().at(0.0, Dtmf("1")).at(0.2, Dtmf("2")).at(0.5, Audible(2)).at(1.0, Dtmf("#"))
    assert talk.take() == [
        "0.00 start 1 dtmf '1'",
        "0.20 cut 1",
        "0.20 start 2 dtmf '1 2'",
        "1.00 cut 2",
        "1.00 start 3 dtmf '#'",
    ]


def test_a_put_back_question_keeps_its_late_finals() -> None:
    """A correction changes the cut turn in the history and the question that is asked again."""
    talk = settled().at(1.8, interim("to all", 1.5)).at(1.9, final("Good morning", 0.0)).at(2.5, stopped(2.1))
    talk.until(9.0)
    assert talk.take() == ["1.80 cut 1", "1.90 amend 1 'Good morning'", "2.60 start 2 speech 'Good morning to all'"]


def test_a_question_asked_again_unchanged_is_open_to_its_late_finals() -> None:
    """After a cut whose words vanish the same words are asked again, and their finals amend both turns."""
    talk = settled().at(1.8, interim("stop", 1.5)).at(1.9, Interim(())).until(4.5)
    assert talk.take() == ["1.80 cut 1", "3.80 start 2 speech 'good mor'"]
    assert talk.at(4.6, final("Good morning.", 0.0)).take() == [
        "4.60 amend 1 'Good morning.'",
        "4.60 amend 2 'Good morning.'",
    ]


def test_a_question_asked_again_keeps_its_reason() -> None:
    """A typed question that was cut by words that vanish is still a typed question."""
    talk = Talk().at(0.0, Typed("hi")).at(0.1, interim("stop")).at(0.2, Interim(())).until(9.0)
    assert talk.take()[-1] == "2.10 start 2 typed 'hi'"


def test_an_endpoint_moves_the_watermark_to_itself() -> None:
    """What an endpoint closed is closed, also where the words before it ended earlier than it says."""
    talk = (
        Talk().at(0.1, started(0.0)).at(0.7, interim("good mor")).at(1.2, endpoint(0.8)).at(1.3, interim("ning", 0.7))
    )
    assert talk.take() == ["1.20 start 1 speech 'good mor'"]
    assert talk.at(1.4, final("Good morning.", 0.0), final("Yes.", 0.7)).take() == [
        "1.40 amend 1 'Good morning.'",
        "1.40 amend 1 'Good morning. Yes.'",
    ]


def test_a_final_counts_wherever_it_stands() -> None:
    """A final word comes once: behind an endpoint that was too far, it is a word of its own."""
    talk = answered().at(2.1, started(2.0)).at(2.3, final("mhm", 2.0), endpoint(2.8)).at(2.6, final("listen to", 2.3))
    assert talk.take() == ["2.10 hold 1", "2.30 release 1", "2.60 cut 1"]


def test_a_final_that_has_moved_finds_its_question() -> None:
    """Recognisers move words when they become final: the same word, near where it was, is no second one."""
    talk = settled().at(1.8, final("good", 0.2), Final((Word(" mor", 650, 750),)))
    assert (talk.state, talk.take()) == (TurnState.REPLYING, [])
    talk = settled().at(1.8, Interim((Word(" mor", 650, 800),)))
    assert (talk.state, talk.take()) == (TurnState.REPLYING, [])
    talk = settled().at(1.8, Final((Word(" mor", 1400, 1500),)))
    assert talk.take() == ["1.80 cut 1"], "too far away: it was said again"


def test_a_final_past_the_watermark_takes_the_noted_tail_with_it() -> None:
    """What was noted as new and turns out to be the end of a committed word is new no more."""
    book = QuestionMemory()
    book.hear_tail(words("good mor", 0.0))
    book.ask(1)
    book.hear_tail((Word("ning", 650, 700),))
    amended = book.hear_finals((Word("morning", 300, 700),))
    assert ([each.text for each in amended], bool(book), book.heard_to) == (["morning"], False, 700)
