"""`voicekit.v1` and RTVI without a socket: golden messages, both roles against each other, and fuzz."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.counts import count
from voicekit.audio.format import AudioFormat
from voicekit.call.info import Known
from voicekit.call.wire import CallStarted, WireDigit, WireEnded, WireMessage, WireReply, WireSound, WireTyped
from voicekit.errors import RemoteProtocolError
from voicekit_browser import wire
from voicekit_browser.peer import PagePeer
from voicekit_browser.rtvi.messages import read_message, write_message
from voicekit_browser.rtvi.protobuf import AudioFramePb, MessageFramePb, decode, encode_audio, encode_message
from voicekit_browser.rtvi.wire import RtviPeer, RtviWire
from voicekit_browser.wire import PageWire

GOLDEN = Path(__file__).parent / "golden"
SPOKEN = AudioFormat(24_000)

STRANGE: list[Any] = [None, True, 0, -1, 7.5, 2**70, "", "é", "\ud800", "x" * 5000, [], {}, [None], {"a": {"b": []}}]


def golden(name: str) -> list[tuple[str, str]]:
    """Pairs of a message and what comes of it: each line that begins with "<" and the one behind it."""
    lines = (GOLDEN / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    told = [line for line in lines if line.startswith(("<", "=", "!"))]
    return [(message[2:], answer) for message, answer in zip(told[::2], told[1::2], strict=True)]


def bytes_or_text(written: str) -> WireMessage:
    return bytes.fromhex(written[2:]) if written.startswith("0x") else written


def in_short(act: Any, message: WireMessage) -> str:
    try:
        return f"= {act(message)!r}"
    except RemoteProtocolError as error:
        return f"! {error}"


@pytest.mark.parametrize(("message", "answer"), golden("page"))
def test_a_page_s_messages_mean_what_they_always_did(message: str, answer: str) -> None:
    """Each into a call that has begun, but for those that begin one."""
    page = PageWire()
    if '"start"' not in message and '"resume"' not in message and not message.startswith("raw "):
        page.receive('{"type":"start"}')
    assert in_short(page.receive, bytes_or_text(message.removeprefix("raw "))) == answer


def test_the_server_s_messages_are_what_they_always_were() -> None:
    """To the letter: pages of other versions read them."""
    sent = [
        wire.welcome("c1", "p.1", 24_000),
        wire.resumed(16_000, 2, 3, held=True),
        wire.gone(),
        wire.flush(4),
        wire.HOLD,
        wire.RELEASE,
        wire.ping(7),
        wire.happened(9, {"name": "said", "turn": 1, "from": 0, "text": "Halló"}),
        wire.bye("bot"),
    ]
    assert sent == (GOLDEN / "server.txt").read_text(encoding="utf-8").splitlines()


def test_a_peer_goes_where_the_server_sends_it() -> None:
    """Both roles: a start, sound, a flush, and a resume from where the page is."""
    peer, page = PagePeer("t"), PageWire()
    start = page.receive(peer.start())
    assert isinstance(start, wire.PageStart)
    assert start.token == "t"
    peer.receive(wire.welcome("c1", "p.1", 24_000))
    peer.receive(b"\0" * 960)
    peer.receive(wire.happened(5, {"name": "sounds"}))
    resume = PageWire().receive(peer.resume())
    assert isinstance(resume, wire.PageResume)
    assert (resume.token, resume.spot) == ("p.1", wire.PageSpot(0, 480, 0, 5))
    peer.receive(wire.flush(1))
    again = PageWire().receive(peer.resume())
    assert isinstance(again, wire.PageResume)
    assert again.spot == wire.PageSpot(1, 0, 0, 5)


def test_a_peer_sends_again_what_the_server_has_not_got() -> None:
    """To the sample; what it no longer has is skipped, and entries come once."""
    peer = PagePeer()
    sound = bytes(range(256)) * 10
    peer.sound(sound)
    first, second = peer.type("one"), peer.press("2")
    assert peer.again({"type": "resumed", "heard": 1000, "entered": 1}) == [sound[2000:], second]
    assert peer.again({"type": "welcome"}) == [sound, first, second]
    peer.sound(b"\1\0" * 16_000 * 15)
    skipped, *rest = peer.again({"type": "resumed", "heard": 280, "entered": 2})
    assert json.loads(str(skipped)) == {"type": "skip", "samples": 1000}
    assert sum(len(piece) for piece in rest) == 2 * 16_000 * 15


def test_nothing_of_the_caller_is_in_a_repr() -> None:
    """A log may have every event of the wire."""
    page = PageWire()
    start = page.receive('{"type":"start","token":"secret"}')
    typed = page.receive('{"type":"text","n":1,"text":"secret"}')
    key = page.receive('{"type":"dtmf","n":2,"digit":"7"}')
    resume = PageWire().receive('{"type":"resume","token":"secret","gen":0,"got":0,"played":0,"events":0}')
    assert "secret" not in repr((start, typed, resume))
    assert "7" not in repr(key)


# RTVI.


@pytest.mark.parametrize(("message", "answer"), golden("rtvi"))
def test_an_rtvi_client_s_messages_mean_what_they_always_did(message: str, answer: str) -> None:
    """JSON is put into its frame, hexadecimal is a frame; each into a call that has begun, but for `raw` ones."""
    ours = RtviWire(Known("c1"), SPOKEN, answer=lambda kind, data: [kind, data])
    if not message.startswith("raw "):
        ours.receive(RtviPeer().begin()[0])
    frame = bytes_or_text(message.removeprefix("raw "))
    said = encode_message(frame) if isinstance(frame, str) else frame
    assert in_short(lambda given: [_rtvi_words(event) for event in ours.receive(given)], said) == answer


def _rtvi_words(event: Any) -> str:
    match event:
        case CallStarted():
            return f"started, hears {event.heard.rate}, is spoken to at {event.spoken.rate}"
        case WireReply(message):
            frame = decode(message)
            assert isinstance(frame, MessageFramePb)
            return f"> {frame.data}"
        case WireSound(pcm):
            return f"sound {pcm.hex()}"
        case WireDigit(digit):
            return f"key {digit}"
        case WireTyped(line):
            return f"typed {line}"
        case WireEnded(end):
            return f"ended {end.reason}"
    return str(event)


def test_our_frames_are_those_of_google_s_library() -> None:
    """Byte by byte, both ways, with the official runtime and the descriptor of pipecat's file."""
    protobuf = pytest.importorskip("google.protobuf", reason="needs the package protobuf")
    made = _official(protobuf)
    roll = random.Random(5)
    for _ in range(200):
        pcm = roll.randbytes(2 * roll.randrange(1, 500))
        theirs = made()
        theirs.audio.audio, theirs.audio.sample_rate, theirs.audio.num_channels = pcm, 24_000, 1
        assert encode_audio(pcm, 24_000) == theirs.SerializeToString()
        theirs.audio.id, theirs.audio.name, theirs.audio.pts = roll.randrange(1 << 60), "é", roll.randrange(1 << 60)
        assert decode(theirs.SerializeToString()) == AudioFramePb(pcm, 24_000, 1)
        text = "".join(chr(roll.randrange(32, 0x2000)) for _ in range(roll.randrange(1, 300)))
        message = made()
        message.message.data = text
        assert encode_message(text) == message.SerializeToString()
        assert decode(message.SerializeToString()) == MessageFramePb(text)


