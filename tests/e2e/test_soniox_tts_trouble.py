"""A speech connection that breaks, falls silent, or talks nonsense costs a pause, and never a call."""

from __future__ import annotations

import itertools
import json
from random import Random
from typing import Any

import pytest
import trio

from tests.e2e.speech_kit import ENGLISH, Talk, answered, bare, said_whole, talk, until
from voicekit.errors import RemoteProtocolError, Unavailable
from voicekit.events import Audible, ReplyFailed, Trouble, TurnCommitted, TurnEnded
from voicekit.reply import Say, Turn
from voicekit.session import Session
from voicekit.soniox.server.account import Account, Key, Service, StreamUse
from voicekit.testing.soniox import (
    At,
    Change,
    Close,
    Cut,
    Fault,
    HalfOpen,
    Refuse,
    Reject,
    SonioxPeer,
    Speaking,
    Stall,
    StopReading,
)
from voicekit.testing.soniox import SayMessage as Says

pytestmark = pytest.mark.slow

TTS = Service.TTS
ANSWER = "This takes a while to say, and it is said in two sentences. Here is the second one of them."
NOTICED_S = 5.0


def three(peer: SonioxPeer, fault: Fault, after: float, *, text: str = ANSWER) -> Talk:
    """Three answers, and `fault` some seconds into the second; the third is asked for as soon as that is over."""

    async def during(session: Session) -> None:
        await answered(session, "one")
        async with until(session, TurnEnded):
            session.type("two")
            await trio.sleep(after)
            await peer.suffer(fault)
        await answered(session, "three")

    return talk(text, peer, during=during)


def check_all_heard(call: Talk, text: str = ANSWER) -> None:
    assert said_whole(call.heard, " ".join([text] * 3))
    assert [exchange.heard for exchange in call.call.history] == [text] * 3
    assert call.of(ReplyFailed) == []


# --- half open ---


@pytest.mark.parametrize(
    "fault", [HalfOpen(service=TTS), StopReading(service=TTS)], ids=lambda fault: type(fault).__name__
)
@pytest.mark.parametrize("after", [0.0, 0.1, 1.0, 1.7, 2.9])
def test_a_half_open_connection_is_noticed_in_five_seconds_and_the_rest_is_spoken(fault: Fault, after: float) -> None:
    """Wherever in an answer the peer falls silent, the session knows within 5 s, and every word is heard."""
    call = three(SonioxPeer(speaking=Speaking(faster=1.2)), fault, after)
    check_all_heard(call)
    struck = call.times(TurnCommitted)[1] + after
    assert {type(error) for error in call.trouble} == {Unavailable}
    # If the first sound has not come, the stream fails before the connection does.
    assert len(call.trouble) <= (2 if after < 0.2 else 1)
    assert 0 < call.times(Trouble)[0] - struck <= NOTICED_S
    assert len(call.peer.speakings) == 2
    assert max(call.silences) < NOTICED_S + 1.0


def test_a_connection_that_is_half_open_while_nobody_speaks_is_replaced_before_it_is_needed() -> None:
    """The next answer finds a new connection and is not late."""
    peer = SonioxPeer()

    async def during(session: Session) -> None:
        await answered(session, "one")
        await peer.suffer(HalfOpen(service=TTS))
        await trio.sleep(6.0)
        await answered(session, "two")

    call = talk("Good morning.", peer, during=during)
    assert call.heard == "Good morning." * 2
    assert call.times(Trouble)[0] - call.times(TurnEnded)[0] <= NOTICED_S
    first, second = (
        audible - asked for asked, audible in zip(call.times(TurnCommitted), call.times(Audible), strict=True)
    )
    assert second == pytest.approx(first)


# --- broken ---


