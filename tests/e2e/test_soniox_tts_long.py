"""Long replies: whole, in order, without a gap, whatever the handler does and whether or not anybody listens."""

from __future__ import annotations

from itertools import pairwise

import pytest
import trio

from tests.e2e.speech_kit import ENGLISH, Talk, bare, talk
from voicekit.audio.format import AudioFormat
from voicekit.contracts import this_reply
from voicekit.events import HeardSoFar, Underrun
from voicekit.reply import Say, Turn
from voicekit.testing.soniox import SonioxPeer, Speaking

SIX_MINUTES = 360.0
TELEPHONE = AudioFormat(8_000)
RUSSIAN = "Быстрая лиса прыгает через ленивую собаку, а потом она долго отдыхает. "  # noqa: RUF001  # Russian


def check_whole(call: Talk, text: str) -> None:
    """Everything was heard once and in order, was marked in order, and is what the history says."""
    assert bare(call.heard) == bare(text)
    places = [mark.at for mark in call.marks]
    assert places == sorted(places)
    assert [mark.said_to for mark in call.marks] == sorted(mark.said_to for mark in call.marks)
    assert [mark.text for mark in call.marks] == text.split()
    assert call.call.history[0].heard == call.call.history[0].said == text
    assert call.trouble == []
    assert [stream.refusal for stream in call.peer.streams if stream.refusal] == []
    assert len(call.peer.speakings) == 1


def test_twenty_thousand_bytes_in_one_say_and_a_hold_of_twenty_seconds() -> None:
    """A reply of 20,000 bytes and six minutes, said at once and held for 20 s in the middle, plays whole, without any
    gap but the hold."""
    text = RUSSIAN * (1 + 20_000 // len(RUSSIAN.encode()))
    assert len(text.encode()) >= 20_000
    pace = round(SIX_MINUTES / len(text) * TELEPHONE.rate) / TELEPHONE.rate

    async def everything(turn: Turn, say: Say) -> None:
        lease = this_reply.get().lease
        async with trio.open_nursery() as nursery:
            nursery.start_soon(say, text)
            await trio.sleep(SIX_MINUTES / 2)
            lease.hold()
            await trio.sleep(20.0)
            lease.release()

    call = talk(everything, SonioxPeer(speaking=Speaking(per_character=pace)), sound=TELEPHONE, pace=pace)
    check_whole(call, text)
    assert call.silences == [pytest.approx(20.0)]
    assert call.of(Underrun) == []
    assert call.call.seconds == pytest.approx(20.0 + len(text) * pace, abs=2.0)


def test_six_minutes_word_by_word() -> None:
    """A reply of six minutes that comes a token each 20 ms plays whole and without a gap, over several streams."""
    text = ENGLISH * 94

    async def model(turn: Turn, say: Say) -> None:
        for place in range(0, len(text), 4):
            await say(text[place : place + 4])
            await trio.sleep(0.02)

    call = talk(model, SonioxPeer(), sound=TELEPHONE)
    check_whole(call, text)
    assert call.silences == []
    assert len(call.peer.streams) <= 6
    assert max(at - before for before, at in pairwise(call.times(HeardSoFar))) < 1.0


def test_a_handler_that_pauses_half_a_minute_in_a_word_loses_nothing() -> None:
    """What was said before the pause is spoken at once, and what comes after it in another stream."""

    async def slow(turn: Turn, say: Say) -> None:
        await say("One moment, I will look it up for y")
        await trio.sleep(30.0)
        await say("ou. Here it is.")

    call = talk(slow, SonioxPeer())
    assert bare(call.heard) == bare("One moment, I will look it up for you. Here it is.")
    assert call.call.history[0].heard == call.call.history[0].said
    assert [stream.text for stream in call.peer.streams] == ["One moment, I will look it up for y", "ou. Here it is."]
    assert call.trouble == []
