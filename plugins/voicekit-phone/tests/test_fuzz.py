"""Fuzz: whatever a carrier sends, a wire has events for it or RemoteProtocolError, and nothing else."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from tests.counts import count
from tests.mutations import feed_mutations, messages
from voicekit_phone.exotel import ExotelPeer, ExotelWire
from voicekit_phone.genesys import GenesysPeer, GenesysWire
from voicekit_phone.jambonz import JambonzPeer, JambonzWire
from voicekit_phone.plivo import PlivoPeer, PlivoWire
from voicekit_phone.telnyx import TelnyxPeer, TelnyxWire
from voicekit_phone.twilio import TwilioPeer, TwilioWire
from voicekit_phone.vonage import VonagePeer, VonageWire

GOLDEN = Path(__file__).parent / "golden"

WIRES: dict[str, tuple[Any, Any]] = {
    "twilio": (TwilioWire, TwilioPeer),
    "telnyx": (TelnyxWire, TelnyxPeer),
    "plivo": (PlivoWire, PlivoPeer),
    "exotel": (ExotelWire, ExotelPeer),
    "vonage": (VonageWire, VonagePeer),
    "genesys": (GenesysWire, GenesysPeer),
    "jambonz": (JambonzWire, JambonzPeer),
}


@pytest.mark.full_counts
@pytest.mark.parametrize("wire", WIRES)
def test_mutated_messages_are_events_or_protocol_errors(wire: str) -> None:
    """A seventh of the mutations for each wire, half of them into a call that has begun."""
    known = messages(GOLDEN / f"{wire}.txt")
    feed_mutations(*WIRES[wire], known, count(100_000) // len(WIRES), random.Random(wire))