def _official(protobuf: Any) -> Any:
    """The class of pipecat's Frame, from its fields."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    kinds = {
        "TextFrame": [(1, "id", 4), (2, "name", 9), (3, "text", 9)],
        "AudioRawFrame": [
            (1, "id", 4), (2, "name", 9), (3, "audio", 12), (4, "sample_rate", 13), (5, "num_channels", 13),
            (6, "pts", 4),
        ],
        "MessageFrame": [(1, "data", 9)],
    }  # fmt: skip
    file = descriptor_pb2.FileDescriptorProto(name="frames.proto", package="pipecat", syntax="proto3")
    for name, members in kinds.items():
        kind = file.message_type.add(name=name)
        for number, field, type_ in members:
            kind.field.add(name=field, number=number, type=type_, label=1)
    frame = file.message_type.add(name="Frame")
    frame.oneof_decl.add(name="frame")
    for number, field, of in ((1, "text", "TextFrame"), (2, "audio", "AudioRawFrame"), (4, "message", "MessageFrame")):
        frame.field.add(name=field, number=number, type=11, label=1, type_name=f".pipecat.{of}", oneof_index=0)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("pipecat.Frame"))


# Fuzz.


@pytest.mark.full_counts
@pytest.mark.parametrize("which", ["page", "rtvi"])
def test_whatever_comes_is_an_event_or_a_protocol_error(which: str) -> None:
    """Golden messages with one thing changed, half of them into a call that has begun."""
    roll = random.Random(which)
    known = [message.removeprefix("raw ") for message, _ in golden(which)]
    refused = tries = 0
    while tries < count(100_000):
        ours: Any = PageWire() if which == "page" else RtviWire(Known("c1"), SPOKEN)
        if roll.random() < 0.5:
            ours.receive('{"type":"start"}' if which == "page" else RtviPeer().begin()[0])
        for _ in range(5):
            tries += 1
            message = mutated(bytes_or_text(roll.choice(known)), roll)
            if which == "rtvi" and isinstance(message, str) and roll.random() < 0.9:
                message = encode_message(message)
            try:
                assert len(repr(ours.receive(message))) < 400_000
            except RemoteProtocolError:
                refused += 1
                break
    assert 0 < refused < tries


def mutated(message: WireMessage, roll: random.Random) -> WireMessage:
    """`message` with one thing changed: its length, a place of it, or a value."""
    if isinstance(message, bytes):
        place = roll.randrange(len(message) + 1)
        return message[:place] + roll.randbytes(roll.randrange(4)) + message[place + roll.randrange(2) :]
    match roll.randrange(4):
        case 0:
            return message[: roll.randrange(len(message))]
        case 1:
            place = roll.randrange(len(message))
            return message[:place] + chr(roll.randrange(0x2000)) + message[place + 1 :]
    try:
        value = json.loads(message)
    except ValueError:
        return message
    if isinstance(value, dict) and value:
        inner = value.get("data")
        holder = inner if isinstance(inner, dict) and inner and roll.random() < 0.6 else value
        holder[roll.choice(list(holder))] = roll.choice(STRANGE)
    return json.dumps(value)


def test_an_envelope_is_read_as_it_was_written() -> None:
    """With and without an id; what has another label is nobody's."""
    said = read_message(write_message("dtmf", {"buttons": ["1"]}, "a1"))
    assert said is not None
    assert (said.kind, said.id, said.data) == ("dtmf", "a1", {"buttons": ["1"]})
    assert read_message('{"label":"other","type":"dtmf"}') is None
