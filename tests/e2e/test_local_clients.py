"""The local server, with its real recogniser and voice, proved by clients that are not ours: the vendor's packages."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import soundfile
import trio

from tests.e2e.clients.soniox_rest import TEXT
from tests.e2e.official_client import CANCELLED, TEXTS
from voicekit.soniox.local import SpeechService, local_server

pytestmark = pytest.mark.real

pytest.importorskip("voicekit_local", reason="needs the plugin voicekit-local")

HERE = Path(__file__).parent
SPEECH = HERE.parent / "data" / "speech"
NODE_PACKAGE = "@soniox/node@2.3.0"
RATE = 16_000
ENOUGH = 240.0
"""Seconds after which a test gives up on everything together; the recogniser's one-time preparation among it."""
IDLE_S, SILENCE_S = 3.0, 5.0
"""Seconds without any message after which an impatient server gives a session up, and for which a client is silent."""
IMPATIENT = f"""
import sys
from voicekit.cli import main
from voicekit.soniox.api import limits

limits.STT_IDLE_S = {IDLE_S}
sys.exit(main(["local-server", *sys.argv[1:]]))
"""
SAID = json.loads((SPEECH / "labels.json").read_text(encoding="utf-8"))["austen-0870"]["text"]


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody reading a sentence, and two seconds of silence, as 16 kHz PCM16 mono."""
    sound, rate = soundfile.read(SPEECH / "austen-0870.flac", dtype="int16")
    assert rate == RATE
    file = tmp_path_factory.mktemp("sound") / "reading.raw"
    file.write_bytes(sound.astype("<i2").tobytes() + bytes(4 * RATE))
    return file


@pytest.fixture(scope="module")
def python(reading: Path) -> dict[str, Any]:
    """What the vendor's Python client got; and what it makes of the speech that it was sent."""

    async def talk(service: SpeechService) -> dict[str, Any]:
        where = service.endpoints
        said = json.loads(await program("official_client.py", where.stt, where.tts, service.key, str(reading)))
        file = reading.with_name("spoken.raw")
        silence = bytes(RATE)
        spoken = [base64.b64decode(said["spoken"][name]["pcm"]) for name in TEXTS]
        file.write_bytes(silence.join([*spoken, base64.b64decode(said["single"]), 4 * silence]))
        recording = str(SPEECH / "austen-0870.flac")
        said["rest"] = json.loads(await program("clients/soniox_rest.py", where.rest, service.key, recording))
        said["plain"] = await program("clients/soniox_listen.py", where.stt, service.key, str(reading))
        said["understood"] = await program("clients/soniox_listen.py", where.stt, service.key, str(file))
        return said

    return serve(talk)


@pytest.fixture(scope="module")
def node(reading: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the vendor's Node client got, which sends its key in the first message."""
    folder = tmp_path_factory.mktemp("node")
    install = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), NODE_PACKAGE]
    subprocess.run(install, check=True, capture_output=True, timeout=ENOUGH)
    script = folder / "soniox_node.mjs"
    script.write_text((HERE / "clients" / "soniox_node.mjs").read_text(encoding="utf-8"), encoding="utf-8")

    async def talk(service: SpeechService) -> dict[str, Any]:
        where = service.endpoints
        around = {
            **os.environ,
            "SONIOX_API_KEY": service.key,
            "SONIOX_API_BASE_URL": where.rest,
            "SONIOX_WS_URL": where.stt,
            "SONIOX_TTS_WS_URL": where.tts,
            "SONIOX_TTS_API_URL": where.tts_rest,
        }
        command = ["node", "--experimental-websocket", str(script), str(reading)]
        return dict(json.loads((await trio.run_process(command, capture_stdout=True, env=around)).stdout))

    return serve(talk, "--legacy-key")


def serve(
    talk: Callable[[SpeechService], Awaitable[dict[str, Any]]],
    *options: str,
    program: Sequence[str] = ("-m", "voicekit", "local-server"),
) -> dict[str, Any]:
    """What `talk` returns, with a local server of its own."""
    command = [sys.executable, *program, "--embedded", *options]

    async def run() -> dict[str, Any]:
        with trio.fail_after(ENOUGH):
            async with local_server(command, lambda line: None) as service:
                return await talk(service)

    return trio.run(run)


async def program(name: str, *arguments: str) -> str:
    """What a script beside this one prints."""
    command = [sys.executable, str(HERE / name), *arguments]
    return (await trio.run_process(command, capture_stdout=True)).stdout.decode().strip()


def words(text: str) -> list[str]:
    """The bare words, without markers and punctuation; "to-day" is "today"."""
    plain = re.sub(r"<end>|<fin>|[^a-z' ]", " ", text.lower().replace("mr.", "mister").replace("-", ""))
    return plain.split()


def wrong(text: str, said: str) -> int:
    """How many words of `said` were not understood, or put in: the least number of edits."""
    heard, wanted = words(text), words(said)
    row = list(range(len(heard) + 1))
    for place, word in enumerate(wanted, 1):
        before, row[0] = row[0], place
        for column, other in enumerate(heard, 1):
            before, row[column] = row[column], min(before + (word != other), row[column] + 1, row[column - 1] + 1)
    return row[-1]


def test_python_hears_a_sentence(python: dict[str, Any]) -> None:
    """What a person reads is understood, all but a word or two, and its end is found."""
    assert wrong(python["plain"], SAID) <= 2, python["plain"]
    assert python["plain"].endswith("<end>")