@pytest.mark.parametrize("seed", range(24))
def test_no_word_is_lost_wherever_the_line_breaks(seed: int) -> None:
    """Three connections, each broken at a random moment in a random way: every word is heard, in order."""
    random = Random(seed)
    kinds: list[Any] = [Cut, HalfOpen, Close, StopReading, Refuse, Says]
    faults = [random.choice(kinds)(At(seconds=random.uniform(0.0, 6.0)), service=TTS, connection=n) for n in (1, 2, 3)]
    text = " ".join(f"This is line {number}, and it has an end." for number in range(12))
    tokens = random.choice([None, 0.02, 0.2])

    async def model(turn: Turn, say: Say) -> None:
        for place in range(0, len(text), 4):
            await say(text[place : place + 4])
            if tokens is not None:
                await trio.sleep(tokens)

    peer = SonioxPeer(speaking=Speaking(faster=random.choice([1.1, 2.0, 10.0])), faults=faults)
    call = talk(model, peer)
    assert said_whole(call.heard, text), (faults, call.heard)
    assert call.call.history[0].heard == text
    assert call.of(ReplyFailed) == []


@pytest.mark.parametrize("where", ["before", "inside", "after"])
@pytest.mark.parametrize("number", range(1, 9))
def test_a_cut_around_any_message_loses_nothing(number: int, where: Any) -> None:
    """The first eight messages that we send, and those that we get: before, inside and behind each."""
    for at in (At(received=number), At(sent=number)):
        call = talk("One. Two, three. Four!", SonioxPeer(faults=[Cut(at, where=where, service=TTS)]), turns=2)
        assert said_whole(call.heard, "One. Two, three. Four! " * 2)
        assert call.of(ReplyFailed) == []


def test_a_short_outage_is_not_heard_and_a_long_one_ends_the_answer() -> None:
    """With sound in store, half a minute without a connection is waited for five silent seconds long; the sentence
    says why, and the next answer is spoken as soon as the service is there again."""
    peer = SonioxPeer(faults=[Cut(At(seconds=1.0), service=TTS)])
    away = [Reject(status=503, service=TTS, connection=number) for number in range(2, 40)]
    peer.faults.extend(away)

    async def during(session: Session) -> None:
        await answered(session, "one")
        await answered(session, "two")
        del peer.faults[1:]
        await trio.sleep(0.1)
        await answered(session, "three")

    long = ENGLISH * 8
    call = talk(lambda turn: long if turn.number == 1 else "There.", peer, during=during)
    first, second, third = call.call.history
    assert len(first.heard) > 120
    assert long.startswith(first.heard)
    assert (second.heard, third.heard) == ("", "There.")
    failed = call.of(ReplyFailed)
    assert [event.turn for event in failed] == [1, 2]
    assert all(isinstance(event.error, Unavailable) and "HTTP 503" in str(event.error) for event in failed)
    heard_to = call.sink.heard[-1].start
    assert call.times(ReplyFailed)[1] - call.times(TurnCommitted)[1] == pytest.approx(5.0, abs=0.1)
    assert heard_to - call.started - call.times(TurnCommitted)[2] < 1.5


def test_an_outage_shorter_than_what_is_in_store_is_not_heard() -> None:
    """Four seconds away in the middle of a long answer: there is no pause at all."""
    away = [Reject(status=503, service=TTS, connection=number) for number in range(2, 6)]
    call = talk(ENGLISH * 6, SonioxPeer(faults=[Cut(At(seconds=6.0), service=TTS), *away]))
    assert bare(call.heard) == bare(ENGLISH * 6)
    assert call.silences == []
    assert len(call.trouble) == 5


def test_a_connection_that_comes_back_is_warm_before_the_next_answer() -> None:
    """A connection that is cut between two answers is made anew at once, and the next answer is as quick as any."""
    peer = SonioxPeer()

    async def during(session: Session) -> None:
        for question in range(3):
            await answered(session, f"{question}")
            await peer.suffer(Cut(service=TTS))
            await trio.sleep(1.0)

    call = talk("Good morning.", peer, during=during)
    assert call.heard == "Good morning." * 3
    waits = [audible - asked for asked, audible in zip(call.times(TurnCommitted), call.times(Audible), strict=True)]
    assert waits == pytest.approx([waits[0]] * 3)
    assert len(call.peer.speakings) == 4
    assert all(
        record.accepted_at - call.started < ended + 0.5
        for record, ended in zip(call.peer.speakings[1:], call.times(TurnEnded), strict=True)
    )


