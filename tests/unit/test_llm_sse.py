"""Server-sent events are the same however the network cut their bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicekit.errors import RemoteProtocolError
from voicekit.llm.sse import LONGEST_EVENT, EventReader, ServerSentEvent

STREAM = (
    "\ufeff: hello\n\nevent: ping\ndata: {}\n\ndata: one\ndata:two\nid: 7\n\ndata\n\nretry: 3\n\n"
    "event: nothing\n\ndata: Käse 🧀\n\ndata: never complete\n"
)
EVENTS = [
    ServerSentEvent("ping", "{}"),
    ServerSentEvent("message", "one\ntwo"),
    ServerSentEvent("message", ""),
    ServerSentEvent("message", "Käse 🧀"),
]


@given(st.sampled_from(["\n", "\r\n", "\r"]), st.lists(st.integers(0, 200)))
def test_the_cuts_of_the_network_don_t_matter(line_end: str, cuts: list[int]) -> None:
    """Any line end, and any cut, inside a line end and inside a character too, gives the same events."""
    stream = STREAM.replace("\n", line_end).encode()
    reader, events, start = EventReader(), [], 0
    for cut in [*sorted(cuts), len(stream)]:
        events += reader.feed(stream[start:cut])
        start = max(start, cut)
    events += reader.feed(b"")
    assert events == EVENTS


@pytest.mark.parametrize("line", [b"data: " + b"x" * 4000 + b"\n", b"x" * 4000], ids=["lines", "one line"])
def test_an_event_has_a_longest_length(line: bytes) -> None:
    """An event that never ends is given up, and not kept in memory."""
    reader = EventReader()
    for _ in range(LONGEST_EVENT // len(line)):
        reader.feed(line)
    with pytest.raises(RemoteProtocolError, match="longer than"):
        reader.feed(line * 2)
