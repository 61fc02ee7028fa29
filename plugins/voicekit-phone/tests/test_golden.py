"""Golden message sets, one file per wire, which both roles read: each line means what the file has under it.

-- a case: a new wire, to which the carrier's first messages were fed, unless the title begins with "raw"
< a message of the carrier's; "0x.." is binary, "repeat N c" a text of N times c
. an order to our side, such as `sound ffff`, `mark 7.160`, `clear`, `digits 12#`, `hang_up`, or `closed 1006`
= the events that come of it, in short            ! the error that comes of it
> the messages that come of it                    ~ what the carrier makes of them
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from voicekit.call.wire import (
    CallStarted,
    FarHold,
    MarkPassed,
    WireCleared,
    WireDigit,
    WireEnded,
    WireMessage,
    WireNotice,
    WireReply,
    WireSound,
)
from voicekit.errors import VoicekitError
from voicekit_phone.cloudonix import CloudonixPeer, CloudonixWire
from voicekit_phone.exotel import ExotelPeer, ExotelWire
from voicekit_phone.genesys import GenesysPeer, GenesysWire
from voicekit_phone.jambonz import JambonzPeer, JambonzWire
from voicekit_phone.peers import PeerCleared, PeerDigits, PeerHungUp, PeerMark, PeerOther, PeerSound
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


@dataclass(frozen=True)
class Case:
    wire: str
    title: str
    lines: tuple[str, ...]


def cases(wire: str) -> Iterator[Case]:
    """The cases of a wire's file."""
    title, lines = "", []
    for line in [*(GOLDEN / f"{wire}.txt").read_text(encoding="utf-8").splitlines(), "-- "]:
        if line.startswith("-- "):
            if title:
                yield Case(wire, title, tuple(lines))
            title, lines = line[3:], []
        elif line.strip() and not line.startswith("#"):
            lines.append(line)


def played(case: Case) -> list[str]:
    """The lines of `case` with what really comes of its inputs."""
    make_wire, make_peer = WIRES[case.wire]
    wire, peer = make_wire(), make_peer()
    if not case.title.startswith("raw"):
        for message in peer.begin({"tier": "gold"}):
            for event in wire.receive(message):
                if isinstance(event, WireReply):
                    peer.receive(event.message)
    out = []
    for line in case.lines:
        kind, _, rest = line.partition(" ")
        if kind == "<":
            out.append(line)
            try:
                events = wire.receive(_message(rest))
            except VoicekitError as error:
                out.append(f"! {type(error).__name__}: {error}")
                continue
            out += [f"= {in_short(event)}" for event in events] or ["= nothing"]
        elif kind == ".":
            out.append(line)
            order, _, argument = rest.partition(" ")
            if order == "closed":
                out.append(f"= {in_short(wire.closed(int(argument) if argument else None))}")
                continue
            try:
                messages = _ordered(wire, order, argument)
            except VoicekitError as error:
                out.append(f"! {type(error).__name__}: {error}")
                continue
            for message in messages:
                out.append(f"> {'0x' + message.hex() if isinstance(message, bytes) else message}")
                out.append(f"~ {in_short(peer.receive(message))}")
            out += [] if messages else ["> nothing"]
    return out


def _message(written: str) -> WireMessage:
    if written.startswith("0x"):
        return bytes.fromhex(written[2:])
    if written.startswith("repeat "):
        _, times, what = written.split(" ", 2)
        return what * int(times)
    return written


def _ordered(wire: Any, order: str, argument: str) -> Any:
    match order:
        case "sound":
            times, _, what = argument.rpartition("*")
            return wire.sound(bytes.fromhex(what) * int(times or 1))
        case "clear":
            return wire.clear()
        case _:
            return getattr(wire, order)(argument)


def in_short(event: object) -> str:
    """An event in a few words. Here numbers and parameters are shown: they are invented."""
    match event:
        case CallStarted(info, heard, spoken):
            facts = [f"call {info.call_id}", f"stream {info.stream_id}" if info.stream_id else ""]
            facts += [f"from {info.caller}" if info.caller else "", f"to {info.called}" if info.called else ""]
            facts += [f"{name}={value}" for name, value in info.parameters.items()]
            return f"started: {', '.join(fact for fact in facts if fact)}; hears {heard}, is spoken to in {spoken}"
        case WireSound(pcm) | PeerSound(pcm):
            return f"sound {pcm.hex() if len(pcm) < 9 else f'of {len(pcm)} bytes'}"
        case WireDigit(digit):
            return f"digit {digit}"
        case MarkPassed(name) | PeerMark(name):
            return f"mark {name}"
        case WireCleared() | PeerCleared():
            return "cleared"
        case FarHold(held):
            return "held" if held else "taken back"
        case WireReply(message):
            return f"owes {message!s}"
        case WireEnded(end):
            return f"ended: {end.reason.value} {end.code}".strip()
        case WireNotice(text):
            return f"notice: {text}"
        case PeerDigits(digits):
            return f"digits {digits}"
        case PeerHungUp():
            return "hung up"
        case PeerOther(kind):
            return kind
        case _:
            raise AssertionError(f"no words for {event!r}")


ALL = [case for wire in WIRES for case in cases(wire)]


@pytest.mark.parametrize("case", ALL, ids=lambda case: f"{case.wire}: {case.title}")
def test_both_roles_read_the_golden_set(case: Case) -> None:
    """What is fed and ordered has exactly the outcome that the file states, line by line."""
    assert played(case) == list(case.lines)


@pytest.mark.parametrize("wire", WIRES)
def test_each_wire_has_twenty_cases_or_more(wire: str) -> None:
    """A set that shrinks is noticed."""
    assert len(list(cases(wire))) >= 20


def test_the_files_are_those_of_the_wires() -> None:
    """No file is left unread."""
    assert {file.stem for file in GOLDEN.glob("*.txt")} == set(WIRES)
