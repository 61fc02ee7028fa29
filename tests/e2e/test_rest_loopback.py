"""The REST client over real sockets: a large file in little memory, broken lines, and the vendor's client."""

from __future__ import annotations

import json
import sys
import tracemalloc
from pathlib import Path

import pytest
import trio

from tests.unit.rest_limits import out_of_bounds
from voicekit.errors import Unavailable
from voicekit.soniox.rest import Patience, SonioxClient, SpeechRequest
from voicekit.soniox.server.account import Account
from voicekit.testing.soniox.rest import Outcome, RestPeer
from voicekit.testing.soniox.rest_faults import CutAnswer, CutUpload

pytestmark = pytest.mark.slow

LARGE = 200 * 2**20
MEMORY = 4 * 2**20
"""Bytes that either side may come to hold while the file passes: it goes in pieces of 256 KiB."""
PROGRAM = Path(__file__).with_name("rest_upload.py")
OFFICIAL = Path(__file__).with_name("official_rest_client.py")
KEY = "a-key-for-tests"


async def run(*arguments: str) -> dict[str, object]:
    """What a program printed, as JSON."""
    with trio.fail_after(120):
        done = await trio.run_process([sys.executable, *arguments], capture_stdout=True)
    said: dict[str, object] = json.loads(done.stdout)
    return said


async def test_a_large_file_needs_little_memory(tmp_path: Path) -> None:
    """200 MB go up from a file, with progress, and neither side holds more than a few pieces of it at a time."""
    path = tmp_path / "large.wav"
    with path.open("wb") as file:
        file.truncate(LARGE)
    peer = RestPeer()
    async with peer.serve() as endpoints:
        tracemalloc.start()  # measured from here on, because earlier tests have enlarged this process
        said = await run(str(PROGRAM), endpoints.rest, KEY, str(path))
        _, held = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    (stored,) = peer.files.values()
    assert (stored.size, stored.complete, said["size"]) == (LARGE, True, LARGE)
    assert out_of_bounds(peer.requests) == []
    assert said["steps"] == LARGE // (256 * 1024)
    assert isinstance(said["held"], int)
    assert said["held"] < MEMORY
    assert held < MEMORY


@pytest.mark.parametrize("after", [0, 1_000_000])
async def test_a_line_that_breaks_in_the_middle_is_told(after: int) -> None:
    """Over a real socket too, a connection lost while uploading is an error that says how far it came."""
    peer = RestPeer(faults=[CutUpload("POST", after=after)])
    async with peer.serve() as endpoints, SonioxClient(KEY, endpoints=endpoints) as soniox:
        with pytest.raises(Unavailable, match="of 20000000 bytes"):
            await soniox.files.upload(bytes(20_000_000))
        assert (await soniox.files.count()).total == 0


async def test_sound_that_breaks_off_over_a_socket_is_told() -> None:
    """Over a real socket too, sound that ends early is an error, and not a short sound."""
    peer = RestPeer(faults=[CutAnswer("POST", after=4_000)])
    async with peer.serve() as endpoints, SonioxClient(KEY, endpoints=endpoints) as soniox:
        with pytest.raises(Unavailable, match="interrupted after 4000 bytes"):
            await soniox.speech.audio(SpeechRequest(text="Hello there."))


async def test_nobody_there_is_told() -> None:
    """An address at which nothing listens is an error that names its host."""
    async with RestPeer().serve() as endpoints:
        pass
    async with SonioxClient(KEY, endpoints=endpoints, patience=Patience(attempts=2), roll=lambda: 0.0) as soniox:
        with pytest.raises(Unavailable, match=r"127\.0\.0\.1 was not reached"):
            await soniox.models.stt()


async def test_the_vendors_client_understands_the_double(tmp_path: Path) -> None:
    """The vendor's own client uploads, transcribes, lists, speaks, mints and is refused, as with the real service."""
    (tmp_path / "talk.wav").write_bytes(b"sound" * 1000)
    peer = RestPeer(account=Account([KEY]), outcomes={"": Outcome(queued=0.1, processing=0.1)})
    async with peer.serve() as endpoints:
        said = await run(str(OFFICIAL), endpoints.rest, KEY, str(tmp_path / "talk.wav"))
    assert said == {
        "file": ["talk.wav", 5000],
        "files": 1,
        "status": "completed",
        "text": "this is what was said",
        "tokens": 5,
        "models": [
            *("stt-rt-v5", "stt-async-v5", "stt-rt-v4", "stt-rt-v3", "stt-rt-preview"),
            *("stt-async-v4", "stt-async-v3", "stt-async-preview", "tts-rt-v2", "tts-rt-v1", "tts-rt-v1-preview"),
        ],
        "shared": ["Adrian", "Maya", "Arthur"],
        "voice": ["Me", "processing"],
        "key": True,
        "sound": True,
        "usage": 3,
        "summary": 3,
        "running": 0,
        "history": 24,
        "missing": "SonioxNotFoundError",
        "invalid": "SonioxInvalidRequestError",
        "stranger": "SonioxAuthenticationError",
    }
    (wrong,) = out_of_bounds(peer.requests)  # the request that was meant to be refused
    assert wrong.endswith("breaks max_length")
