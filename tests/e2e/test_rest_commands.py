"""The verbs for the REST API as a user runs them: processes of their own, over loopback to the double."""

from __future__ import annotations

import json
import os
import signal
import sys
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy
import pytest
import soundfile
import srt
import trio

from tests.unit.rest_kit import targets
from tests.unit.rest_limits import out_of_bounds
from voicekit.soniox.api.region import KEY_VARIABLE, REGION_VARIABLE, URL_VARIABLES, Endpoints
from voicekit.soniox.server.account import Account
from voicekit.testing import Script
from voicekit.testing.soniox import SonioxPeer
from voicekit.testing.soniox.rest import Outcome, RestPeer, said
from voicekit.testing.soniox.rest_faults import CutAnswer, Instead

pytestmark = pytest.mark.slow

KEY = "a-key-for-tests"
QUICK = Outcome(queued=0.05, processing=0.05)
PATIENCE_S = 240  # for one command, on a busy machine


@dataclass
class Shell:
    """Where commands run, and how the services are found there."""

    folder: Path
    environment: dict[str, str]

    async def run(self, *arguments: str, status: int = 0) -> tuple[str, str]:
        """What `voicekit ARGUMENTS` prints on both outputs; AssertionError where it ends otherwise than expected."""
        with trio.fail_after(PATIENCE_S):
            done = await trio.run_process(
                self.command(*arguments), check=False, capture_stdout=True, capture_stderr=True, **self.place
            )
        out, err = done.stdout.decode(), done.stderr.decode()
        assert done.returncode == status, (done.returncode, out, err)
        assert "Traceback" not in err
        return out, err

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-W", "error", "-m", "voicekit", *arguments]

    @property
    def place(self) -> dict[str, object]:
        return {"cwd": self.folder, "env": self.environment}

    def files(self, pattern: str = "*") -> list[str]:
        return sorted(path.name for path in self.folder.glob(pattern))


@asynccontextmanager
async def shell(folder: Path, peer: RestPeer, *, stt: str = "ws://127.0.0.1:9") -> AsyncIterator[Shell]:
    """A shell in which the double is the service."""
    async with peer.serve() as endpoints:
        yield Shell(folder, _environment(endpoints, stt))
    assert out_of_bounds(peer.requests) == []


def _environment(endpoints: Endpoints, stt: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("SONIOX_", "VOICEKIT_"))}
    addresses = {URL_VARIABLES["rest"]: endpoints.rest, URL_VARIABLES["tts_rest"]: endpoints.tts_rest}
    root = str(Path(__file__).parents[2])
    return {
        **clean,
        **addresses,
        URL_VARIABLES["stt"]: stt,
        KEY_VARIABLE: KEY,
        REGION_VARIABLE: "us",
        "PYTHONPATH": root,
    }


@pytest.fixture
def peer() -> RestPeer:
    bad = Outcome(queued=0.05, processing=0.05, error=("invalid_audio_file", "There is no sound in it."))
    return RestPeer(account=Account([KEY]), outcomes={"": QUICK, "bad.wav": bad})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.wav", "b.wav", "c.wav", "d.wav", "bad.wav"):
        (tmp_path / name).write_bytes(b"sound of " + name.encode())
    (tmp_path / "out").mkdir()
    return tmp_path


async def test_five_files_of_which_one_fails(folder: Path, peer: RestPeer) -> None:
    """Four results, one clear error, exit status 1, and nothing half-written or left at the service."""
    async with shell(folder, peer) as sh:
        sources = ["a.wav", "b.wav", "bad.wav", "c.wav", "d.wav"]
        _, err = await sh.run("transcribe", *sources, "--to", "out", "-f", "srt", status=1)
        assert sh.files("out/*") == ["a.srt", "b.srt", "c.srt", "d.srt"]
        assert sh.files("**/.*") == []
    (complaint,) = [line for line in err.splitlines() if line.startswith("voicekit:")]
    assert complaint == (
        "voicekit: bad.wav: Soniox could not transcribe bad.wav: There is no sound in it (invalid_audio_file)."
    )
    blocks = [list(srt.parse(text.decode(), ignore_errors=False)) for text in _contents(folder / "out").values()]
    assert [block.content for (block,) in blocks] == ["this is what was said"] * 4
    assert peer.files == {}


