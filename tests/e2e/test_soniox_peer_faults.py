"""The scripted peer's faults: each strikes when and where it was told to, once, and leaves nothing running."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import trio
import trio_websocket
from wsproto import ConnectionType, WSConnection
from wsproto.events import CloseConnection, Request

from tests.e2e.soniox_kit import KEY, STT_START, by_hand, speak, story, transcribe, whole
from voicekit.errors import ConfigError
from voicekit.soniox.connection.transport import CONNECT_S, Address, Unconnected
from voicekit.soniox.server.account import Account, Key, Service
from voicekit.soniox.server.refusal import CODES
from voicekit.testing.soniox import (
    BEFORE_ANSWER,
    BEFORE_REQUEST,
    BINARY,
    GARBAGE,
    At,
    Change,
    Close,
    Cut,
    HalfOpen,
    Refuse,
    Reject,
    SayMessage,
    SonioxPeer,
    Speaking,
    Stall,
    StopReading,
    huge,
    nulled,
    out_of_order,
    with_unknown_fields,
)
from voicekit.testing.soniox.faulty import FaultyStream
from voicekit.testing.soniox.memory import stream_pair

SCRIPT = story()
SOUND = whole(SCRIPT)
PART = SOUND[: 2 * 36_000]  # the first utterance and a quarter of a second


@pytest.mark.parametrize(("where", "taken"), [("before", 29), ("inside", 29), ("after", 30)])
async def test_a_cut_at_a_message_received(autojump_clock, where, taken):
    """Before or inside it, the message is not taken; after it, it is, and nothing more is said."""
    peer = SonioxPeer(SCRIPT, faults=[Cut(At(received=30), where=where)])
    heard = await transcribe(peer, PART)
    assert heard.failure is not None
    assert peer.hearings[0].received_count == taken
    assert peer.hearings[0].runs[0].samples == (taken - 1) * 320


@pytest.mark.parametrize(("where", "arrived"), [("before", 4), ("inside", 4), ("after", 5)])
async def test_a_cut_at_a_message_sent(autojump_clock, where, arrived):
    """Before or inside it, the message does not arrive; after it, it does, and is the last."""
    peer = SonioxPeer(SCRIPT, faults=[Cut(At(sent=5), where=where)])
    async with by_hand(peer, peer.endpoints.stt) as client, trio.open_nursery() as nursery:
        nursery.start_soon(_play, client, PART)
        assert len(await client.rest()) == arrived
        assert client.socket.closed.code == 1006


@pytest.mark.parametrize("count", [0, 1, 250, 999])
async def test_a_cut_at_a_byte(autojump_clock, count):
    """So many bytes are read or written, however they were sent, and not one more."""
    for at in (At(bytes_received=count), At(bytes_sent=count)):
        ours, theirs = stream_pair()
        stream = FaultyStream(ours, b"x" * 10, [Cut(at)], lambda: None, lambda away: None)
        await theirs.send_all(b"x" * 990)
        got = await _bytes_until_cut(stream, theirs, sending=at.bytes_sent is not None)
        assert got == count


@pytest.mark.parametrize(
    ("fault", "status", "seconds"),
    [
        (Cut(BEFORE_REQUEST), None, 0.0),
        (Cut(BEFORE_ANSWER), None, 0.0),
        (Cut(At(bytes_sent=40)), None, 0.0),
        (HalfOpen(BEFORE_REQUEST), None, CONNECT_S),
        (StopReading(BEFORE_REQUEST), None, CONNECT_S),
        (Stall(BEFORE_ANSWER, 7.0), None, CONNECT_S),
        (Reject(status=401), 401, 0.0),
        (Reject(status=403), 403, 0.0),
        (Reject(status=429, body=b"slow down"), 429, 0.0),
        (Reject(status=503), 503, 0.0),
    ],
    ids=repr,
)
async def test_an_upgrade_that_fails(autojump_clock, fault, status, seconds):
    """Our transport says so within its limit, with the HTTP status where there was one; the next attempt succeeds."""
    peer = SonioxPeer(SCRIPT, faults=[fault])
    start = trio.current_time()
    with pytest.raises(Unconnected) as raised:
        await transcribe(peer, PART)
    assert raised.value.status == status
    assert trio.current_time() - start == pytest.approx(seconds, abs=0.3)
    assert (await transcribe(peer, PART)).text == "good morning everybody"


@pytest.mark.parametrize("fault", [HalfOpen(At(received=20)), HalfOpen(At(sent=2)), StopReading(At(seconds=0.5))])
async def test_a_peer_that_answers_no_ping_is_found_dead(autojump_clock, fault):
    """A connection that is half open, or is not read any more, is lost to our client within 5.5 s."""
    peer = SonioxPeer(SCRIPT, faults=[fault])
    heard = await transcribe(peer, SOUND)
    assert "ping" in str(heard.failure.error)
    assert heard.events[-1][0] < 0.5 + 5.5


async def test_who_is_not_read_can_soon_send_no_more(autojump_clock):
    """A client that sends to a peer that stopped reading stands still, as with a full socket."""
    peer = SonioxPeer(SCRIPT, faults=[StopReading(At(received=2))])
    async with by_hand(peer, peer.endpoints.stt) as client:
        await client.send(STT_START)
        with trio.move_on_after(10) as scope:
            await client.play(bytes(200_000), size=1_000, pace=0)
        assert scope.cancelled_caught


async def test_a_stall_only_delays(autojump_clock):
    """While it stalls nothing comes; then everything does, in order."""
    peer = SonioxPeer(SCRIPT, faults=[Stall(At(sent=3), 2.0)])
    heard = await transcribe(peer, SOUND)
    times = [at for at, _ in heard.events]
    assert max(later - sooner for sooner, later in pairwise(times)) == pytest.approx(2.0, abs=0.3)
    assert heard.text == "good morning everybody how are you today"


@pytest.mark.parametrize("error_type", CODES)
async def test_every_error_reaches_our_clients(autojump_clock, error_type):
    """An error of each type comes as a frame of its own number, to either service, and the peer closes with 1000."""
    peer = SonioxPeer(SCRIPT, faults=[Refuse(At(seconds=0.3), error_type, "So it is.")])
    heard = await transcribe(peer, PART)
    said = await speak(peer, ["x" * 400])
    for failure in (heard.failure, said.core.failure):
        assert (failure.error.error_type, failure.error.code) == (error_type, CODES[error_type])
        assert "So it is" in str(failure.error)
    assert [record.refusal.error_type for record in peer.connections] == [error_type] * 2


async def test_an_error_can_be_the_first_frame_or_that_of_a_stream(autojump_clock):
    """At the first message the error is all that comes; with `stream`, the connection lives on."""
    peer = SonioxPeer(SCRIPT, faults=[Refuse(At(received=1), "internal_error", service=Service.STT)])
    assert [type(event).__name__ for _, event in (await transcribe(peer, PART)).events] == ["Failed"]
    peer.faults = [Refuse(At(seconds=0.5), "voice_failed", stream=True)]
    said = await speak(peer, ["first " * 50, "second " * 50])
    assert [failure.stream for failure in said.failures()] == ["s2"]
    assert said.core.failure is None
    assert (peer.streams[0].refusal, peer.streams[1].refusal.error_type) == (None, "voice_failed")


@pytest.mark.parametrize(("message", "kind"), [(GARBAGE, "malformed"), (BINARY, "malformed"), (huge(), "1009")])
async def test_messages_that_are_none(autojump_clock, message, kind):
    """Garbage, binary data and ten megabytes arrive as they are, once, and our client gives up on the connection."""
    peer = SonioxPeer(SCRIPT, faults=[SayMessage(At(sent=3), message)])
    heard = await transcribe(peer, PART)
    assert kind in str(heard.failure.error)
    assert (await transcribe(peer, PART)).failure is None


@pytest.mark.parametrize(
    "change", [with_unknown_fields, nulled("speaker", "language", "finished", "error_code", "error_type")]
)
async def test_changes_that_mean_nothing(autojump_clock, change):
    """Unknown fields and nulls in optional ones change no transcript."""
    peer = SonioxPeer(SCRIPT, faults=[Change(change=change)])
    assert (await transcribe(peer, SOUND)).text == "good morning everybody how are you today"


async def test_changes_that_mean_something(autojump_clock):
    """Tokens backwards, nulls where times should be and messages left out are on the wire as told."""
    plain, *changed = [
        await _messages([Change(change=change)] if change is not None else [])
        for change in (None, out_of_order, nulled("start_ms", "text"), lambda message: None)
    ]
    backwards, without, nothing = changed
    assert [message["tokens"][::-1] for message in backwards] == [message["tokens"] for message in plain]
    assert all(token["start_ms"] is token["text"] is None for message in without for token in message["tokens"])
    assert nothing == []
    dropped = await _messages([Change(At(sent=2), change=lambda message: None)])
    assert len(dropped) == len(plain) - 1
    assert dropped[:1] + dropped[1:] == plain[:1] + plain[2:]


async def test_a_peer_can_close_though_nobody_asked(autojump_clock):
    """The code and the reason are those that it was told."""
    peer = SonioxPeer(SCRIPT, faults=[Close(At(seconds=0.5))])
    heard = await transcribe(peer, PART)
    assert "1001 (GOING_AWAY): Timeout" in str(heard.failure.error)


async def test_a_ping_that_meets_a_closing_harms_nobody(autojump_clock):
    """A client that asks for a sign of life while the peer closes is neither answered nor the end of the peer."""
    peer = SonioxPeer(SCRIPT, faults=[Close(At(seconds=0.5))])
    async with peer.listening():
        stream = await peer.open_stream("peer", 80, None)
        client = WSConnection(ConnectionType.CLIENT)
        await stream.send_all(client.send(Request("peer", "/transcribe-websocket")))
        while not any(isinstance(event, CloseConnection) for event in client.events()):
            client.receive_data(await stream.receive_some())
        await stream.send_all(b"\x89\x80" + bytes(4))  # a ping without a payload, masked
        await trio.sleep(2)
        assert peer.hearings[0].closed_at is not None
        assert (await transcribe(peer, PART)).failure is None


async def test_a_fault_keeps_to_its_connection_and_service(autojump_clock):
    """By default the first connection of each service; by number another one; with None each one."""
    peer = SonioxPeer(SCRIPT, faults=[Cut(At(received=3), connection=2, service=Service.STT)])
    failed = [(await transcribe(peer, PART)).failure is not None for _ in range(3)]
    assert failed == [False, True, False]
    assert (await speak(peer, ["fine"])).failures() == []
    peer.faults = [Cut(At(received=3), connection=None)]
    assert all([(await transcribe(peer, PART)).failure is not None for _ in range(3)])


async def test_a_cut_can_last(autojump_clock):
    """While its service is away no connection comes about, those of the other do; afterwards all is as before."""
    peer = SonioxPeer(SCRIPT, faults=[Cut(At(received=3), away=10.0)])
    assert (await transcribe(peer, PART)).failure is not None
    cut_at = peer.hearings[0].closed_at
    for seconds in (0.0, 9.9):
        await trio.sleep_until(cut_at + seconds)
        with pytest.raises(Unconnected):
            await transcribe(peer, PART)
        peer.faults.clear()
        assert (await speak(peer, ["a"])).failures() == []
    await trio.sleep_until(cut_at + 10.0)
    assert (await transcribe(peer, PART)).failure is None


async def test_a_fault_can_strike_when_a_test_says_so(autojump_clock):
    """`suffer` lets it happen to the last connection; without one, it says so."""
    peer = SonioxPeer(SCRIPT, speaking=Speaking(faster=1.0))
    async with trio.open_nursery() as nursery:

        async def strike() -> None:
            await trio.sleep(1)
            await peer.suffer(
                Refuse(None, "service_unavailable", "Cannot continue request. Please restart the request.")
            )

        nursery.start_soon(strike)
        said = await speak(peer, ["something rather long"])
    assert (said.core.failure.error.code, said.events[-1][0]) == (503, pytest.approx(1))
    with pytest.raises(ConfigError, match="expected an open connection"):
        await peer.suffer(Cut())


async def test_a_wrong_key_is_refused_after_the_upgrade(autojump_clock):
    """The socket opens, then a 401 frame comes; a session that a temporary key limits ends with 403."""
    peer = SonioxPeer(SCRIPT, account=Account(["another-key"]))
    assert (await transcribe(peer, PART)).failure.error.code == 401
    assert peer.hearings[0].accepted_at is not None
    peer.account.add(Key("a-key-for-tests", session_s=1.0))
    heard = await transcribe(peer, PART)
    assert (heard.failure.error.error_type, heard.events[-1][0]) == (
        "temp_api_key_session_expired",
        pytest.approx(peer.hearings[1].opened_at + 1),
    )


def test_a_moment_is_exactly_one_thing():
    """A fault whose moment says nothing, or two things, is refused where it is written down."""
    for fields in ({}, {"sent": 1, "seconds": 2.0}):
        with pytest.raises(ConfigError, match="expected exactly one field to be set"):
            At(**fields)


def test_a_moment_must_suit_its_fault():
    """What can't strike at a byte, or at what is received, is refused where it is written down."""
    with pytest.raises(ConfigError, match="of Refuse: expected received or sent or seconds, got bytes_sent"):
        Refuse(At(bytes_sent=3))
    with pytest.raises(ConfigError, match="of Change: expected sent, got received"):
        Change(At(received=3), change=out_of_order)
    with pytest.raises(ConfigError, match="of Reject: expected none, got seconds"):
        Reject(At(seconds=3), status=503)


