"""docs/calls.md: its example runs, its limits are those of the code, and each transport has a page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.house.markdown import read
from voicekit.call import caller, connection, desk, speaker, tokens
from voicekit_phone import CARRIERS
from voicekit_phone.rest import client
from voicekit_serve import limits

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "calls.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_the_example_runs() -> None:
    """The block that is marked as one, as it stands."""
    blocks = [block for block in read(TEXT).blocks if block.mark == "example"]
    assert blocks
    for block in blocks:
        exec(compile(block.text, str(PAGE), "exec"), {})


@pytest.mark.parametrize(
    ("row", "numbers"),
    [
        ("headers of a request", [limits.HEAD_BYTES]),
        ("body of a webhook", [limits.BODY_BYTES, limits.BODY_S, limits.FORM_FIELDS]),
        ("message on a media socket", [limits.MESSAGE_BYTES]),
        ("sockets that have not started", [limits.WAITING, connection.START_S]),
        ("outgoing audio waiting", [speaker.PENDING_S, caller.HEARD_S]),
        ("time to send a message", [connection.SEND_S]),
        ("a request to the carrier", [client.REQUEST_S, connection.HANG_UP_S]),
        ("lifetime of a token", [tokens.LIFE_S]),
        ("delay of the event loop", [desk.LATE_S]),
        ("from the first stop signal", [limits.DRAIN_S, desk.FAREWELL_S]),
    ],
)
def test_the_limits_are_those_of_the_code(row: str, numbers: list[float]) -> None:
    """Each number of a row, in order."""
    line = next(line for line in TEXT.splitlines() if line.startswith(f"| {row}"))
    stated = [float(number) for number in re.findall(r"(?<![-\w])\d+(?:\.\d+)?", line.split("|")[2])]
    assert stated[: len(numbers)] == numbers


@pytest.mark.parametrize("name", [carrier.lower() for carrier in CARRIERS])
def test_each_transport_has_a_page(name: str) -> None:
    """Linked from the page of all, with the account's settings, the first call, and what is unproven."""
    assert f"(carriers/{name}.md)" in TEXT
    page = (DOCS / "carriers" / f"{name}.md").read_text(encoding="utf-8")
    for heading in ("## Settings", "## The cheapest first call", "## What is unproven"):
        assert heading in page
    assert f"--transport {name}" in page


@pytest.mark.parametrize("name", [carrier.lower() for carrier in CARRIERS])
def test_a_page_names_every_variable_that_its_transport_reads(name: str) -> None:
    """In the source of the transports and on the page, the same ones."""
    package = Path(client.__file__).parents[1]
    source = "".join(path.read_text(encoding="utf-8") for path in package.rglob("*.py"))
    read_by_code = set(re.findall(rf'"({name.upper()}_[A-Z_]+)"', source))
    assert read_by_code
    page = (DOCS / "carriers" / f"{name}.md").read_text(encoding="utf-8")
    assert read_by_code - set(re.findall(rf"{name.upper()}_[A-Z_]+", page)) == set()