async def test_results_as_text_json_and_vtt(folder: Path, peer: RestPeer) -> None:
    """One result goes to the output, several have headings or are a list, and a name can be given."""
    peer.outcomes["b.wav"] = Outcome(tokens=said("something else"), queued=0.05, processing=0.05)
    async with shell(folder, peer) as sh:
        assert (await sh.run("transcribe", "a.wav"))[0] == "this is what was said\n"
        both = (await sh.run("transcribe", "a.wav", "b.wav"))[0]
        assert both == "==> a.wav <==\nthis is what was said\n\n==> b.wav <==\nsomething else\n\n"
        listed = json.loads((await sh.run("transcribe", "b.wav", "missing.wav", "--json", status=1))[0])
        assert listed[0]["text"] == "something else"
        assert "No such file" in listed[1]["error"]
        await sh.run("transcribe", "https://example.test/b.wav", "-f", "vtt", "-o", "b.vtt")
    assert _contents(folder)["b.vtt"].startswith(b"WEBVTT\n")


async def test_speak_into_a_file(folder: Path, peer: RestPeer) -> None:
    """A text, or one from a file, becomes a whole sound file; if the sound breaks off, there is none."""
    (folder / "text.txt").write_text("Hello from a file.", encoding="utf-8")
    async with shell(folder, peer) as sh:
        out, err = await sh.run("speak", "text.txt", "-o", "hello.wav", "--json")
        said_json = json.loads(out)
        assert said_json["whole"] is None
        assert err == (
            "voicekit: hello.wav: cannot verify that the sound is complete: this format does not record its length\n"
        )
        peer.faults.append(CutAnswer("POST", "/tts", after=3_000))
        _, err = await sh.run("speak", "Hello.", "-o", "broken.wav", status=1)
        assert "interrupted after 3000 bytes" in err
        assert sh.files("*.wav") == ["a.wav", "b.wav", "bad.wav", "c.wav", "d.wav", "hello.wav"]
        _, err = await sh.run("speak", "Hello.", "-o", "hello.xyz", status=2)
        assert ".mp3" in err
    assert peer.spoken[0].text == "Hello from a file."
    with wave.open(str(folder / "hello.wav")) as file:
        assert (file.getnframes() * 2 + 44, file.getframerate()) == (said_json["bytes"], 24_000)


async def test_a_result_that_can_not_be_written_is_printed(folder: Path, peer: RestPeer) -> None:
    """If the place for a result goes while it is being made, what was paid for is printed, and the status is 1."""
    peer.outcomes[""] = Outcome(queued=0.05, processing=1.0)
    async with shell(folder, peer) as sh, trio.open_nursery() as nursery:

        async def pull_away() -> None:
            await peer.requested(2)  # the requests for the upload and for the transcription
            (folder / "out").rmdir()

        nursery.start_soon(pull_away)
        out, err = await sh.run("transcribe", "a.wav", "--to", "out", status=1)
    assert out == "this is what was said\n"
    assert "no file can be created there" in err
    assert "(the result is printed instead)" in err


async def test_an_unread_transcription_is_named(folder: Path, peer: RestPeer) -> None:
    """A transcription that is done and can't be read stays at the service, and the error says which one it is."""
    name = "00000000-0000-4000-9000-000000000002"  # the second id; the file has the first
    peer.faults.append(Instead("GET", f"/v1/transcriptions/{name}/transcript", body=b"<html>Welcome to the hotel"))
    async with shell(folder, peer) as sh:
        _, err = await sh.run("transcribe", "a.wav", "-o", "a.txt", status=1)
        assert f"the transcription {name} is still at the service)" in err
        assert sh.files("*.txt") == []
    assert peer.files == {}
    assert f"DELETE /v1/transcriptions/{name}" not in targets(peer)


