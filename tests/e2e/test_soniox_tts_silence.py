"""A reply with something to say is never silent for long from its beginning, however the voice's service fails."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from tests.e2e.speech_kit import Talk, answered, talk
from voicekit.errors import ServiceError, Unavailable
from voicekit.events import Audible, ReplyFailed, Trouble, TurnCommitted
from voicekit.reply import Say, Turn
from voicekit.session import Session
from voicekit.soniox.server.account import Account, Key, Service
from voicekit.soniox.tts.planner import FIRST_SOUND_S
from voicekit.testing.soniox import At, Change, Cut, HalfOpen, Reject, SonioxPeer, Speaking, Stall

TTS = Service.TTS
TEXT = "Good morning, this is a whole sentence. Here is another one, which is longer."
NEVER = Speaking(first_sound=1e6)


def by_token(every: float) -> Any:
    """A handler with four characters each `every` seconds."""

    async def model(turn: Turn, say: Say) -> None:
        for place in range(0, len(TEXT), 4):
            await say(TEXT[place : place + 4])
            await trio.sleep(every)

    return model


async def thinking(turn: Turn, say: Say) -> None:
    """A handler that begins, and then needs a long time."""
    await say("Let me ")
    await trio.sleep(60.0)
    await say("see.")


def waited(call: Talk) -> list[float]:
    """The seconds of silence before each reply that failed."""
    asked = dict(zip([event.turn for event in call.of(TurnCommitted)], call.times(TurnCommitted), strict=True))
    return [at - asked[event.turn] for at, event in zip(call.times(ReplyFailed), call.of(ReplyFailed), strict=True)]


@pytest.mark.parametrize(
    "handler", [TEXT, by_token(0.02), by_token(0.5), thinking], ids=["whole", "fast", "slow", "stuck"]
)
def test_a_voice_that_never_answers_costs_six_seconds(handler: Any) -> None:
    """The reply fails as an unavailable service after 6 s, and another stream was tried in them; the next reply too."""
    call = talk(handler, SonioxPeer(speaking=NEVER), turns=2)
    assert waited(call) == pytest.approx([FIRST_SOUND_S] * 2, abs=0.1)
    assert [type(event.error) for event in call.of(ReplyFailed)] == [Unavailable] * 2
    assert len(call.of(Trouble)) >= 2
    assert len(call.peer.streams) >= 4
    assert [exchange.heard for exchange in call.call.history] == ["", ""]


def test_a_stream_that_stays_silent_is_tried_again_in_time() -> None:
    """Where only the first stream is dead, the whole reply is heard, and its first sound comes within 6 s."""
    dead = Change(change=lambda message: None if '"stream_id":"s1"' in str(message) else message)
    for handler in (TEXT, by_token(0.02), by_token(0.5), thinking):
        call = talk(handler, SonioxPeer(faults=[dead]))
        assert call.times(Audible)[0] < FIRST_SOUND_S
        assert call.of(ReplyFailed) == []
        assert call.call.history[0].heard == call.call.history[0].said


FAULTS = {
    "a connection that was lost and is refused": [
        Cut(At(received=2), service=TTS),
        *(Reject(status=503, service=TTS, connection=number) for number in range(2, 60)),
    ],
    "a stall, and then no connection": [
        Cut(At(seconds=3.5), service=TTS),
        *(Reject(status=503, service=TTS, connection=number) for number in range(2, 60)),
    ],
    "half open, again and again": [HalfOpen(At(received=2), service=TTS, connection=None)],
    "cut at each attempt": [Cut(At(received=2), service=TTS, connection=None)],
}


@pytest.mark.parametrize("kind", FAULTS)
def test_the_six_seconds_are_those_of_all_attempts_together(kind: str) -> None:
    """However failures follow each other, no reply is silent for longer than 6 s before it fails."""
    call = talk(TEXT, SonioxPeer(faults=FAULTS[kind], speaking=NEVER))
    assert len(waited(call)) == 1
    assert waited(call)[0] <= FIRST_SOUND_S + 0.1


def test_a_service_that_is_full_is_asked_again_for_six_seconds_at_most() -> None:
    """The reply fails with what the service said, so that it is known what to do."""
    account = Account()
    assert [account.begin(Key("other"), TTS, 0.0) for _ in range(3)] == [None] * 3
    call = talk("Good morning.", SonioxPeer(account=account))
    assert waited(call)[0] <= FIRST_SOUND_S + 0.1
    assert all(isinstance(event.error, ServiceError) for event in call.of(ReplyFailed))
    assert "limit_exceeded" in str(call.of(ReplyFailed)[0].error)


def test_time_in_which_there_is_nothing_to_say_does_not_count() -> None:
    """A handler that thinks for a minute before its first word, or behind its last one, is not silent for the voice's
    sake, and white space is no word."""

    async def late(turn: Turn, say: Say) -> None:
        await say("  ")
        await trio.sleep(60.0)
        await say("At last.")
        await trio.sleep(60.0)

    call = talk(late, SonioxPeer())
    assert call.of(ReplyFailed) == call.of(Trouble) == []
    assert call.heard.strip() == "At last."


def test_a_reply_that_is_being_heard_has_no_such_budget() -> None:
    """A stall of four seconds in the middle is waited for; only the first sound has to come in time."""
    peer = SonioxPeer(speaking=Speaking(faster=1.0))

    async def during(session: Session) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(answered, session, "one")
            await trio.sleep(1.0)
            await peer.suffer(Stall(seconds=4.0, service=TTS))

    call = talk(TEXT, peer, during=during)
    assert call.of(ReplyFailed) == []
    assert call.call.history[0].heard == TEXT
