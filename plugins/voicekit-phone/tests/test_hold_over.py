"""`hold_call(bot, user, over=...)`: whole sessions over each wire, on lines as bad as they come."""

from __future__ import annotations

import pytest

from voicekit import Bot, Policy, Say, Turn, TurnPolicy
from voicekit.call.info import EndReason
from voicekit.errors import ConfigError, Unavailable
from voicekit.events import CallerHeld, Final, TurnEnded
from voicekit.testing import HeldCall, PhoneLine, Script, hold_call

WIRES = ("twilio", "telnyx", "plivo", "exotel", "vonage", "genesys", "jambonz")


async def echo(turn: Turn, say: Say) -> None:
    await say(f"You said {turn.text}, and nothing else at all.")


def talker(*, until: float = 12.0) -> Script:
    user = Script()
    user.says("one two three four", at=1.0, for_=2.0)
    user.presses("7", at=7.0)
    user.stays(until=until)
    return user


def held(wire: str, script: Script | None = None, **line: object) -> HeldCall:
    over = PhoneLine(transport=wire, **line)  # type: ignore[arg-type]  # what the test says
    policy = Policy(turn=TurnPolicy(adviser=False))  # it would take the words for part of a longer number
    return hold_call(Bot(echo, policy=policy), script if script is not None else talker(), over=over)


def heard_words(call: HeldCall) -> str:
    return " ".join(event.text for _, event in call.events if isinstance(event, Final) and event.text)


def answers(call: HeldCall) -> list[str]:
    return [event.heard for _, event in call.events if isinstance(event, TurnEnded)]


def ended(call: HeldCall) -> EndReason:
    assert call.call is not None
    assert call.call.end is not None
    return call.call.end.reason


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    "line",
    [{"delay": 0.15, "jitter": 0.08}, {"delay": 0.0, "jitter": 0.05, "late_marks": 0.4}, {"lose_marks": 1}],
    ids=str,
)
def test_a_slow_line_changes_nothing_that_is_said(wire: str, line: dict[str, float]) -> None:
    """Every word is understood, every answer is heard to its end, and the caller's goodbye ends the call."""
    call = held(wire, **line)
    assert heard_words(call) == "one two three four"
    assert answers(call) == [
        "You said one two three four, and nothing else at all.",
        "You said 7, and nothing else at all.",
    ]
    assert ended(call) is EndReason.CALLER
    assert call.tasks_left == 0


def test_messages_out_of_their_order_are_put_in_it_again() -> None:
    """Telnyx sends sound in any order: every third message comes behind the next, and no word is lost."""
    call = held("telnyx", swap=3)
    assert heard_words(call) == "one two three four"


@pytest.mark.parametrize("wire", WIRES)
def test_sound_that_never_comes_costs_its_words_and_no_more(wire: str) -> None:
    """The wire is silent for the time of two words; those around them are understood, and later keys are."""
    call = held(wire, silences=((1.55, 2.45),))
    words = heard_words(call).split()
    assert "one" in words
    assert "three" not in words or "two" not in words
    assert answers(call)[-1] == "You said 7, and nothing else at all."


@pytest.mark.parametrize("wire", WIRES)
def test_a_message_lost_here_and_there_loses_no_word(wire: str) -> None:
    """Each eleventh message of sound never comes."""
    assert heard_words(held(wire, lose=11)) == "one two three four"


@pytest.mark.parametrize("wire", WIRES)
def test_a_wire_that_falls_silent_does_not_stop_the_call(wire: str) -> None:
    """Nothing of the caller's sound comes for five seconds while the bot speaks: it goes on, and so does the call."""
    call = held(wire, talker(until=14.0), silences=((4.0, 9.0),))
    assert answers(call)[0] == "You said one two three four, and nothing else at all."
    assert ended(call) is EndReason.CALLER


@pytest.mark.parametrize("wire", WIRES)
def test_a_connection_that_dies_is_lost_within_a_second(wire: str) -> None:
    """In the middle of the answer: the end is `lost`, the history has what was heard, and nothing is left running."""
    call = held(wire, dies_at=5.5)
    assert ended(call) is EndReason.LOST
    assert 5.5 <= call.seconds <= 6.5
    assert 0 < len(call.history[-1].heard) < len("You said one two three four, and nothing else at all.")
    assert call.tasks_left == 0


@pytest.mark.parametrize("wire", WIRES)
def test_a_connection_that_takes_nothing_is_given_up(wire: str) -> None:
    """From 3.5 s on no message of ours is taken: within six seconds of the first such message the call is lost."""
    call = held(wire, talker(until=30.0), stuck_at=3.5)
    assert ended(call) is EndReason.LOST
    assert call.seconds <= 3.5 + 1.0 + 5.0 + 2.0
    assert call.tasks_left == 0


def test_a_hold_by_the_far_side_is_seen_and_ends() -> None:
    """Genesys pauses the call for two seconds: the session sees both, and the rest is understood."""
    call = held("genesys", talker(until=14.0), holds=((4.5, 6.5),))
    assert [event.held for _, event in call.events if isinstance(event, CallerHeld)] == [True, False]
    assert answers(call)[-1] == "You said 7, and nothing else at all."


def test_what_a_line_can_not_do_is_refused_before_the_call() -> None:
    """A hold on a wire that knows none, typed words, a sink beside a wire, a transport that there is not."""
    with pytest.raises(ConfigError, match="can't put the call on hold"):
        held("twilio", holds=((1.0, 2.0),))
    user = Script()
    user.types("hello", at=1.0)
    with pytest.raises(ConfigError, match="typed"):
        held("twilio", user)
    with pytest.raises(ConfigError, match="its own sink"):
        hold_call(echo, Script(), over="twilio", sink=object())  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="no transport is called"):
        hold_call(echo, Script(), over="tweedle")


def test_a_call_that_dies_before_it_starts_is_unavailable() -> None:
    """No session is made."""
    with pytest.raises(Unavailable, match="expected a call to start"):
        held("twilio", dies_at=0.0, delay=6.0)
