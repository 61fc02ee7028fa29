"""Golden message sets, one file per wire, which both roles read: each line means what the file has under it.

-- a case: a new wire, to which Asterisk's first messages were fed, unless the title begins with "raw"; a title that
   has "plain" in it is of a connection with plain-text messages
< a message of Asterisk's; "0x.." is binary, "repeat N c" a text of N times c
. an order to our side, such as `sound ffff`, `sound 160*0000`, `mark 7.160`, `clear`, `hang_up`, or `closed 1006`
= the events that come of it, in short            ! the error that comes of it
> the messages that come of it                    ~ what Asterisk makes of them
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from voicekit.call.wire import (
    CallStarted,
    FarFull,
    FarHold,
    MarkPassed,
    PlayedTo,
    WireCleared,
    WireDigit,
    WireEnded,
    WireMessage,
    WireNotice,
    WireSound,
)
from voicekit.errors import VoicekitError
from voicekit_asterisk.ari import AriNames
from voicekit_asterisk.ari_wire import AriWire
from voicekit_asterisk.audiosocket import AudioSocketPeer, AudioSocketWire
from voicekit_asterisk.chan_websocket import ChanWebsocketPeer, ChanWebsocketWire
from voicekit_asterisk.peers import PeerAsked, PeerCleared, PeerHungUp, PeerMark, PeerOther, PeerPaused, PeerSound

GOLDEN = Path(__file__).parent / "golden"
WIRES = ("audiosocket", "chan_websocket", "ari")


@dataclass(frozen=True)
class Case:
    wire: str
    title: str
    lines: tuple[str, ...]


def roles(case: Case) -> tuple[Any, Any]:
    """Our side and Asterisk's."""
    match case.wire:
        case "audiosocket":
            rate = 16_000 if "16 kHz" in case.title else 8_000
            return AudioSocketWire(rate), AudioSocketPeer(rate)
        case "chan_websocket":
            codec = "ulaw" if "ulaw" in case.title else "slin16"
            return ChanWebsocketWire({"caller": "+15550001"}), ChanWebsocketPeer(
                codec, as_json="plain" not in case.title
            )
        case _:
            names = AriNames("vk", "3f2a")
            facts = {"caller": "+15550001", "called": "100", "arg1": "gold"}
            wire = AriWire(names, "1.1", facts, outbound="outbound" in case.title)
            return wire, ChanWebsocketPeer(call=names.media)


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
    wire, peer = roles(case)
    if not case.title.startswith("raw"):
        for message in peer.begin({"tier": "gold"}):
            wire.receive(message)
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
                out.append(f"> {_shown(message)}")
                out.append(f"~ {in_short(peer.receive(message))}")
            out += [] if messages else ["> nothing"]
    return out


def _shown(message: WireMessage) -> str:
    if isinstance(message, str):
        return message
    return f"0x{message[:8].hex()}" + (f".. of {len(message)} bytes" if len(message) > 8 else "")


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
        case "clear" | "pause" | "resume" | "query":
            return getattr(wire, order)()
        case _:
            return getattr(wire, order)(argument)


def in_short(event: object) -> str:
    """An event in a few words. Here numbers and parameters are shown: they are invented."""
    match event:
        case CallStarted(info, heard, _):
            facts = [f"call {info.call_id} {info.call_id.trust}", f"stream {info.stream_id}" if info.stream_id else ""]
            facts += [f"from {info.caller}" if info.caller else "", f"to {info.called}" if info.called else ""]
            facts += [f"{name}={value} {value.trust}" for name, value in info.parameters.items()]
            facts += ["outbound"] if info.direction == "outbound" else []
            return f"started: {', '.join(fact for fact in facts if fact)}; {heard}"
        case WireSound(pcm) | PeerSound(pcm):
            return f"sound {pcm.hex() if len(pcm) < 9 else f'of {len(pcm)} bytes'}"
        case WireDigit(digit):
            return f"digit {digit}"
        case MarkPassed(name) | PeerMark(name):
            return f"mark {name}"
        case PlayedTo(samples):
            return f"played {samples}"
        case FarFull(full):
            return "full" if full else "room again"
        case WireCleared() | PeerCleared():
            return "cleared"
        case FarHold(held):
            return "held" if held else "taken back"
        case WireEnded(end):
            return f"ended: {end.reason.value} {end.code}".strip()
        case WireNotice(text):
            return f"notice: {text}"
        case PeerPaused(paused):
            return "paused" if paused else "goes on"
        case PeerAsked():
            return "asked"
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