# --- idle ---


def test_a_connection_is_kept_for_minutes_between_answers() -> None:
    """Ten minutes of silence are bridged by keepalives, on one connection."""

    async def during(session: Session) -> None:
        await answered(session, "one")
        await trio.sleep(600.0)
        await answered(session, "two")

    call = talk("Good morning.", SonioxPeer(), during=during)
    assert call.heard == "Good morning." * 2
    (connection,) = call.peer.speakings
    kept = [kept.at for kept in connection.received if kept.text == '{"keep_alive":true}']
    assert 30 <= len(kept) <= 60
    assert max(later - before for before, later in itertools.pairwise(kept)) <= 20.0
    assert call.trouble == []


def test_a_service_that_closes_an_idle_connection_is_told_of_and_reconnected() -> None:
    """A close with 1001 between two answers is reported, and costs nothing."""
    peer = SonioxPeer()

    async def during(session: Session) -> None:
        await answered(session, "one")
        await peer.suffer(Close(code=1001, reason="Timeout", service=TTS))
        await trio.sleep(1.0)
        await answered(session, "two")

    call = talk("Good morning.", peer, during=during)
    assert call.heard == "Good morning." * 2
    assert ["1001" in str(error) for error in call.trouble] == [True]


# --- nonsense ---


GARBAGE = {
    "no JSON": "not even JSON",
    "binary": b"\x00\x01",
    "a list": "[1, 2, 3]",
    "a wrong type": '{"stream_id": 7, "audio": 3}',
    "broken base64": '{"stream_id": "s2", "audio": "%%%"}',
    "ten megabytes": "x" * 10_000_000,
}


@pytest.mark.parametrize("kind", GARBAGE)
def test_garbage_replaces_the_connection_and_every_word_is_heard(kind: str) -> None:
    """A message that means nothing is trouble, after which the rest is spoken on a new connection."""
    call = three(SonioxPeer(speaking=Speaking(faster=1.5)), Says(message=GARBAGE[kind], service=TTS), 1.0)
    check_all_heard(call)
    assert [type(error) for error in call.trouble] == [Unavailable if kind == "ten megabytes" else RemoteProtocolError]
    assert len(call.peer.speakings) == 2


HARMLESS = {
    "an unknown field": '{"stream_id": "s2", "mood": {"calm": [1]}}',
    "nulls": '{"stream_id": "s2", "audio": null, "audio_end": null, "timestamps": null, "error_code": null}',
    "null stamps": '{"stream_id": "s2", "timestamps": {"characters": null, "character_start_times_seconds": null}}',
    "nothing": "{}",
    "an unknown stream": '{"stream_id": "s99", "audio": "AAAA"}',
    "the end of an unknown stream": '{"stream_id": "s99", "terminated": true}',
    "a late error": json.dumps(
        {"stream_id": "s1", "error_code": 400, "error_type": "invalid_stream_state", "error_message": "Not found."}
    ),
}


@pytest.mark.parametrize("kind", HARMLESS)
def test_what_has_no_meaning_for_us_is_passed_over(kind: str) -> None:
    """Unknown fields, nulls, strangers' streams and late errors of our own change nothing."""
    call = three(SonioxPeer(speaking=Speaking(faster=1.5)), Says(message=HARMLESS[kind], service=TTS), 1.0)
    check_all_heard(call)
    assert bare(call.heard) == bare(ANSWER * 3)
    assert call.trouble == []
    assert len(call.peer.speakings) == 1


