"""The golden message sets of the three ways; tests/golden_kit.py has what the lines mean.

A title that has "plain" in it is of a connection with plain-text messages, "16 kHz", "ulaw" and "outbound" name what
else it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.golden_kit import Case, cases, common_words, played
from voicekit.call.wire import CallStarted
from voicekit_asterisk.ari import AriNames
from voicekit_asterisk.ari_wire import AriWire
from voicekit_asterisk.audiosocket import AudioSocketPeer, AudioSocketWire
from voicekit_asterisk.chan_websocket import ChanWebsocketPeer, ChanWebsocketWire
from voicekit_asterisk.peers import PeerAsked, PeerPaused

GOLDEN = Path(__file__).parent / "golden"
WIRES = ("audiosocket", "chan_websocket", "ari")


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


def in_short(event: object) -> str:
    """An event in a few words. Here numbers and parameters are shown: they are invented."""
    match event:
        case CallStarted(info, heard, _):
            facts = [f"call {info.call_id} {info.call_id.trust}", f"stream {info.stream_id}" if info.stream_id else ""]
            facts += [f"from {info.caller}" if info.caller else "", f"to {info.called}" if info.called else ""]
            facts += [f"{name}={value} {value.trust}" for name, value in info.parameters.items()]
            facts += ["outbound"] if info.direction == "outbound" else []
            return f"started: {', '.join(fact for fact in facts if fact)}; {heard}"
        case PeerPaused(paused):
            return "paused" if paused else "goes on"
        case PeerAsked():
            return "asked"
        case _:
            return common_words(event)


ALL = [case for wire in WIRES for case in cases(GOLDEN, wire)]


@pytest.mark.parametrize("case", ALL, ids=str)
def test_both_roles_read_the_golden_set(case: Case) -> None:
    """What is fed and ordered has exactly the outcome that the file states, line by line."""
    assert played(case, *roles(case), in_short) == list(case.lines)


@pytest.mark.parametrize("wire", WIRES)
def test_each_wire_has_twenty_cases_or_more(wire: str) -> None:
    """A set that shrinks is noticed."""
    assert len(list(cases(GOLDEN, wire))) >= 20


def test_the_files_are_those_of_the_wires() -> None:
    """No file is left unread."""
    assert {file.stem for file in GOLDEN.glob("*.txt")} == set(WIRES)
