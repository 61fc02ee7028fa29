"""The golden message sets of all carriers; tests/golden_kit.py has what the lines mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.golden_kit import Case, cases, common_words, played
from voicekit.call.wire import CallStarted
from voicekit_phone.cloudonix import CloudonixPeer, CloudonixWire
from voicekit_phone.exotel import ExotelPeer, ExotelWire
from voicekit_phone.genesys import GenesysPeer, GenesysWire
from voicekit_phone.jambonz import JambonzPeer, JambonzWire
from voicekit_phone.peers import PeerDigits
from voicekit_phone.plivo import PlivoPeer, PlivoWire
from voicekit_phone.signalwire import SignalWirePeer, SignalWireWire
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
    "signalwire": (SignalWireWire, SignalWirePeer),
    "cloudonix": (CloudonixWire, CloudonixPeer),
}


def in_short(event: object) -> str:
    """An event in a few words. Here numbers and parameters are shown: they are invented."""
    match event:
        case CallStarted(info, heard, spoken):
            facts = [f"call {info.call_id}", f"stream {info.stream_id}" if info.stream_id else ""]
            facts += [f"from {info.caller}" if info.caller else "", f"to {info.called}" if info.called else ""]
            facts += [f"{name}={value}" for name, value in info.parameters.items()]
            return f"started: {', '.join(fact for fact in facts if fact)}; hears {heard}, is spoken to in {spoken}"
        case PeerDigits(digits):
            return f"digits {digits}"
        case _:
            return common_words(event)


ALL = [case for wire in WIRES for case in cases(GOLDEN, wire)]


@pytest.mark.parametrize("case", ALL, ids=str)
def test_both_roles_read_the_golden_set(case: Case) -> None:
    """What is fed and ordered has exactly the outcome that the file states, line by line."""
    make_wire, make_peer = WIRES[case.wire]
    assert played(case, make_wire(), make_peer(), in_short) == list(case.lines)


@pytest.mark.parametrize("wire", WIRES)
def test_each_wire_has_twenty_cases_or_more(wire: str) -> None:
    """A set that shrinks is noticed."""
    assert len(list(cases(GOLDEN, wire))) >= 20


def test_the_files_are_those_of_the_wires() -> None:
    """No file is left unread."""
    assert {file.stem for file in GOLDEN.glob("*.txt")} == set(WIRES)