async def test_lists_and_keys(folder: Path, peer: RestPeer) -> None:
    """Models, voices, a key and the usage are printed for people, and as JSON for programs."""
    async with shell(folder, peer) as sh:
        assert "stt-async-v5" in (await sh.run("models"))[0]
        assert next(one["id"] for one in json.loads((await sh.run("models", "--json"))[0])["tts"]) == "tts-rt-v2"
        assert [line.split()[0] for line in (await sh.run("voices", "--style", "warm"))[0].splitlines()] == [
            "VOICE", "Maya", "Arthur",
        ]  # fmt: skip
        assert json.loads((await sh.run("voices", "--own", "--json"))[0]) == []
        key = (await sh.run("key", "stt", "--seconds", "60", "--single-use"))[0].strip()
        assert key.startswith("snx_temp_")
        assert (await sh.run("usage", "2026-01-01", "--now"))[0].splitlines()[0].split() == [
            "WHOSE",
            "WHAT",
            "NOW",
            "LIMIT",
        ]
        assert json.loads((await sh.run("usage", "2026-01-01", "--json"))[0])["total"]["total_num_requests"] == 0
        assert json.loads((await sh.run("usage", "2026-01-01", "--requests", "--json"))[0]) == []
        for more, wanted in (((), {"now", "summary"}), (("--requests",), {"now", "requests"})):
            both = json.loads((await sh.run("usage", "2026-01-01", "--now", "--json", *more))[0])
            assert set(both) == wanted
            assert both["now"]["project"]["limits"]["tts_concurrent"] == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("key", "stt", "--seconds", "7200"), "from 1 to 3600"),
        (("transcribe", "a.wav", "b.wav", "-o", "x.txt"), "--to FOLDER"),
        (("transcribe", "a.wav", "out/../a.wav", "--to", "out"), "several would be written to"),
        (("transcribe", "a.wav", "--to", "nowhere"), "a folder that exists"),
        (("transcribe", "a.wav", "-o", "nowhere/x.srt"), "no file can be created there"),
        (("transcribe", "a.wav", "-o", "out"), "expected a file"),
        (("transcribe", "a.wav", "b.wav", "--to", "taken"), "expected a file"),
        (("speak", "Hello.", "-o", "nowhere/out.wav"), "no file can be created there"),
        (("transcribe", "a.wav", "--live", "-f", "srt"), "one local file"),
        (("speak", "", "-o", "x.wav"), "1 to 5000 bytes"),
    ],
)
async def test_what_is_asked_wrongly(folder: Path, peer: RestPeer, arguments: tuple[str, ...], said: str) -> None:
    """What can't be done is one sentence and exit status 2, before anything is asked of the service."""
    (folder / "taken" / "b.txt").mkdir(parents=True)
    async with shell(folder, peer) as sh:
        assert said in (await sh.run(*arguments, status=2))[1]
    assert len(peer.requests) == 0


async def test_a_wrong_key_is_told(folder: Path, peer: RestPeer) -> None:
    """A key that the service refuses is one sentence and exit status 1, and the key is not in it."""
    async with shell(folder, peer) as sh:
        sh.environment[KEY_VARIABLE] = "another-key"
        out, err = await sh.run("models", status=1)
        assert "Check SONIOX_API_KEY" in err
        assert "another-key" not in out + err


async def test_control_c_leaves_nothing(folder: Path, peer: RestPeer) -> None:
    """Interrupted while it waits, the command ends at once with 130, without a traceback, and cleans up behind it."""
    peer.outcomes[""] = Outcome(queued=600)
    async with shell(folder, peer) as sh:
        process = await trio.lowlevel.open_process(
            sh.command("transcribe", "a.wav", "--to", "out"), stdout=-1, stderr=-1, **sh.place
        )
        with trio.fail_after(PATIENCE_S):
            await peer.requested(3)  # the upload, the transcription, and the first request for its status
            process.send_signal(signal.SIGINT)
            assert await process.wait() == 130
        assert process.stderr is not None
        assert b"Traceback" not in await process.stderr.receive_some()
        await process.stdout.aclose()
        await process.stderr.aclose()
        assert sh.files("out/*") == []
    assert peer.files == {}


async def test_a_file_played_live(folder: Path, peer: RestPeer) -> None:
    """With --live a local file goes through the realtime service, and each utterance is a line, or JSON with times."""
    script = Script()
    script.says("good morning everybody", at=0.2, for_=1.2)
    script.stays(until=2.0)
    pcm = script.pcm(0, round(script.until * 16_000), 16_000)
    soundfile.write(folder / "live.wav", numpy.frombuffer(pcm, "<i2"), 16_000)
    realtime = SonioxPeer(script)
    async with realtime.serve() as addresses, shell(folder, peer, stt=addresses.stt) as sh:
        assert (await sh.run("transcribe", "--live", "live.wav"))[0] == "good morning everybody\n"
        heard = json.loads((await sh.run("transcribe", "--live", "live.wav", "--json"))[0])
    assert (heard["text"], heard["words"][0]["start"]) == ("good morning everybody", 0.2)


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}
