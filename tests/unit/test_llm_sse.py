"""Server-sent events are the same however the network cut their bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\r\r"], ids=repr)
def test_an_event_that_is_too_long_is_passed_over(line: bytes, end: bytes) -> None:
    """An event beyond all measure is not kept in memory, and the next one is read as ever."""
    reader = EventReader()
    for _ in range(2 * LONGEST_EVENT // len(line)):
        assert reader.feed(line) == []
    assert reader._size + sum(map(len, [*reader._data, *reader._rest])) <= LONGEST_EVENT + 4
    events = reader.feed(end) + reader.feed(b"data: next" + end) + reader.feed(b"data: last" + end + b"\n")
    assert [event.data for event in events] == ["next", "last"]