def test_a_peer_that_talks_nothing_but_nonsense_ends_answers_and_not_the_call() -> None:
    """After some attempts the answer fails as a service's failure, and the call goes on."""
    peer = SonioxPeer()

    async def during(session: Session) -> None:
        await answered(session, "one")
        peer.faults.append(Says(At(sent=1), service=TTS, connection=None))
        await peer.suffer(Cut(service=TTS))
        await answered(session, "two")
        peer.faults.clear()
        await peer.suffer(Cut(service=TTS))
        await answered(session, "three")

    call = talk("Good morning.", peer, during=during)
    assert [exchange.heard for exchange in call.call.history] == ["Good morning.", "", "Good morning."]
    assert [(event.turn, type(event.error)) for event in call.of(ReplyFailed)] == [(2, Unavailable)]


def test_a_stream_that_never_ends_is_broken_off() -> None:
    """More sound than the service ever makes for one stream is not taken in, and fails the answer's stream."""

    def endless(message: Any) -> Any:
        told = json.loads(message)
        if told.get("audio"):
            told["audio"] *= 1_000
            told.pop("timestamps", None)
        return json.dumps(told)

    call = talk("One.", SonioxPeer(speaking=Speaking(chunk=0.06), faults=[Change(change=endless)]), keep=400.0)
    assert [type(error) for error in call.trouble] == [RemoteProtocolError]
    assert call.call.seconds < 300.0


# --- limits, and a service that is slow ---


def test_an_account_with_a_single_stream_is_enough() -> None:
    """Where no second stream may be open, a long answer waits for the first to end and is heard whole."""
    call = talk(ENGLISH * 40, SonioxPeer(account=Account(streams=1)))
    assert said_whole(call.heard, ENGLISH * 40)
    assert call.of(ReplyFailed) == []


def test_an_account_whose_streams_are_taken_is_asked_again() -> None:
    """When others use up all streams, the answer comes when they have left one."""
    account = Account()
    others = [account.begin(Key("other"), TTS, 0.0) for _ in range(3)]
    assert others == [None] * 3

    async def during(session: Session) -> None:
        async with until(session, TurnEnded):
            session.type("hello")
            await trio.sleep(1.0)
            account.end(StreamUse(TTS, "", "", 0.0, 0.0, 0, 0.0))

    call = talk("Good morning.", SonioxPeer(account=account), during=during)
    assert call.heard == "Good morning."
    assert call.times(Audible)[0] < 3.5
    assert ["limit_exceeded" in str(error) for error in call.trouble] == [True]


@pytest.mark.parametrize("faster", [0.5, 0.75, 0.9])
def test_a_service_slower_than_speech_is_heard_whole(faster: float) -> None:
    """Sound that is made too slowly has pauses, and the service may kill its stream; no word is missing."""
    call = talk(ENGLISH * 4, SonioxPeer(speaking=Speaking(faster=faster)))
    assert said_whole(call.heard, ENGLISH * 4)
    assert call.of(ReplyFailed) == []


def test_a_stalled_service_is_waited_for_and_then_asked_again() -> None:
    """A stall of two seconds is a pause; a stream of which nothing comes at all is said again."""
    call = three(SonioxPeer(), Stall(seconds=2.0, service=TTS), 0.0)
    check_all_heard(call)
    assert bare(call.heard) == bare(ANSWER * 3)
    silent = Change(change=lambda message: None if '"stream_id":"s2"' in str(message) else message)
    call = talk(ANSWER, SonioxPeer(faults=[silent]), turns=2)
    assert bare(call.heard) == bare(ANSWER * 2)
    assert [type(error) for error in call.trouble] == [Unavailable]
    assert len(call.peer.speakings) == 1


@pytest.mark.parametrize("pause", [2.9, 3.1, 5.1, 5.3, 12.0])
def test_a_stream_never_starves(pause: float) -> None:
    """A model that stops in the middle of each word never lets a stream die of hunger."""

    async def stuck(turn: Turn, say: Say) -> None:
        for part in ("Let me s", "ee what th", "ere is. ", "So.", " Well"):
            await say(part)
            await trio.sleep(pause)

    call = talk(stuck, SonioxPeer())
    assert bare(call.heard) == bare("Let me see what there is. So. Well")
    assert [stream.refusal for stream in call.peer.streams if stream.refusal is not None] == []
    assert call.trouble == []
