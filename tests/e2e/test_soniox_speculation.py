"""Speculation over a speech connection: what a guess costs there, and that only what was confirmed is heard."""

from __future__ import annotations

from typing import Literal

import pytest

from tests.e2e.speech_kit import voice
from voicekit.events import Audible, Trouble, TurnCommitted
from voicekit.reply import Say, Turn
from voicekit.testing import HeldCall, Script, hold_call
from voicekit.testing.soniox import SonioxPeer, Speaking
from voicekit.turn.policy import Policy, Speculation, TurnPolicy

FIRST_SOUND = 0.25
"""Seconds that the peer's voice takes."""


async def repeat(turn: Turn, say: Say) -> None:
    await say(f"You said {turn.text}.")


def hold(ahead: Literal["text", "sound"]) -> tuple[HeldCall, SonioxPeer]:
    """A caller whose second half comes after a pause in which the first half was taken to be all."""
    user = Script()
    user.says("book a table", at=1.0, for_=1.0)
    user.says("for two", at=2.9, for_=0.6)
    user.stays(until=12.0)
    peer = SonioxPeer(speaking=Speaking(first_sound=FIRST_SOUND))
    policy = Policy(turn=TurnPolicy(endpointing="vad", speculate=Speculation(ahead=ahead)))
    return hold_call(repeat, user, tts=voice(peer), policy=policy), peer


@pytest.mark.parametrize("ahead", ["text", "sound"])
def test_only_what_was_confirmed_is_heard(ahead: Literal["text", "sound"]) -> None:
    """The wrong guess is neither heard nor in the history, the right one is both, and nothing goes wrong."""
    call, peer = hold(ahead)
    assert [(turn.user, turn.heard) for turn in call.history] == [
        ("book a table for two", "You said book a table for two.")
    ]
    assert [event for _, event in call.events if isinstance(event, Trouble)] == []
    assert len(peer.speakings) == 1
    assert call.tasks_left == 0


def test_held_text_starts_no_stream_for_a_wrong_guess() -> None:
    """The voice is asked once, when the turn is committed."""
    call, peer = hold("text")
    [stream] = peer.streams
    committed = next(at for at, event in call.events if isinstance(event, TurnCommitted))
    audible = next(at for at, event in call.events if isinstance(event, Audible))
    assert stream.text == "You said book a table for two."
    assert stream.cancelled_at is None
    assert audible - committed >= FIRST_SOUND


def test_held_sound_pays_for_a_wrong_guess_and_is_there_at_once() -> None:
    """The stream of the wrong guess is cancelled with it; the right one's sound is there at the commit."""
    call, peer = hold("sound")
    wrong, right = peer.streams
    committed = next(at for at, event in call.events if isinstance(event, TurnCommitted))
    audible = next(at for at, event in call.events if isinstance(event, Audible))
    assert wrong.text == "You said book a table."
    assert (wrong.cancelled_at or wrong.over_at) is not None
    assert right.text == "You said book a table for two."
    assert audible - committed < 0.05
