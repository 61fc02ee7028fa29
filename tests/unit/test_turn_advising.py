"""Timelines of pauses with an adviser: what ends a turn sooner, what holds it open, and how often the stt is asked.

The pause is noticed 0.3 s after the last sound, as with the gate's defaults.
"""

from __future__ import annotations

import pytest

from tests.unit.turns import Talk, endpoint, final, finalized, interim, started, stopped
from voicekit.events import AnswerExpected, Audible, PauseScored, ReplyDone, SourceEnded, SttDown
from voicekit.turn.advice import Advice, AdviceAct, CallerPause
from voicekit.turn.machine import TurnState
from voicekit.turn.policy import Policy, TurnPolicy

OFF = Policy(turn=TurnPolicy(adviser=False))
SPECULATING = Policy(turn=TurnPolicy(speculate=True))
VAD = Policy(turn=TurnPolicy(endpointing="vad"))


def talk(policy: Policy | None = None, *, finalizes: bool = True, scores: bool = False) -> Talk:
    return Talk(policy, finalizes=finalizes, scores=scores)


def said(text: str, policy: Policy | None = None, *, finalizes: bool = True, scores: bool = False) -> Talk:
    """The caller says two words from 0.0 to 0.6, which are interim at 0.7; the pause is noticed at 0.9."""
    call = talk(policy, finalizes=finalizes, scores=scores)
    return call.at(0.1, started(0.0)).at(0.7, interim(text)).at(0.9, stopped(0.6))


def asking(answer: object, policy: Policy | None = None) -> Talk:
    """Reply 1 has asked for `answer` and was heard by 5.0."""
    call = said("good morning", policy, finalizes=False).at(1.0, final("good morning", 0.0)).at(1.5, endpoint(0.6))
    call.at(2.0, AnswerExpected(1, answer), Audible(1)).at(5.0, ReplyDone(1))  # type: ignore[arg-type]
    call.take(), call.decisions()
    return call


def groups(call: Talk, *texts: str, apart: float = 0.9) -> Talk:
    """Groups of three digits from 6.0 on, of 1.4 s and as far apart; an endpoint comes 0.7 s after each."""
    at = 6.0
    for place, text in enumerate(texts):
        call.at(at + 0.1, started(at)).at(at + 1.4, interim(text, at)).at(at + 1.66, final(text, at))
        call.at(at + 1.7, stopped(at + 1.4))
        if apart > 0.7 or place == len(texts) - 1:
            call.at(at + 2.1, endpoint(at + 0.9))
        at += 1.4 + apart
    return call


def test_a_complete_sentence_is_committed_before_the_endpoint() -> None:
    """The stt is asked at the pause, and its final words are enough: 0.56 s after the voice, not 0.7."""
    call = said("good morning?").at(1.16, final("good morning?", 0.0), finalized(0.8)).at(1.3, endpoint(0.6))
    assert call.take() == ["0.90 finalize to 0.80", "1.16 start 1 speech 'good morning?'"]
    assert call.state is TurnState.REPLYING
    assert call.decisions() == [
        "finalize: the last word may end the turn",
        "commit 1: adviser: a complete question",
    ]


def test_a_fin_is_no_end() -> None:
    """Final words that say nothing about the turn wait for the endpoint, however soon they have come."""
    call = said("good morning").at(1.16, final("good morning", 0.0), finalized(0.8)).until(2.0)
    assert call.take() == ["0.90 finalize to 0.80"]
    assert call.state is TurnState.SETTLING
    assert call.at(2.1, endpoint(0.6)).take() == ["2.10 start 1 speech 'good morning'"]


def test_switched_off_nothing_is_asked_and_nothing_sooner() -> None:
    """The endpoint alone decides then."""
    call = said("good morning?", OFF).at(1.1, final("good morning?", 0.0)).at(1.3, endpoint(0.6))
    assert call.take() == ["1.30 start 1 speech 'good morning?'"]
    assert said("oh one seven", OFF).at(1.6, endpoint(0.9)).take() == ["1.60 start 1 speech 'oh one seven'"]


def test_an_stt_that_cannot_finalise_is_taken_by_its_word() -> None:
    """Its final words count if they reach as far as the speech did."""
    call = said("good morning?", finalizes=False).at(1.0, final("good morning?", 0.0)).until(1.1)
    assert call.take() == ["1.05 start 1 speech 'good morning?'"]
    call = talk(finalizes=False).at(0.1, started(0.0)).at(0.9, final("good morning?", 0.0)).at(1.5, stopped(1.2))
    assert call.until(2.0).take() == [], "0.6 s of speech have no words yet"


