"""Fuzz: whatever Asterisk sends, a wire has events for it or RemoteProtocolError, and TCP may cut frames anywhere."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.counts import count
from tests.mutations import STRANGE, feed_mutations, messages
from voicekit_asterisk import ari
from voicekit_asterisk.ari import AriNames
from voicekit_asterisk.ari_wire import AriWire
from voicekit_asterisk.audiosocket import AudioSocketPeer, AudioSocketWire, FrameReader, frame
from voicekit_asterisk.chan_websocket import ChanWebsocketPeer, ChanWebsocketWire

GOLDEN = Path(__file__).parent / "golden"

WIRES: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "audiosocket": (AudioSocketWire, AudioSocketPeer),
    "chan_websocket": (ChanWebsocketWire, ChanWebsocketPeer),
    "ari": (lambda: AriWire(AriNames("vk", "3f2a"), "1.1"), ChanWebsocketPeer),
}


@pytest.mark.full_counts
@pytest.mark.parametrize("wire", WIRES)
def test_mutated_messages_are_events_or_protocol_errors(wire: str) -> None:
    """A third of the mutations for each wire, half of them into a call that has begun, orders of ours in between."""
    known = messages(GOLDEN / f"{wire}.txt")
    feed_mutations(*WIRES[wire], known, count(30_000) // len(WIRES), random.Random(wire))


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
