"""Prompts, silence, and every way in which a call ends."""

from __future__ import annotations

import math

import pytest

from tests.unit.turns import (
    NO_BARGE_IN,
    VAD_MODE,
    Talk,
    answered,
    asked,
    endpoint,
    final,
    interim,
    started,
    stopped,
)
from voicekit.events import (
    Audible,
    Dtmf,
    End,
    Hangup,
    Prompt,
    ReplyDone,
    ReplyFailed,
    Signal,
    SourceEnded,
    SttDown,
    Typed,
)
from voicekit.turn.machine import TurnState
from voicekit.turn.memory import QUEUED_PROMPTS
from voicekit.turn.policy import CallPolicy, Policy

GREETING = Prompt("greeting", "Hello!")
REMINDER = Prompt("say", "Your train leaves.")
GENTLY = End(graceful=True, why="asked")
AT_ONCE = End(graceful=False, why="asked")


def test_a_prompt_in_waiting_is_spoken_at_once() -> None:
    """A greeting starts a reply without a question: with its text, or by asking the handler."""
    assert Talk().at(0.0, GREETING).take() == ["0.00 start 1 greeting '' says 'Hello!'"]
    assert Talk().at(0.0, Prompt("greeting")).take() == ["0.00 start 1 greeting ''"]


def test_a_prompt_waits_until_nobody_speaks() -> None:
    """While the caller or a reply has the floor a prompt waits, also through the reply to that caller."""
    talk = Talk().at(0.1, started(0.0)).at(0.2, REMINDER).at(0.5, interim("good")).at(0.6, stopped(0.4), REMINDER)
    talk.at(1.0, endpoint(0.3)).at(2.0, ReplyDone(1))
    assert talk.take() == ["1.00 start 1 speech 'good'", "2.00 start 2 say '' says 'Your train leaves.'"]
    assert talk.at(3.0, ReplyDone(2)).take() == ["3.00 start 3 say '' says 'Your train leaves.'"]
    assert talk.at(4.0, ReplyDone(3)).state is TurnState.WAITING


def test_a_prompt_is_spoken_when_a_noise_comes_to_nothing() -> None:
    """A pause without words is the moment that a prompt waited for."""
    talk = Talk(VAD_MODE).at(0.1, started(0.0)).at(0.2, REMINDER).at(0.6, stopped(0.3)).until(9.0)
    assert talk.take() == ["1.40 start 1 say '' says 'Your train leaves.'"]


def test_of_too_many_prompts_the_oldest_leaves() -> None:
    """At most eight prompts wait; the one that waited longest gives way, and the log says so."""
    talk = answered().at(1.6, *(Prompt("say", str(number)) for number in range(QUEUED_PROMPTS + 1)))
    assert talk.decisions() == ["drop prompt 'say': 8 newer ones are waiting"]
    for turn in range(1, QUEUED_PROMPTS + 2):
        talk.at(1.0 + turn, ReplyDone(turn))
    assert [line.rpartition(" ")[2] for line in talk.take()] == [f"'{n}'" for n in range(1, QUEUED_PROMPTS + 1)]


def test_a_prompt_that_is_cut_is_not_repeated() -> None:
    """A prompt has no question, so nothing is put back in front of what the caller says."""
    talk = Talk().at(0.0, GREETING).at(0.3, interim("hi there", 0.1)).at(1.0, endpoint(0.7)).at(2.0, ReplyDone(2))
    assert talk.take()[1:] == ["0.30 cut 1", "1.00 start 2 speech 'hi there'"]


def test_silence_brings_idle_prompts_and_then_the_end() -> None:
    """Each `idle_after` of silence brings a prompt; after `idle_limit` of them the next silence ends the call."""
    call = CallPolicy(idle_after=5.0, idle_prompt="Still there?", idle_limit=2, farewell=None)
    talk = Talk(Policy(call=call)).until(5.0)
    assert talk.take() == ["5.00 start 1 idle '' says 'Still there?'"]
    talk.at(6.0, ReplyDone(1)).until(11.0)
    assert talk.take() == ["11.00 start 2 idle '' says 'Still there?'"]
    talk.at(12.0, ReplyDone(2)).until(20.0)
    assert (talk.state, talk.take()) == (TurnState.CLOSED, [])
    assert talk.decisions() == [
        "prompt 1: nobody spoke for 5 s",
        "prompt 2: nobody spoke for 5 s",
        "close: nobody spoke for 5 s, after 2 idle prompts",
    ]


def test_the_end_for_silence_has_a_farewell() -> None:
    """The farewell can't be interrupted, and nothing is said behind it."""
    talk = Talk(Policy(call=CallPolicy(idle_after=5.0, idle_limit=0, farewell="Goodbye."))).until(5.0)
    assert talk.take() == ["5.00 start 1 farewell '' says 'Goodbye.', not to be interrupted"]
    assert talk.machine.ending == "nobody spoke for 5 s, after 0 idle prompts"
    talk.at(5.5, started(5.4)).at(6.0, Prompt("say", "More.")).at(7.0, ReplyDone(1))
    assert (talk.state, talk.take()) == (TurnState.CLOSED, [])