def test_a_late_endpoint_of_the_same_pause_is_stale() -> None:
    """`<end>` may follow `<fin>`: the turn is not committed twice."""
    call = said("good morning?").at(1.16, final("good morning?", 0.0), finalized(0.8))
    call.at(1.2, Audible(1)).at(1.3, endpoint(0.6)).at(1.5, ReplyDone(1)).at(1.6, endpoint(0.6)).until(9.0)
    assert call.take() == ["0.90 finalize to 0.80", "1.16 start 1 speech 'good morning?'"]
    assert call.state is TurnState.WAITING


def test_an_unfinished_sentence_holds_the_endpoint() -> None:
    """The recogniser's endpoint at 1.3 waits until the pause has lasted 1.4 s; it committed then."""
    call = said("I want a").at(1.1, final("I want a", 0.0)).at(1.3, endpoint(0.9)).until(3.0)
    assert call.take() == ["2.30 start 1 speech 'I want a'"]
    assert call.decisions() == [
        "wait: 1.4 s: the sentence is not finished",
        "commit 1: waited 1.4 s: the sentence is not finished, settle 1.4 s after the last sign of speech",
    ]


def test_what_follows_an_unfinished_sentence_is_the_same_turn() -> None:
    """The caller goes on within the wait: one turn of all the words, by their own endpoint."""
    call = said("I want a").at(1.1, final("I want a", 0.0)).at(1.3, endpoint(0.9))
    call.at(1.9, started(1.8)).at(2.2, interim("table", 1.8)).at(2.5, stopped(2.1)).at(2.6, final("table", 1.8))
    assert call.at(2.8, endpoint(2.1)).take() == ["2.50 finalize to 2.30", "2.80 start 1 speech 'I want a table'"]


def test_an_endpoint_that_does_not_come_is_not_waited_for_twice() -> None:
    """A wait that is shorter than the machine's patience with a silent recogniser changes nothing."""
    assert said("I want a").until(9.0).take() == ["3.40 start 1 speech 'I want a'"]


@pytest.mark.parametrize("policy", [None, VAD], ids=["stt", "vad"])
def test_three_groups_of_digits_are_one_number(policy: Policy | None) -> None:
    """Untold, with pauses of 0.9 s; they were three turns, of which two replies were cut."""
    call = talk(policy, finalizes=False)
    texts = ("oh one seven", "five five one", "two three four")
    call.until(5.0)
    assert groups(call, *texts).until(20.0).take() == [
        "13.70 start 1 speech 'oh one seven five five one two three four'"
    ]


def test_the_handler_may_ask_for_a_number() -> None:
    """One digit is a number then, and its wait ends 1.4 s after the pause was noticed."""
    assert groups(asking("number"), "five").until(20.0).take() == ["9.10 start 2 speech 'five'"]
    assert groups(asking("yes_no"), "five").until(20.0).take() == ["8.10 start 2 speech 'five'"]


def test_seconds_end_the_answer() -> None:
    """The pause is as long as the handler said, longer or shorter than the endpoint's, in any mode."""
    for policy in (None, VAD, OFF):
        assert groups(asking(2.0, policy), "five").until(20.0).take() == ["9.70 start 2 speech 'five'"]
        call = groups(asking(0.2, policy), "five")
        assert call.until(20.0).take() == ["7.90 start 2 speech 'five'"]
    assert call.decisions()[-1].startswith("commit 2: waited 0.2 s: the question left 0.2 s for its answer")


def test_what_was_expected_is_over_with_the_answer() -> None:
    """The next turn is listened to as usual, unless the handler asks again; a prompt in between changes nothing."""
    call = groups(asking(2.0), "five").until(9.7)
    call.at(10.0, Audible(2)).at(11.0, ReplyDone(2))
    call.at(12.1, started(12.0)).at(12.4, interim("six", 12.0)).at(12.6, final("six", 12.0), stopped(12.3))
    assert call.at(13.0, endpoint(12.3)).take()[-1] == "13.00 start 3 speech 'six'"


def test_news_of_a_dead_reply_is_ignored() -> None:
    """A tool that outlives its turn can't change how the answer to another question is listened to."""
    call = asking("number").at(5.5, AnswerExpected(1, 3.0))
    assert groups(call, "I agree").until(20.0).take() == ["8.10 start 2 speech 'I agree'"]


def test_the_stt_is_asked_twice_in_a_turn_at_most() -> None:
    """And once in three seconds: a caller of many short pauses does not cost the recogniser its context."""
    call, asked = talk(), []
    for place in range(8):
        at = place * 1.5
        call.at(at + 0.1, started(at)).at(at + 0.4, interim(" ".join(["tea"] * (place + 1)))).at(
            at + 0.7, stopped(at + 0.4)
        )
        asked += call.take()
    assert asked == ["0.70 finalize to 0.60", "3.70 finalize to 3.60"]


