"""Speculation: when a reply is begun on a guess, what confirms the guess, and what throws it away."""

from __future__ import annotations

import pytest

from tests.unit.turns import Talk, endpoint, final, interim, started, stopped
from voicekit.events import Audible, End, Hangup, Prompt, ReplyDone, SourceEnded, Typed
from voicekit.turn.machine import TurnState
from voicekit.turn.policy import Policy, Speculation, TurnPolicy

ON = Policy(turn=TurnPolicy(speculate=True))
VAD = Policy(turn=TurnPolicy(endpointing="vad", speculate=Speculation(after=0.3, most=2)))


def guessed(policy: Policy = ON) -> Talk:
    """A talk in which "good morning", said from 0.0 to 0.6, is guessed at 0.9 to be all."""
    talk = Talk(policy)
    talk.at(0.1, started(0.0)).at(0.7, interim("good morning")).at(0.9, stopped(0.6)).until(1.0)
    assert talk.take() == ["0.90 speculate 1 'good morning'"]
    assert talk.state is TurnState.SETTLING
    return talk


def test_the_same_words_confirm_whatever_their_spelling() -> None:
    """Case and punctuation do not count; the reply goes by the words as they were committed."""
    talk = guessed().at(1.05, final("Good morning?", 0.0)).until(1.1)
    assert talk.take() == ["1.05 confirm 1 'Good morning?'"]
    assert talk.state is TurnState.REPLYING
    assert (talk.machine.live, talk.machine.guess) == (1, None)
    assert talk.decisions() == [
        "speculate 1: the words have stood for 0.2 s",
        "confirm 1: adviser: a complete question",
    ]


def test_other_words_discard_at_once_and_are_guessed_anew() -> None:
    """A new word throws the reply away in that instant; the whole is guessed when it has stood for a while."""
    talk = guessed().at(1.05, interim("good morning ann")).until(1.2)
    assert talk.take() == ["1.05 discard 1"]
    talk.until(1.26).at(1.6, endpoint(0.9))
    assert talk.take() == ["1.25 speculate 1 'good morning ann'", "1.60 confirm 1 'good morning ann'"]
    assert "discard 1: the words changed" in talk.decisions()


def test_nothing_is_guessed_while_the_caller_speaks() -> None:
    """Words that stand while speech goes on are no pause."""
    talk = Talk(ON).at(0.1, started(0.0)).at(0.7, interim("good morning")).until(4.5)
    assert talk.take() == []


def test_a_cough_costs_no_second_guess() -> None:
    """Sound that becomes no word leaves the guess as it is, and its commit confirms it."""
    talk = guessed().at(1.1, started(1.0)).at(1.6, stopped(1.3)).at(2.0, endpoint(0.6))
    assert talk.take() == ["2.00 confirm 1 'good morning'"]


def test_words_that_are_taken_back_discard() -> None:
    """A recogniser that thinks better of its words leaves nothing to reply to."""
    talk = guessed().at(1.1, interim("")).at(1.3, endpoint(0.6))
    assert talk.take() == ["1.10 discard 1"]
    assert talk.state is TurnState.WAITING


def test_there_is_a_most_for_each_turn() -> None:
    """Who hesitates at every word is guessed at twice in a turn, and in the next turn again."""
    talk = Talk(VAD).at(0.1, started(0.0)).at(0.4, interim("one"), stopped(0.3))
    for count in (2, 3, 4):
        talk.at(count * 0.4, interim(" ".join(["one", "two", "three", "four"][:count])))
    talk.until(3.0)
    commands = [line.partition(" ")[2] for line in talk.take()]
    assert commands == [
        "speculate 1 'one'",
        "discard 1",
        "speculate 1 'one two'",
        "discard 1",
        "start 1 speech 'one two three four'",
    ]


def test_in_vad_mode_the_pause_confirms() -> None:
    """The guess comes after 0.3 s, the commit after 0.8 s of silence."""
    talk = Talk(VAD).at(0.1, started(0.0)).at(0.5, interim("hello")).at(0.6, stopped(0.3)).until(3.0)
    assert talk.take() == ["0.80 speculate 1 'hello'", "1.40 confirm 1 'hello'"]


@pytest.mark.parametrize(
    ("event", "commands"),
    [
        (Typed("no"), ["1.10 discard 1", "1.10 start 1 typed 'good morning no'"]),
        (End(True, "asked", "Bye."), ["1.10 discard 1", "1.10 start 1 farewell '' says 'Bye.', not to be interrupted"]),
        (End(False, "asked"), ["1.10 discard 1"]),
        (Hangup(), ["1.10 discard 1"]),
        (SourceEnded(), ["1.10 confirm 1 'good morning'"]),
        (Prompt("say", "p"), []),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, list) else "",
)
def test_what_else_happens_to_a_guess(event: object, commands: list[str]) -> None:
    """A typed line and any end throw it away, the end of the source confirms it, a prompt waits."""
    talk = guessed().at(1.1, event)  # type: ignore[arg-type]
    assert talk.take() == commands


def test_a_question_that_is_put_back_is_guessed_with_what_follows() -> None:
    """A reply that is cut before it is audible leaves its question; the guess is of all the words."""
    talk = guessed().at(1.3, endpoint(0.6)).at(1.4, started(1.3)).at(1.9, interim("and good night", 1.3))
    talk.at(2.2, stopped(2.2)).until(2.3)
    assert talk.take() == [
        "1.30 confirm 1 'good morning'",
        "1.40 hold 1",
        "1.90 cut 1",
        "2.20 speculate 2 'good morning and good night'",
    ]
    talk.at(2.9, endpoint(2.2))
    assert talk.take() == ["2.90 confirm 2 'good morning and good night'"]


def test_a_word_said_again_is_a_new_guess() -> None:
    """Words that were answered count no more: the same ones must stand for a while again."""
    talk = guessed().at(1.3, endpoint(0.6), Audible(1)).at(2.0, ReplyDone(1)).at(2.1, started(2.0))
    talk.take()
    talk.at(2.9, stopped(2.6), interim("good morning", 2.0)).until(3.2)
    assert talk.take() == ["3.10 speculate 2 'good morning'"]