def test_a_turn_of_the_caller_starts_the_count_of_idle_prompts_anew() -> None:
    """Only prompts in a row count against the limit."""
    talk = Talk(Policy(call=CallPolicy(idle_after=5.0, idle_limit=1))).until(5.0).at(6.0, Typed("yes"), ReplyDone(2))
    assert talk.until(11.0).take()[-1] == "11.00 start 3 idle ''"


def test_without_idle_after_a_call_waits_for_ever() -> None:
    """Idle prompts are off by default: WAITING has no deadline."""
    assert Talk().machine.deadline == math.inf


def test_a_limit_of_no_idle_prompts_ends_the_first_silence() -> None:
    """With `idle_limit=0` the call ends without a prompt."""
    talk = Talk(Policy(call=CallPolicy(idle_after=5.0, idle_limit=0, farewell=None))).until(5.0)
    assert (talk.state, talk.take()) == (TurnState.CLOSED, [])


def test_silence_is_counted_from_the_end_of_the_last_speech() -> None:
    """Noise and replies start the silence anew."""
    talk = Talk(Policy(call=CallPolicy(idle_after=5.0))).at(4.0, started(4.0)).at(4.5, stopped(4.2)).until(7.1)
    assert talk.state is TurnState.WAITING
    assert talk.machine.deadline == pytest.approx(4.5 + 2.5 + 5.0)


def test_a_failed_reply_is_over() -> None:
    """ReplyFailed leads where ReplyDone leads."""
    talk = answered().at(2.0, ReplyFailed(1, ValueError("x")))
    assert (talk.state, talk.take()) == (TurnState.WAITING, [])


def test_a_graceful_end_lets_the_reply_be_played() -> None:
    """A live reply is finished, deaf to speech; lines and keys are too late; then the call is closed."""
    talk = answered().at(2.0, GENTLY).at(2.1, started(2.0), interim("stop stop", 2.0), Typed("no"), Dtmf("1"))
    assert (talk.state, talk.take()) == (TurnState.SPEAKING, [])
    assert (talk.at(3.0, ReplyDone(1)).state, talk.take()) == (TurnState.CLOSED, [])
    assert talk.decisions() == ["close: asked"]


def test_a_graceful_end_releases_a_held_reply() -> None:
    """The doubt is over: the reply is played."""
    talk = answered().at(2.1, started(2.0)).at(2.3, GENTLY).until(9.0)
    assert (talk.state, talk.take()) == (TurnState.SPEAKING, ["2.10 hold 1", "2.30 release 1"])


@pytest.mark.parametrize("events", [[], [started(0.5)], [interim("good")]])
def test_a_graceful_end_without_a_reply_closes_at_once(events: list[Signal]) -> None:
    """No new turn is started, whatever the caller was about to say."""
    talk = Talk().at(0.6, *events).at(0.9, GENTLY)
    assert (talk.state, talk.take()) == (TurnState.CLOSED, [])


def test_the_farewell_is_the_last_thing_said() -> None:
    """It follows the reply and the prompts that waited; what comes after the order is dropped, a second order too."""
    talk = answered().at(1.6, REMINDER, End(True, "asked", "Goodbye!"), REMINDER, End(True, "again", "Bye!"))
    talk.at(2.0, ReplyDone(1)).at(3.0, ReplyDone(2)).at(4.0, ReplyDone(3))
    assert talk.take() == [
        "2.00 start 2 say '' says 'Your train leaves.'",
        "3.00 start 3 farewell '' says 'Goodbye!', not to be interrupted",
    ]
    assert talk.state is TurnState.CLOSED
    decisions = talk.decisions()
    assert "drop prompt 'say': the call is ending" in decisions
    assert decisions[-1] == "close: asked"


@pytest.mark.parametrize("events", [[], [started(0.5)], [interim("good")]])
def test_a_farewell_is_said_even_if_no_reply_lives(events: list[Signal]) -> None:
    """Whether the caller speaks or not, the farewell is said, and then the call is closed."""
    talk = Talk().at(0.6, *events).at(0.9, End(True, "asked", "Goodbye!"))
    assert talk.take() == ["0.90 start 1 farewell '' says 'Goodbye!', not to be interrupted"]
    assert talk.at(2.0, started(1.9)).at(3.0, ReplyDone(1)).state is TurnState.CLOSED


def test_an_end_at_once_cuts() -> None:
    """Without grace the reply is cut, also one that must be heard, one that is held, and one that was finishing."""
    must = Talk().at(0.0, Prompt("say", "Hear me.", interruptible=False)).at(0.5, AT_ONCE)
    held = answered().at(2.1, started(2.0)).at(2.3, AT_ONCE)
    finishing = answered().at(2.0, End(True, "asked", "Goodbye!")).at(2.3, AT_ONCE)
    assert [talk.take()[-1] for talk in (must, held, finishing)] == ["0.50 cut 1", "2.30 cut 1", "2.30 cut 1"]
    assert {talk.state for talk in (must, held, finishing)} == {TurnState.CLOSED}


