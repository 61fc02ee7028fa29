"""Forms are read piece by piece, however they are cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicekit.errors import RemoteProtocolError
from voicekit.soniox.server.rest.form import PARTS as MOST_PARTS
from voicekit.soniox.server.rest.form import PartBegun, ReceivedForm

KIND = 'multipart/form-data; boundary="B-1"'
PARTS = st.lists(st.tuples(st.sampled_from(["file", "name", "note"]), st.binary(max_size=60)), max_size=4)


def form(parts: list[tuple[str, bytes]]) -> bytes:
    head = b"".join(
        b'--B-1\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode(), data)
        for name, data in parts
    )
    return head + b"--B-1--\r\n"


def taken(pieces: list[bytes]) -> tuple[list[tuple[str, bytes]], ReceivedForm]:
    """The parts that come out, each put together again."""
    reader = ReceivedForm(KIND)
    parts: list[tuple[str, bytes]] = []
    for piece in pieces:
        for event in reader.feed(piece):
            if isinstance(event, PartBegun):
                parts.append((event.name, b""))
            else:
                parts[-1] = (parts[-1][0], parts[-1][1] + event)
    return parts, reader


@given(PARTS, st.lists(st.integers(0, 400), max_size=6))
def test_any_cut_gives_the_same_parts(parts: list[tuple[str, bytes]], cuts: list[int]) -> None:
    """Where the bytes of a form are cut makes no difference to its parts."""
    parts = [(name, data) for name, data in parts if b"\r\n--B-1" not in b"\r\n" + data]
    body = form(parts)
    places = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    got, reader = taken([body[start:end] for start, end in pairwise(places)])
    assert (got, reader.finished) == (parts, True)


def test_what_looks_like_a_boundary_is_data() -> None:
    """A line that begins as a boundary does, and goes on otherwise, belongs to the file."""
    data = b"\r\n--B-\r\n--B\r\n-- B-1"
    assert taken([bytes([byte]) for byte in form([("file", data)])])[0] == [("file", data)]


def test_a_file_passes_through_without_being_held() -> None:
    """Of what has been fed, at most the length of a boundary stays behind."""
    reader = ReceivedForm(KIND)
    reader.feed(b'--B-1\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n')
    out = sum(len(event) for _ in range(50) for event in reader.feed(bytes(1_000)) if isinstance(event, bytes))
    assert 50_000 - 20 <= out <= 50_000


def test_a_file_has_its_name() -> None:
    """The name of a file is read with what its client wrote in it, umlauts included."""
    reader = ReceivedForm(KIND)
    head = '--B-1\r\nContent-Disposition: form-data; name="file"; filename="Über uns.wav"\r\n\r\n'
    assert reader.feed(head.encode()) == [PartBegun("file", "Über uns.wav")]
    assert reader.feed(b"x\r\n--B-1--") == [b"x"]


@pytest.mark.parametrize("kind", ["", "application/json", "multipart/form-data", "multipart/form-data; boundary="])
def test_without_a_boundary_it_is_no_form(kind: str) -> None:
    """A body whose type names no boundary can't be read as a form."""
    with pytest.raises(RemoteProtocolError, match="boundary"):
        ReceivedForm(kind)


@pytest.mark.parametrize(
    "body", [b"--B-1x\r\n", b"--B-1\r\n" + b"x" * 20_000 + b"\r\n\r\n", b"--B-1\r\nContent-Type: x\r\n\r\n"]
)
def test_broken_forms_are_refused(body: bytes) -> None:
    """A torn boundary, endless headers and a part without a name are errors, not data."""
    with pytest.raises(RemoteProtocolError):
        ReceivedForm(KIND).feed(body)


def test_a_form_has_few_parts() -> None:
    """One part more than any form of the API could need is refused, whatever is in it."""
    reader = ReceivedForm(KIND)
    assert len(reader.feed(form([("name", b"")] * MOST_PARTS))) == MOST_PARTS
    with pytest.raises(RemoteProtocolError, match="at most"):
        ReceivedForm(KIND).feed(form([("name", b"")] * (MOST_PARTS + 1)))
