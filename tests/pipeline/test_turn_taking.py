"""The turn-taking example: a number with a pause in it, an "mhm" and a "stop", at any instant and in other policies."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

from voicekit import Policy, Speculation, TurnPolicy
from voicekit.events import Decided, TurnCommitted
from voicekit.testing import HeldCall, Script, hold_call

HERE = Path(__file__).parent
EXAMPLE = SimpleNamespace(**runpy.run_path(str(HERE.parents[1] / "examples" / "05_turn_taking.py")))

REPLY = "We have black tea, green tea, white tea, and a tea that has no name as yet."

DURING = [5.0 + 0.01 * step for step in range(0, 200, 17)]
"""When the caller says something while the reply is heard, which it is from 3.8 to 8.3."""


def asked_and(words: str, at: float) -> Script:
    """The example's caller, who says `words` at another time."""
    user = Script()
    user.says("what do you have", at=1.0, for_=0.8)
    user.says(words, at=at, for_=0.4)
    user.stays(until=14.0)
    return user


def number(pause: float) -> Script:
    """The example's number, with that many seconds between its parts."""
    user = Script()
    user.says("my number is", at=1.0, for_=0.9)
    user.says("five five one two", at=1.9 + pause, for_=1.4)
    return user


def committed(call: HeldCall) -> list[str]:
    return [event.text for _, event in call.events if isinstance(event, TurnCommitted)]


def decided(call: HeldCall) -> list[str]:
    return [event.what for _, event in call.events if isinstance(event, Decided)]


def test_the_scenes_make_the_golden_timelines():
    """Each scene of the example goes as it is written down."""
    shown = [f"{title}\n{hold_call(EXAMPLE.bot, user, policy=EXAMPLE.POLICY).timeline}" for title, user in scenes()]
    assert "\n".join(shown) == (HERE / "golden" / "turn_taking.txt").read_text()


def scenes() -> list[tuple[str, Script]]:
    return list(EXAMPLE.SCENES.items())


@pytest.mark.parametrize("pause", [0.2, 0.5, 0.9, 1.3, 1.6, 1.8])
@pytest.mark.parametrize("speculate", [False, True, Speculation(after=0.0, ahead="sound")], ids=["", "text", "sound"])
def test_a_pause_within_the_number_does_not_cut_it_off(pause, speculate):
    """However long the breath within the policy's patience, the number is one turn, also where replies are guessed."""
    policy = Policy(turn=TurnPolicy(endpointing="vad", settle=EXAMPLE.POLICY.turn.settle, speculate=speculate))
    call = hold_call(EXAMPLE.bot, number(pause), policy=policy)
    assert committed(call) == ["my number is five five one two"]
    assert [(turn.heard, turn.cut) for turn in call.history] == [("Thank you. I have 5 5 1 2.", False)]


def test_the_patience_is_the_policys():
    """With the default `settle` the same caller is answered after "my number is", unless the adviser knows better."""
    for adviser in (False, True):
        policy = Policy(turn=TurnPolicy(endpointing="vad", adviser=adviser))
        call = hold_call(EXAMPLE.bot, number(1.3), policy=policy)
        assert committed(call)[0] == ("my number is five five one two" if adviser else "my number is")


@pytest.mark.parametrize("word", ["mhm", "uh-huh", "okay", "yeah"])
def test_a_backchannel_stops_nobody_whenever_it_comes(word):
    """At any instant of the reply the bot hesitates at most, and says all that it has to say."""
    for at in DURING:
        call = hold_call(EXAMPLE.bot, asked_and(word, at), policy=EXAMPLE.POLICY)
        assert [(turn.heard, turn.cut) for turn in call.history] == [(REPLY, False)], at
        assert [what for what in decided(call) if what.startswith(("hold", "release"))] == ["hold 1", "release 1"], at


@pytest.mark.parametrize("word", ["stop", "wait", "no"])
def test_a_stop_word_stops_the_bot_whenever_it_comes(word):
    """At any instant of the reply it is cut as soon as the word is known, which is half a second after it began."""
    for at in DURING:
        call = hold_call(EXAMPLE.bot, asked_and(word, at), policy=EXAMPLE.POLICY)
        cut_at = next(when for when, event in call.events if isinstance(event, Decided) and event.what == "cut 1")
        assert cut_at <= at + 0.4 + 0.12 + 0.021, at  # the word, its interim, and one frame
        first = call.history[0]
        assert (first.cut, first.heard != REPLY) == (True, True), at
        assert REPLY.startswith(first.heard), at
        assert committed(call)[1] == word, at