def test_a_resumed_sentence_forgets_the_commit() -> None:
    """Speech that goes on before the final words have come: they end nothing."""
    call = said("good morning?").at(1.0, started(0.95)).at(1.16, final("good morning?", 0.0), finalized(0.8)).until(3.0)
    assert call.take() == ["0.90 finalize to 0.80"]
    assert call.state is TurnState.HEARING


def test_a_sound_model_is_asked_once_in_a_pause() -> None:
    """Its answer makes a sentence surer; one that is late is not waited for longer than 0.3 s."""
    done = (final("good morning?", 0.0), finalized(0.8))
    call = said("good morning?", scores=True).at(0.97, PauseScored(600, 0.9)).at(1.0, *done).until(1.01)
    asked = ["0.90 finalize to 0.80", "0.90 score the pause at 0.60"]
    assert call.take() == [*asked, "1.00 start 1 speech 'good morning?'"]
    late = said("good morning?", scores=True).at(1.0, *done).until(3.0)
    assert late.take() == [*asked, "1.20 start 1 speech 'good morning?'"]
    other = said("good morning?", scores=True).at(0.95, PauseScored(100, 0.1)).at(1.0, *done).until(3.0)
    assert other.take() == [*asked, "1.20 start 1 speech 'good morning?'"], "a score of another pause"


def test_a_melody_that_goes_on_holds_the_endpoint() -> None:
    """A complete sentence that does not sound so: the endpoint at 1.3 waits until the pause has lasted 0.9 s."""
    call = said("good morning?", scores=True).at(0.97, PauseScored(600, 0.1))
    call.at(1.16, final("good morning?", 0.0), finalized(0.8)).at(1.3, endpoint(0.6)).until(3.0)
    assert call.take()[2:] == ["1.80 start 1 speech 'good morning?'"]


def test_no_sound_model_is_asked_about_words_that_wait() -> None:
    """Its 60 ms of a core are spent only if they can change something."""
    assert said("I want a", scores=True).take() == []
    assert said("", scores=True).take() == []


def test_an_early_commit_confirms_a_speculation() -> None:
    """The reply was begun on a guess, and the adviser's commit of the same words lets it sound."""
    call = said("good morning?", SPECULATING).at(1.16, final("Good morning?", 0.0), finalized(0.8))
    assert call.until(1.2).take() == [
        "0.90 finalize to 0.80",
        "0.90 speculate 1 'good morning?'",
        "1.16 confirm 1 'Good morning?'",
    ]


def test_a_wait_keeps_a_speculation() -> None:
    """A guess may be made while the turn waits; it is thrown away if the caller goes on, as ever."""
    call = said("I want a", SPECULATING).at(1.1, final("I want a", 0.0)).at(1.3, endpoint(0.9))
    call.at(1.9, started(1.8)).at(2.2, interim("table", 1.8))
    assert call.take() == ["0.90 speculate 1 'I want a'", "2.20 discard 1"]


def test_the_end_of_the_source_waits_for_nobody() -> None:
    """Nobody can go on: what was said is answered at once."""
    call = said("I want a").at(1.0, SourceEnded())
    assert call.take() == ["1.00 start 1 speech 'I want a'"]


def test_without_its_stt_a_wait_still_ends() -> None:
    """While the stt is down there is no endpoint to hold: the wait itself ends the turn."""
    assert said("I want a").at(1.0, SttDown()).until(9.0).take() == ["2.30 start 1 speech 'I want a'"]


def test_a_question_cut_short_is_advised_on_as_a_whole() -> None:
    """A sentence that goes on before its answer is audible is put back; the words that follow are judged anew."""
    call = said("good morning?").at(1.16, final("good morning?", 0.0), finalized(0.8)).until(1.2)
    call.at(1.5, started(1.4)).at(1.9, interim("and then", 1.4)).at(2.3, stopped(2.0)).at(2.6, endpoint(2.0)).until(9.0)
    lines = [line for line in call.take() if "start" in line]
    assert lines == ["1.16 start 1 speech 'good morning?'", "2.60 start 2 speech 'good morning? and then'"]


def test_any_function_may_advise_within_the_limits() -> None:
    """An adviser of one's own sees the pause, and waits no longer than six seconds."""
    seen: list[CallerPause] = []

    def for_ever(pause: CallerPause) -> Advice:
        seen.append(pause)
        return Advice(AdviceAct.WAIT, "for ever", 100.0)

    call = said("good morning", Policy(turn=TurnPolicy(adviser=for_ever))).at(1.3, endpoint(0.6)).until(20.0)
    assert call.take() == ["6.90 start 1 speech 'good morning'"]
    assert [word.text for word in seen[0].words] == [" good", " morning"]
    assert (seen[0].seconds, seen[0].final, seen[0].expected) == (0.0, False, None)