def test_hanging_up_closes_from_every_state_and_nothing_follows() -> None:
    """A live reply is cut; after that no event brings a command, and there is no deadline."""
    reply = [asked(), answered(), answered().at(2.1, started(2.0))]
    quiet = [Talk(), Talk().at(0.1, started(0.0)), Talk().at(0.1, interim("good"))]
    for talk in reply + quiet:
        talk.take()
        talk.at(2.3, Hangup())
        assert talk.take() == (["2.30 cut 1"] if talk in reply else [])
        talk.at(3.0, Typed("hello"), started(3.0), interim("are you there", 2.5), GREETING, AT_ONCE, Hangup())
        assert (talk.state, talk.machine.deadline, talk.take()) == (TurnState.CLOSED, math.inf, [])


def test_the_source_ends_in_waiting() -> None:
    """With nothing pending the call is closed."""
    talk = Talk().at(1.0, SourceEnded())
    assert (talk.state, talk.decisions()) == (TurnState.CLOSED, ["close: the source has ended"])


def test_the_source_ends_while_the_caller_speaks() -> None:
    """The speech settles, for no longer than `settle`, is answered, and then the call is closed."""
    talk = Talk().at(0.1, started(0.0)).at(0.7, final("good morning", 0.0), SourceEnded())
    assert (talk.state, talk.machine.talking) == (TurnState.SETTLING, False)
    assert talk.until(9.0).take() == ["1.50 start 1 speech 'good morning'"]
    assert talk.at(9.5, ReplyDone(1)).state is TurnState.CLOSED


def test_the_source_ends_on_a_noise() -> None:
    """Without words there is nothing to answer, neither a turn nor a cut that is regretted."""
    talk = Talk().at(0.1, started(0.0)).at(0.7, SourceEnded()).until(9.0)
    assert (talk.state, talk.take()) == (TurnState.CLOSED, [])
    talk = answered().at(2.1, started(2.0)).at(2.9, SourceEnded()).at(3.5, ReplyDone(1))
    assert (talk.state, talk.take()) == (TurnState.CLOSED, ["2.10 hold 1", "2.90 release 1"])


def test_the_source_ends_in_a_pause() -> None:
    """What was said is committed at once; with nothing said the call is closed."""
    talk = Talk().at(0.1, interim("good morning")).at(0.7, SourceEnded())
    assert talk.take() == ["0.70 start 1 speech 'good morning'"]
    assert talk.at(2.0, ReplyDone(1)).state is TurnState.CLOSED
    assert Talk().at(0.1, started(0.0)).at(0.5, stopped(0.3), SourceEnded()).state is TurnState.CLOSED


def test_the_source_ends_during_a_reply() -> None:
    """The reply is finished, and speech that is still reported neither holds nor cuts it."""
    for talk in (asked(), answered()):
        before = talk.state
        talk.at(2.0, SourceEnded(), started(2.0), SttDown())
        assert (talk.state, talk.machine.talking, talk.take()) == (before, False, [])
        assert talk.at(3.0, ReplyDone(1)).state is TurnState.CLOSED


def test_words_after_the_end_of_the_source_wait_for_the_reply() -> None:
    """What the transcriber still says is no interruption, and is answered before the call is closed."""
    talk = answered().at(2.0, SourceEnded(), final("one more thing", 1.0)).until(3.0)
    assert (talk.state, talk.take()) == (TurnState.SPEAKING, [])
    assert talk.at(3.5, ReplyDone(1)).take() == ["3.50 start 2 speech 'one more thing'"]
    assert talk.at(4.0, ReplyDone(2)).state is TurnState.CLOSED


def test_the_source_ends_in_doubt() -> None:
    """Nobody is there to interrupt: the reply goes on, and words are answered after it."""
    talk = answered().at(2.1, started(2.0)).at(2.3, interim("Tuesday", 2.0), SourceEnded())
    assert talk.take() == ["2.10 hold 1", "2.30 release 1"]
    assert talk.at(3.0, ReplyDone(1)).take() == ["3.00 start 2 speech 'Tuesday'"]
    assert talk.at(4.0, ReplyDone(2)).state is TurnState.CLOSED


def test_words_kept_during_a_reply_are_answered_before_the_end() -> None:
    """Without barge-in the words kept so far still get their reply after the source has ended."""
    talk = answered(NO_BARGE_IN).at(2.1, started(2.0)).at(2.9, final("and then", 2.0), SourceEnded())
    assert talk.at(3.0, ReplyDone(1)).take() == ["3.00 start 2 speech 'and then'"]
    assert talk.at(4.0, Audible(2), ReplyDone(2)).state is TurnState.CLOSED


def test_the_source_ends_twice() -> None:
    """Speech after the end of the source is no speech, and a second end changes nothing."""
    talk = Talk().at(0.1, started(0.0)).at(0.7, final("good", 0.0), SourceEnded(), started(0.7))
    assert talk.state is TurnState.SETTLING
    assert talk.at(0.8, SourceEnded()).take() == ["0.80 start 1 speech 'good'"]
