"""What docs/rest.md says is so: every endpoint has a row, every row a method and a test, and its code runs."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import trio
from trio.testing import MockClock

from tests.house.markdown import read
from tests.unit import test_rest_endpoints as endpoints
from tests.unit.rest_kit import KEY
from tests.unit.rest_limits import TABLE, row_of
from voicekit.soniox.rest import SonioxClient, TranscriptionRequest
from voicekit.soniox.rest.schema.answers import TranscriptText, TranscriptToken
from voicekit.soniox.server.account import Account
from voicekit.soniox.server.rest.server import RestServer
from voicekit.testing.soniox.rest import Outcome, RestPeer

PAGE = Path(__file__).parents[2] / "docs" / "rest.md"
TEXT = PAGE.read_text(encoding="utf-8")
ROW = re.compile(
    r"^\| `([A-Z]+ /\S+)` \| [^|]+ \| \[`([\w.]+)`\]\(([^)]+)\) \| \[`(\w+)`\]\(([^)]+)\) \|$", re.MULTILINE
)
ROWS = ROW.findall(TEXT)
BLOCKS = {block.name: block.text for block in read(TEXT).blocks if block.mark == "run"}


def test_every_endpoint_has_one_row() -> None:
    """The table has the endpoints of the table of limits and of the server role, each once."""
    listed = [row[0] for row in ROWS]
    assert len(set(listed)) == len(listed)
    assert set(listed) == set(TABLE) == {f"{route.method} {route.path}" for route in RestServer().routes}


@pytest.mark.slow
@pytest.mark.parametrize(("method", "file"), [row[1:3] for row in ROWS], ids=lambda value: value)
def test_every_row_has_a_method(method: str, file: str) -> None:
    """The method of a row is one of the client, documented, and where the row says."""
    room, _, name = method.partition(".")
    found = getattr(getattr(SonioxClient(KEY), room), name)
    assert inspect.getdoc(found)
    assert Path(inspect.getfile(inspect.unwrap(found))).resolve() == (PAGE.parent / file).resolve()


@pytest.mark.slow
@pytest.mark.parametrize(("test", "file"), sorted({row[3:5] for row in ROWS}), ids=lambda value: value)
async def test_every_row_has_a_test(test: str, file: str, autojump_clock: MockClock, tmp_path: Path) -> None:
    """The test of a row is where the row says, passes, and asks the endpoint, which answers."""
    assert (PAGE.parent / file).resolve() == Path(endpoints.__file__)
    peer = RestPeer(account=Account([KEY]))
    given = {"peer": peer, "autojump_clock": autojump_clock, "tmp_path": tmp_path}
    function = getattr(endpoints, test)
    await function(**{name: given[name] for name in inspect.signature(function).parameters})
    asked = {row_of(seen.method, urlsplit(seen.target).path) for seen in peer.requests if (seen.status or 500) < 300}
    assert {row[0] for row in ROWS if row[3:5] == (test, file)} <= asked


def test_every_method_has_a_row() -> None:
    """What asks the service is in the table, but for what only puts others together."""
    together = {"transcriptions.wait", "transcriptions.of", "speech.audio", "speech.save"}
    client = SonioxClient(KEY)
    rooms = {name: room for name, room in vars(client).items() if not name.startswith("_")}
    methods = {f"{name}.{method}" for name, room in rooms.items() for method in dir(room) if not method.startswith("_")}
    assert methods - together == {row[1] for row in ROWS}


@pytest.mark.parametrize("name", BLOCKS)
async def test_the_code_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every marked block does what it says, against the double."""
    monkeypatch.chdir(tmp_path)
    peer = RestPeer(outcomes={"": Outcome(queued=0.0, processing=0.0)})
    async with peer.serve() as there, SonioxClient(KEY, endpoints=there) as soniox:
        known: dict[str, Any] = {
            "soniox": soniox,
            "SonioxClient": SonioxClient,
            "TranscriptionRequest": TranscriptionRequest,
            "transcript": TranscriptText(tokens=(TranscriptToken(text="Hello.", start_ms=0, end_ms=400),)),
        }
        with trio.fail_after(120):
            running = eval(compile(BLOCKS[name], str(PAGE), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), known)
            if running is not None:  # some blocks have nothing to wait for
                await running


def test_all_code_is_python() -> None:
    """Every block of the page compiles as it stands."""
    for block in read(TEXT).blocks:
        if block.language == "python":
            compile(block.text, str(PAGE), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