async def test_an_unknown_path_is_not_found(autojump_clock):
    """Only the two services are there."""
    with pytest.raises(Unconnected) as raised:
        async with SonioxPeer().transport.connect(Address("ws://soniox.test/elsewhere", headers=KEY.headers())):
            pass
    assert raised.value.status == 404


async def test_nothing_is_left_running(autojump_clock):
    """When its client has gone, a peer in memory has no task left, whatever had happened to the connection."""
    alive = trio.lowlevel.current_statistics().tasks_living
    for fault in (
        None,
        Cut(At(received=9)),
        HalfOpen(At(sent=2)),
        StopReading(At(seconds=0.1)),
        Stall(At(sent=2), 99),
    ):
        peer = SonioxPeer(SCRIPT, faults=[fault] if fault else [])
        await transcribe(peer, PART)
        assert trio.lowlevel.current_statistics().tasks_living == alive
        assert peer.connections[0].closed_at is not None


async def _bytes_until_cut(stream: trio.abc.Stream, client: trio.abc.Stream, sending: bool) -> int:
    """How many bytes went through `stream`, one way."""
    got = 0
    try:
        while True:
            if sending:
                await stream.send_all(b"y" * 300)
            else:
                got += len(await stream.receive_some())
    except trio.BrokenResourceError:
        while sending and (data := await client.receive_some()):
            got += len(data)
    return got


async def _play(client: Any, sound: bytes) -> None:
    try:
        await client.send(STT_START)
        await client.play(sound)
        await client.send("")
    except trio_websocket.ConnectionClosed:
        pass


async def _messages(faults: list[Any]) -> list[dict[str, Any]]:
    peer = SonioxPeer(SCRIPT, faults=faults)
    async with by_hand(peer, peer.endpoints.stt) as client, trio.open_nursery() as nursery:
        nursery.start_soon(_play, client, PART)
        return await client.rest()