def test_python_finalizes_in_the_middle(python: dict[str, Any]) -> None:
    """A pause of the client's makes everything final and keeps the session alive; the rest follows, and `finished`."""
    heard = python["heard"]
    assert (heard["finished"], heard["errors"], heard["speakers"]) == (True, [], ["1"])
    assert heard["text"].count("<fin>") == 1
    assert heard["text"].endswith("<end>")
    assert wrong(heard["text"], SAID) <= 4, heard["text"]  # the word at the cut may be heard twice
    assert heard["total_ms"] == pytest.approx(9_100, abs=5)


def test_python_keeps_a_silent_session_alive(reading: Path) -> None:
    """A silence for which the server would not wait is survived with keepalives, and ends the session without."""

    async def talk(service: SpeechService) -> dict[str, Any]:
        where = service.endpoints
        told = await program("official_client.py", where.stt, where.tts, service.key, str(reading), str(SILENCE_S))
        return dict(json.loads(told))

    said = serve(talk, program=["-c", IMPATIENT])
    kept, lost = said["kept"], said["lost"]
    assert (kept["finished"], kept["errors"]) == (True, [])
    assert wrong(kept["text"], SAID) <= 4, kept["text"]
    assert kept["total_ms"] == pytest.approx(9_100, abs=5)
    assert (bool(lost["finished"]), lost["errors"]) == (False, ["Request timeout."])
    assert lost["interims"] > 0  # the first half was heard


def test_python_speaks_several_streams_at_once(python: dict[str, Any]) -> None:
    """Three streams on one connection are each spoken whole, with the times of their characters, and understood."""
    stamped = {name: one["characters"] for name, one in python["spoken"].items()}
    assert stamped == {name: text.removesuffix(" ") for name, text in TEXTS.items()}
    assert wrong(python["understood"], " ".join([*TEXTS.values(), "Alone."])) <= 3, python["understood"]


def test_python_cancels_a_stream(python: dict[str, Any]) -> None:
    """After a cancel the stream is terminated without the end of its sound, and its name may be used again."""
    cancelled = python["cancelled"]
    assert (cancelled["terminated"], cancelled["audio_end"]) == (True, False)
    assert 0 < len(base64.b64decode(cancelled["first"])) < 2 * RATE * 0.07 * len(CANCELLED) / 2
    assert len(base64.b64decode(cancelled["second"])) > 0.2 * 2 * RATE
    # If the refusal comes while the client is still sending its start message, it reports only the failed start.
    assert python["refused"].endswith(("(code 401)", "Failed to start realtime Text-to-Speech connection"))


def test_python_transcribes_a_file(python: dict[str, Any]) -> None:
    """A file is uploaded, transcribed and deleted again; its words come with rising times, speaker and language."""
    rest = python["rest"]
    assert wrong(rest["read"], SAID) <= 2, rest["read"]
    assert "".join(text for text, *_ in rest["tokens"]) == rest["read"]
    times = [time for _, start, end, *_ in rest["tokens"] for time in (start, end)]
    assert times == sorted(times)
    assert rest["duration_ms"] == pytest.approx(7_100, abs=5)
    assert {(speaker, language) for *_, speaker, language in rest["tokens"]} == {("1", "en")}
    assert rest["broken"] == ["error", "invalid_audio_file"]
    assert rest["files"] == 4  # the files that were not deleted: three with speech, and the broken one


def test_python_has_a_text_spoken_in_one_go(python: dict[str, Any]) -> None:
    """One request makes a whole file, in any format; read back, it says the text."""
    rest = python["rest"]
    for heard in rest["spoken"].values():
        assert wrong(heard.replace("9", "nine"), TEXT) <= 2, heard
    assert 2.5 < rest["seconds"] < 7.0
    assert rest["temporary"] > 1_000  # bytes of speech, requested with a temporary key


def test_python_is_refused_over_http(python: dict[str, Any]) -> None:
    """A wrong key, a text that is too long and a format that is not made are told in the service's own shape."""
    rest = python["rest"]
    assert rest["stranger"] == "Incorrect API key provided. (HTTP 401)"
    assert rest["aac"] == "Invalid audio format 'aac'. (HTTP 400)"
    assert rest["long"].endswith("(HTTP 400)")
    assert {"stt-rt-v5", "stt-async-v5", "tts-rt-v2", "stt-rt-v4", "tts-rt-v1"} <= set(rest["models"])


@pytest.mark.needs_debian("nodejs", "node")
@pytest.mark.needs_debian("npm", "npm")
class TestNode:
    """The vendor's package for Node, unmodified."""

    def test_it_transcribes(self, request: pytest.FixtureRequest) -> None:
        """Partial words come while the sentence is read, finalize and keepalive are understood, the end is found."""
        heard = request.getfixturevalue("node")["heard"]
        assert (heard["errors"], heard["finished"], heard["finalized"], heard["endpoints"]) == ([], True, 1, 1)
        assert heard["interims"] > 10
        assert wrong(heard["text"], SAID) <= 4, heard["text"]

    def test_it_speaks(self, request: pytest.FixtureRequest) -> None:
        """Two streams on one connection are spoken whole, with the times of their characters."""
        spoken = request.getfixturevalue("node")["spoken"]
        assert {name: one["characters"] for name, one in spoken.items()} == {
            "one": "Hello there.",
            "two": "How are you today?",
        }
        assert all(one["bytes"] > RATE and not one["errors"] for one in spoken.values())

    def test_it_cancels(self, request: pytest.FixtureRequest) -> None:
        """A cancelled stream ends early, without an error."""
        cancelled = request.getfixturevalue("node")["cancelled"]
        assert cancelled["errors"] == []
        assert 0 < cancelled["bytes"] < 2 * RATE * 5
