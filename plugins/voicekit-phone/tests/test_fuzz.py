"""Fuzz: whatever a carrier sends, a wire has events for it or RemoteProtocolError, and nothing else."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.counts import count
from voicekit.call.played import PlayedEstimate
from voicekit.errors import RemoteProtocolError
from voicekit_phone.exotel import ExotelPeer, ExotelWire
from voicekit_phone.genesys import GenesysPeer, GenesysWire
from voicekit_phone.jambonz import JambonzPeer, JambonzWire
from voicekit_phone.plivo import PlivoPeer, PlivoWire
from voicekit_phone.telnyx import TelnyxPeer, TelnyxWire
from voicekit_phone.twilio import TwilioPeer, TwilioWire
from voicekit_phone.vonage import VonagePeer, VonageWire

MUTATIONS = count(100_000)
INTERLEAVINGS = count(2_000)

WIRES: dict[str, tuple[Any, Any]] = {
    "twilio": (TwilioWire, TwilioPeer),
    "telnyx": (TelnyxWire, TelnyxPeer),
    "plivo": (PlivoWire, PlivoPeer),
    "exotel": (ExotelWire, ExotelPeer),
    "vonage": (VonageWire, VonagePeer),
    "genesys": (GenesysWire, GenesysPeer),
    "jambonz": (JambonzWire, JambonzPeer),
}
STRANGE: list[Any] = [
    None, True, 0, -1, 7.5, 1e400, 2**70, "", "é", "\ud800", "x" * 500, [], {}, [None], {"a": {"b": []}}, "5", "NaN",
]  # fmt: skip


def messages(wire: str) -> list[str]:
    lines = (Path(__file__).parent / "golden" / f"{wire}.txt").read_text(encoding="utf-8").splitlines()
    return [line[2:] for line in lines if line.startswith("< {")]


def mutated(message: str, roll: random.Random) -> str | bytes:
    """`message` with one thing changed: a value, a key, some of its text; or as bytes."""
    match roll.randrange(5):
        case 0:
            return message[: roll.randrange(len(message))]
        case 1:
            place = roll.randrange(len(message))
            return message[:place] + chr(roll.randrange(0x2000)) + message[place + 1 :]
        case 2:
            return message.encode("utf-8", "replace")[: roll.randrange(1, len(message))]
        case _:
            value = json.loads(message)
            places = [(value, key) for key in value]
            for holder, key in places:
                if isinstance(holder[key], dict):
                    places += [(holder[key], inner) for inner in holder[key]]
            if not places:
                return message
            holder, key = roll.choice(places)
            if roll.random() < 0.3:
                del holder[key]
            else:
                holder[key] = roll.choice(STRANGE)
            return json.dumps(value)


@pytest.mark.full_counts
@pytest.mark.parametrize("wire", WIRES)
def test_mutated_messages_are_events_or_protocol_errors(wire: str) -> None:
    """A seventh of the mutations for each wire, half of them into a call that has begun."""
    roll = random.Random(wire)
    make_wire, make_peer = WIRES[wire]
    known = messages(wire)
    tried = refused = 0
    while tried < MUTATIONS // len(WIRES):
        ours = make_wire()
        if roll.random() < 0.5:
            for message in make_peer().begin({"tier": "gold"}):
                ours.receive(message)
        for _ in range(5):
            tried += 1
            try:
                events = ours.receive(mutated(roll.choice(known), roll))
            except RemoteProtocolError:
                refused += 1
                break
            for event in events:
                assert len(repr(event)) < 400_000
    assert 0 < refused < tried


@pytest.mark.full_counts
@pytest.mark.parametrize("seed", range(4))
def test_the_position_is_monotone_and_never_above_what_was_sent(seed: int) -> None:
    """Any order of sending, marking and marks that come back, late, twice or never."""
    roll = random.Random(seed)
    for _ in range(INTERLEAVINGS // 4):
        estimate, now, last, names = PlayedEstimate(8000), 0.0, 0, []
        for step in range(60):
            now += roll.random() * 0.1
            match roll.randrange(4):
                case 0 | 1:
                    estimate.send(roll.randrange(1, 800), now)
                case 2:
                    estimate.mark(f"{step}")
                    names.append(f"{step}")
                case _ if names:
                    estimate.passed(roll.choice(names), now)
            heard = estimate.heard(now)
            assert last <= heard <= estimate.sent
            last = heard
