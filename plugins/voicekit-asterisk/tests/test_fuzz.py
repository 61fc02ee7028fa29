"""Fuzz: whatever Asterisk sends, a wire has events for it or RemoteProtocolError, and TCP may cut frames anywhere."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.counts import count
from voicekit.call.played import PlayedEstimate
from voicekit.errors import RemoteProtocolError
from voicekit_asterisk import ari
from voicekit_asterisk.ari import AriNames
from voicekit_asterisk.ari_wire import AriWire
from voicekit_asterisk.audiosocket import AudioSocketPeer, AudioSocketWire, FrameReader, frame
from voicekit_asterisk.chan_websocket import ChanWebsocketPeer, ChanWebsocketWire

WIRES: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "audiosocket": (AudioSocketWire, AudioSocketPeer),
    "chan_websocket": (ChanWebsocketWire, ChanWebsocketPeer),
    "ari": (lambda: AriWire(AriNames("vk", "3f2a"), "1.1"), ChanWebsocketPeer),
}
STRANGE: list[Any] = [
    None, True, 0, -1, 7.5, 1e400, 2**70, "", "é", "\ud800", "x" * 500, [], {}, [None], {"a": {"b": []}}, "5", "NaN",
]  # fmt: skip


def messages(wire: str) -> list[str]:
    lines = (Path(__file__).parent / "golden" / f"{wire}.txt").read_text(encoding="utf-8").splitlines()
    return [line[2:] for line in lines if line.startswith("< ") and not line.startswith("< repeat")]


def mutated(message: str, roll: random.Random) -> str | bytes:
    """`message` with one thing changed: a value, a key, some of its text, a byte; or as the other kind."""
    if message.startswith("0x"):
        data = bytearray.fromhex(message[2:])
        match roll.randrange(4):
            case 0:
                return bytes(data[: roll.randrange(len(data))])
            case 1:
                data[roll.randrange(len(data))] = roll.randrange(256)
                return bytes(data)
            case 2:
                return roll.randbytes(roll.randrange(40))
            case _:
                return bytes(data)
    match roll.randrange(6):
        case 0:
            return message[: roll.randrange(len(message))]
        case 1:
            place = roll.randrange(len(message))
            return message[:place] + chr(roll.randrange(0x2000)) + message[place + 1 :]
        case 2:
            return message.encode("utf-8", "replace")[: roll.randrange(1, len(message))]
        case 3:
            return message
        case _:
            return _changed(message, roll)


def ordered(wire: Any, roll: random.Random) -> None:
    """One order of our side's."""
    match roll.randrange(3):
        case 0:
            wire.clear()
        case 1:
            wire.sound(bytes(640))
        case _:
            wire.mark("1.2")


def _changed(message: str, roll: random.Random) -> str:
    try:
        value = json.loads(message)
    except ValueError:
        return message
    places = [(value, key) for key in value]
    for holder, key in places:
        if isinstance(holder[key], dict):
            places += [(holder[key], inner) for inner in holder[key]]
    holder, key = roll.choice(places)
    if roll.random() < 0.3:
        del holder[key]
    else:
        holder[key] = roll.choice(STRANGE)
    return json.dumps(value)


@pytest.mark.full_counts
@pytest.mark.parametrize("wire", WIRES)
def test_mutated_messages_are_events_or_protocol_errors(wire: str) -> None:
    """A third of the mutations for each wire, half of them into a call that has begun, orders of ours in between."""
    roll = random.Random(wire)
    make_wire, make_peer = WIRES[wire]
    known = messages(wire)
    tried = refused = 0
    while tried < count(30_000) // len(WIRES):
        ours = make_wire()
        if roll.random() < 0.5:
            for message in make_peer().begin({"tier": "gold"}):
                ours.receive(message)
        for _ in range(5):
            tried += 1
            if roll.random() < 0.3:
                ordered(ours, roll)
            try:
                events = ours.receive(mutated(roll.choice(known), roll))
            except RemoteProtocolError:
                refused += 1
                break
            for event in events:
                assert len(repr(event)) < 400_000
    assert 0 < refused < tried


@given(st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=50)), max_size=6), st.data())
def test_frames_are_whole_wherever_tcp_cuts_them(frames: list[tuple[int, bytes]], data: st.DataObject) -> None:
    """Whatever pieces the bytes come in, the same frames come out, and each as soon as it is whole."""
    whole = [frame(kind, payload) for kind, payload in frames]
    stream = b"".join(whole)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    reader, found = FrameReader(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += reader.feed(stream[start:end])
        assert len(b"".join(found)) <= end
    assert found == whole


@given(st.integers(0, 2**30))
def test_any_listing_of_asterisk_leads_to_requests_about_our_own_things(seed: int) -> None:
    """Nothing that is not named by us is removed; callers in our bridges go on in the dialplan."""
    roll = random.Random(seed)
    names = ["1.1", "voicekit-vk-3f2a-media", "voicekit-vk-3f2a-bridge", "voicekit-other-3f2a-bridge", "", "x" * 300]
    things = [{"id": roll.choice(names), "channels": roll.choice((STRANGE, names))} for _ in range(roll.randrange(5))]
    listed: list[Any] = [*things, *roll.sample(STRANGE, 3)]
    for request in ari.leftovers("vk", [each for each in listed if isinstance(each, dict)], listed):
        assert request.path.endswith("/continue") or "voicekit-vk-3f2a" in request.path


@pytest.mark.full_counts
@pytest.mark.parametrize("seed", range(4))
def test_the_position_is_monotone_whatever_is_counted_marked_and_held(seed: int) -> None:
    """Any order of sending, holding, letting go, marks and counts: never falling, never above what was sent."""
    roll = random.Random(seed)
    for _ in range(count(2_000) // 4):
        estimate, now, last, names = PlayedEstimate(8000), 0.0, 0, []
        for step in range(60):
            now += roll.random() * 0.1
            match roll.randrange(7):
                case 0 | 1:
                    estimate.send(roll.randrange(1, 800), now)
                case 2:
                    estimate.mark(f"{step}")
                    names.append(f"{step}")
                case 3:
                    estimate.hold(now)
                case 4:
                    estimate.release(now)
                case 5:
                    estimate.pin(roll.randrange(estimate.sent + 100), now)
                case _ if names:
                    estimate.passed(roll.choice(names), now)
            heard = estimate.heard(now)
            assert last <= heard <= estimate.sent
            last = heard
