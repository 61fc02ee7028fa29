"""Clients that mean harm to the local server, or do harm by mistake: each costs what its bytes cost, and no one else.

The server runs in a process of its own, with engines without models, so that a decoder that never ends fails a test
and does not hang it. Every test states its bounds: seconds on a busy machine, and MB of the server's memory.
"""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import trio

from voicekit.soniox.api.region import Endpoints
from voicekit.soniox.api.server_hello import read_hello
from voicekit.soniox.connection.transport import Address, Disconnected, TrioWebsocket, Unconnected

pytest.importorskip("voicekit_local", reason="needs the plugin voicekit-local")
soundfile = pytest.importorskip("soundfile")

KEY = "a-key-that-must-not-leak"
SERVER = f"""
import sys, trio
from voicekit.soniox.api.server_hello import ServerHello, write_hello
from voicekit_local import container
from voicekit_local.fakes import fake_server
from voicekit_local.server import account_for
from voicekit_local.workers import Workers

container.LONGEST_S = float(sys.argv[1])

async def main():
    async with fake_server(account_for({KEY!r}, Workers(2))) as (_, endpoints):
        sys.stdout.buffer.write(write_hello(ServerHello(endpoints, {KEY!r})))
        sys.stdout.buffer.flush()
        await trio.to_thread.run_sync(sys.stdin.read, abandon_on_cancel=True)

trio.run(main)
"""
LONGEST_S = 300 * 60.0
BUSY_S = 60.0
"""Seconds for a whole test on a machine that does four other things; a quiet one needs two."""
PROMPT_S = 10.0
"""Seconds in which an honest client is served while others do their worst; without them it takes 0.05."""
FLAT_MB = 60.0
"""How much larger the server may become in a test: libsndfile, numpy and some buffers; never what a header claims."""
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads a process's memory as Linux tells it")
MINE = {"Authorization": f"Bearer {KEY}"}
START = {"model": "stt-rt-v5", "audio_format": "auto"}


class Served:
    """A server in a process of its own."""

    def __init__(self, endpoints: Endpoints, pid: int) -> None:
        self.endpoints = endpoints
        self._pid = pid
        self._before = self._mb()

    def client(self, **headers: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.endpoints.rest, headers={**MINE, **headers}, timeout=BUSY_S)

    @property
    def grown_mb(self) -> float:
        """How much its memory has grown at most."""
        return self._mb() - self._before

    async def prompt(self) -> None:
        """Fail unless an honest client is served in time."""
        with trio.fail_after(PROMPT_S):
            async with self.client() as client:
                assert (await client.get("/v1/models")).status_code == 200

    def _mb(self) -> float:
        if sys.platform != "linux":
            return 0.0
        status = Path(f"/proc/{self._pid}/status").read_text(encoding="ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024


@asynccontextmanager
async def served(longest_s: float = LONGEST_S) -> AsyncIterator[Served]:
    """A server; the key is in nothing that it prints besides its greeting."""
    command = [sys.executable, "-c", SERVER, str(longest_s)]
    with trio.fail_after(BUSY_S):
        async with trio.open_nursery() as nursery:
            start = trio.lowlevel.open_process  # its streams are trio's
            process = await start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stderr is not None
            printed = bytearray()

            async def collect(stream: trio.abc.ReceiveStream) -> None:
                async for data in stream:
                    printed.extend(data)

            try:
                hello = b""
                while not hello.endswith(b"\n"):
                    hello += await process.stdout.receive_some()
                nursery.start_soon(collect, process.stderr)
                yield Served(read_hello(hello).endpoints, process.pid)
            finally:
                process.kill()
                with trio.CancelScope(shield=True, deadline=trio.current_time() + 5):
                    await process.wait()
                nursery.cancel_scope.cancel()
    assert KEY.encode() not in printed


async def session(
    url: str, *messages: str | bytes | dict[str, Any], headers: dict[str, str] = MINE, pause: float = 0.0
) -> list[Any]:
    """Send `messages` at once; what is answered, and last how the connection was closed."""
    got: list[Any] = []
    async with TrioWebsocket().connect(Address(url, list(headers.items()))) as socket:
        try:
            await trio.sleep(pause)
            for message in messages:
                await socket.send(json.dumps(message) if isinstance(message, dict) else message)
        except Disconnected:
            got.append("sending failed")
        try:
            while True:
                got.append(json.loads(await socket.receive()))
        except Disconnected as closed:
            got.append(str(closed))
    assert KEY not in json.dumps(got)
    return got


def error(got: list[Any]) -> tuple[int | None, str]:
    frame = next((one for one in got if isinstance(one, dict) and "error_code" in one), {})
    return frame.get("error_code"), frame.get("error_message", "")


# --- sound that claims to be longer than it is ---


def wav(codec: str, container: str = "WAV", samples: int = 3_000) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.sin(np.arange(samples) / 10) / 2, 16_000, format=container, subtype=codec)
    return file.getvalue()


def endless(data: bytes) -> bytes:
    place = data.find(b"data")
    return data[: place + 4] + b"\xff" * 4 + data[place + 8 :]


def header(rate: int, channels: int, bits: int = 16) -> bytes:
    align = channels * bits // 8
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, rate, (rate * align) % 2**32, align % 2**16, bits)
    return b"RIFF\xff\xff\xff\xffWAVE" + form + b"data\xff\xff\xff\xff"


CODECS = ["MS_ADPCM", "IMA_ADPCM", "GSM610", "G721_32", "NMS_ADPCM_16", "PCM_16", "PCM_U8", "FLOAT", "ULAW", "ALAW"]
UNREAD = ("GSM610",)


@LINUX
@pytest.mark.parametrize("codec", CODECS)
async def test_decoding_ends_when_its_input_has_ended(codec: str) -> None:
    """A WAV of 0.2 s that claims to be of any length is heard as 0.2 s, live and as a file, in every codec."""
    sound = endless(wav(codec))
    async with served() as server, server.client() as client:
        got = await session(server.endpoints.stt, START, sound, "")
        made = await transcribed(client, sound)
        if error(got)[0] == 400 and codec in UNREAD:  # libsndfile does not read it from a pipe
            assert made["error_type"] == "invalid_audio_file"
        else:
            assert got[-2]["finished"], got
            assert got[-2]["total_audio_proc_ms"] <= 400
            assert (made["status"], made["audio_duration_ms"] <= 400) == ("completed", True), made
        assert server.grown_mb < FLAT_MB


@LINUX
@pytest.mark.parametrize(
    "sound",
    [
        header(2**31 - 1, 1) + bytes(50_000),
        header(1, 1) + bytes(50_000),
        header(0, 1) + bytes(50_000),
        header(16_000, 1_024) + bytes(50_000),
        header(384_000, 255, 32) + bytes(50_000),
        b"ID3\x04\0\0" + b"\x7f" * 4 + bytes(300_000),
        b"fLaC" + b"\x04\xff\xff\xff" + bytes(300_000),
        b"OggS" + bytes(range(256)) * 100,
        b"FORM\xff\xff\xff\xffAIFF" + bytes(50_000),
        bytes(range(256)) * 200,
    ],
    ids=["fast", "slow", "still", "wide", "large", "tagged", "flac", "ogg", "aiff", "noise"],
)
async def test_a_header_that_lies_costs_what_its_bytes_cost(sound: bytes) -> None:
    """Rates, channels and tags beyond sense are answered within a minute, and take no memory for what they claim."""
    async with served() as server, server.client() as client:
        got = await session(server.endpoints.stt, START, sound, "")
        assert error(got)[0] == 400 or got[-2].get("finished"), got
        assert (await transcribed(client, sound))["status"] in ("error", "completed")
        await server.prompt()
        assert server.grown_mb < FLAT_MB


async def test_sound_beyond_the_longest_is_refused_while_it_is_decoded() -> None:
    """A FLAC of silence, in which a kilobyte is minutes, is too long at both doors; here after one minute."""
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", 8_000, 1, format="FLAC", subtype="PCM_16") as out:
        for _ in range(120):
            out.write(np.zeros(8_000, np.int16))
    async with served(longest_s=60.0) as server, server.client() as client:
        made = await transcribed(client, file.getvalue())
        assert (made["status"], "at most 1 minutes of sound" in made["error_message"]) == ("error", True), made
        assert error(await session(server.endpoints.stt, START, file.getvalue(), ""))[0] == 413


@pytest.mark.parametrize("pause", [0.0, 0.3])
@pytest.mark.parametrize(
    ("head", "name"),
    [(b"\x1a\x45\xdf\xa3", "WebM"), (b"\0\0\0\x20ftypM4A ", "MP4"), (b"\xff\xf1\x50", "AAC"), (b"#!AMR\n", "AMR"),
     (bytes.fromhex("3026b2758e66cf11"), "ASF"), (b"nothing", "libsndfile")],
)  # fmt: skip
async def test_what_cannot_be_decoded_is_always_told(head: bytes, name: str, pause: float) -> None:
    """Sent whole with its end right behind it, or bit by bit: 400, and the name of what it is."""
    sound = head + bytes(5_000)
    async with served() as server, server.client() as client:
        for _ in range(3):
            got = await session(server.endpoints.stt, START, sound, b"\0", "" if pause == 0.0 else b"\0" * 9)
            assert error(got)[0] == 400, got
            assert name in error(got)[1]
        made = await transcribed(client, sound)
        assert (made["status"], made["error_type"]) == ("error", "invalid_audio_file")
        assert name in made["error_message"]


async def test_a_bad_job_blocks_no_other_and_can_be_deleted() -> None:
    """While one file is being transcribed another one is done, and a running one is deleted and gone."""
    long = wav("PCM_16", samples=16_000 * 240)
    async with served() as server, server.client() as client:
        first = await queued(client, long)
        await until(client, first, "processing")
        assert (await transcribed(client, wav("PCM_16")))["status"] == "completed"
        assert (await client.delete(f"/v1/transcriptions/{first}")).status_code == 204
        assert (await client.get(f"/v1/transcriptions/{first}")).status_code == 404
        assert (await transcribed(client, wav("PCM_16")))["status"] == "completed"


async def queued(client: httpx.AsyncClient, sound: bytes) -> str:
    file = (await client.post("/v1/files", files={"file": ("a.wav", sound)})).json()["id"]
    made = await client.post("/v1/transcriptions", json={"model": "stt-async-v4", "file_id": file})
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def transcribed(client: httpx.AsyncClient, sound: bytes) -> dict[str, Any]:
    return await until(client, await queued(client, sound), "completed", "error")


async def until(client: httpx.AsyncClient, name: str, *statuses: str) -> dict[str, Any]:
    while True:
        made: dict[str, Any] = (await client.get(f"/v1/transcriptions/{name}")).json()
        if made["status"] in statuses:
            return made
        await trio.sleep(0.02)


# --- scarce resources that anybody can take ---


@LINUX
@pytest.mark.parametrize("shape", ["fields", "chunks", "preamble", "heads"])
async def test_a_form_stalls_nobody(shape: str) -> None:
    """Many fields, many pieces, and bytes outside of any part are counted, refused, and hold up no one meanwhile."""
    mark = b"--B\r\n"
    part = b'Content-Disposition: form-data; name="a%d"\r\n\r\nx\r\n'
    body = {
        "fields": b"".join(mark + part % number for number in range(12_000)) + b"--B--\r\n",
        "chunks": mark + b'Content-Disposition: form-data; name="a"\r\n\r\n' + b"x" * 60_000 + b"\r\n--B--\r\n",
        "preamble": b"x" * 3_000_000,
        "heads": mark + b"X: " + b"y" * 100_000,
    }[shape]
    length = b"Transfer-Encoding: chunked" if shape == "chunks" else b"Content-Length: %d" % len(body)
    if shape == "chunks":
        body = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    head = b"POST /v1/files HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n%s\r\n" % (KEY.encode(), length)
    head += b"Content-Type: multipart/form-data; boundary=B\r\n\r\n"
    answers: list[bytes] = []

    async def post(port: int) -> None:
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream, trio.open_nursery() as nursery:
            nursery.start_soon(send, stream)
            answers.append(bytes(await stream.receive_some(100)))
            nursery.cancel_scope.cancel()

    async def send(stream: trio.SocketStream) -> None:
        with suppress(trio.BrokenResourceError):  # the server has answered, and reads no more
            await stream.send_all(head + body)

    async with served() as server:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(post, int(server.endpoints.rest.rpartition(":")[2]))
            for _ in range(3):
                await server.prompt()
        assert answers[0].startswith(b"HTTP/1.1 400 "), answers
        assert server.grown_mb < FLAT_MB


@pytest.mark.parametrize("state", ["silent", "head", "keyless", "wrong key"])
async def test_idle_sockets_without_a_key_keep_nobody_out(state: str) -> None:
    """Sockets that show no key, 300 in whatever state they wait, leave room for an honest client at once."""
    async with served() as server:
        port = int(server.endpoints.rest.rpartition(":")[2])
        auth = b"Authorization: Bearer wrong\r\n" if state == "wrong key" else b""
        said = {"silent": b"", "head": b"GET /v1/models HTTP/1.1\r\n"}.get(state, UPGRADE + auth + b"\r\n")
        sockets = []
        for _ in range(300):
            stream = await trio.open_tcp_stream("127.0.0.1", port)
            if said:
                await stream.send_all(said)
            sockets.append(stream)
        await server.prompt()
        got = await session(server.endpoints.stt, START | {"audio_format": "flac"}, "")
        assert error(got) == (400, "No audio received.")
        for stream in sockets:
            await trio.aclose_forcefully(stream)


UPGRADE = (
    b"GET /transcribe-websocket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


@pytest.mark.parametrize("service", ["stt", "tts"])
async def test_pages_of_others_get_no_socket(service: str) -> None:
    """A foreign page is refused before the upgrade, with its key or without; a page of this machine is let in."""
    async with served() as server:
        url = getattr(server.endpoints, service)
        for headers in ({}, MINE):
            with pytest.raises(Unconnected, match="403"):
                await session(url, headers={**headers, "Origin": "http://evil.example"})
        assert error(await session(url, "{", headers={**MINE, "Origin": "http://localhost:3000"}))[0] == 400


@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://127.0.0.1", "http://evil.example", "null"])
async def test_pages_may_read_answers_and_errors_if_they_are_of_this_machine(origin: str) -> None:
    """A preflight and every answer, errors too, carry the permission; other pages are refused by name."""
    may = "evil" not in origin and origin != "null"
    async with served() as server, server.client(Origin=origin) as client:
        for answer in (
            await client.request("OPTIONS", "/tts", headers={"Authorization": ""}),
            await client.get("/v1/models"),
            await client.get("/v1/files/none"),
            await client.post("/tts", json={}),
            await client.get("/v1/models", headers={"Authorization": "Bearer no"}),
        ):
            assert answer.headers.get("access-control-allow-origin") == (origin if may else None)
            assert answer.status_code != 403 or not may
            assert KEY not in answer.text


@pytest.mark.parametrize("service", ["stt", "tts"])
@pytest.mark.parametrize("pause", [0.0, 0.02, 0.1, 1.0])
async def test_a_wrong_key_is_always_told(service: str, pause: float) -> None:
    """A client that sends its first message at once or a little later reads why it is refused, and fails on nothing."""
    wrong = {"Authorization": "Bearer no"}
    async with served() as server:
        for _ in range(5):
            got = await session(getattr(server.endpoints, service), START, headers=wrong, pause=pause)
            assert error(got) == (401, "Incorrect API key provided."), got
            assert pause > 0.3 or "sending failed" not in got


# --- names and promises ---


async def test_every_name_of_the_service_is_taken_and_listed() -> None:
    """Retired models work under their old names everywhere, and the lists show what each of them is now."""
    async with served() as server, server.client() as client:
        hearing = {m["id"]: m for m in (await client.get("/v1/models")).json()["models"]}
        speaking = {m["id"]: m for m in (await client.get("/v1/tts-models")).json()["models"]}
        for name, model in hearing.items():
            assert [one["code"] for one in model["languages"]] == ["en"]
            assert not model.get("one_way_translation")
            whole = model["transcription_mode"] == "async"
            current = "stt-async-v5" if whole else "stt-rt-v5"
            assert model.get("aliased_model_id") == (None if name == current else current)
            if not whole:
                start = START | {"model": name, "audio_format": "flac"}
                assert error(await session(server.endpoints.stt, start, "")) == (400, "No audio received.")
        assert {"stt-rt-v4", "stt-async-v4", "stt-rt-preview"} <= set(hearing)
        for name, model in speaking.items():
            assert not model["supports_voice_cloning"]
            assert [one["code"] for one in model["languages"]] == ["en"]
            text = {"model": name, "language": "en", "voice": "Adrian", "audio_format": "wav", "text": "Hi."}
            assert (await client.post("/tts", json=text)).status_code == 200
        assert {"tts-rt-v1", "tts-rt-v1-preview"} <= set(speaking)
        limits = (await client.get("/v1/concurrency-limits")).json()["project"]["limits"]
        assert limits == {"transcribe_concurrent": 8, "tts_concurrent": 16}


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"language_hints": ["de"], "language_hints_strict": True}, "This server understands: en."),
        ({"language_hints": ["xx"]}, "Invalid language hint."),
        ({"translation": {"type": "one_way", "target_language": "de"}}, "does not support translations"),
    ],
)
async def test_both_doors_refuse_alike(asked: dict[str, Any], why: str) -> None:
    """What a live session is refused for, a file is refused for at once, in the same words."""
    async with served() as server, server.client() as client:
        got = await session(server.endpoints.stt, START | asked)
        file = (await client.post("/v1/files", files={"file": ("a.wav", b"x")})).json()["id"]
        body = {"model": "stt-async-v5", "file_id": file, **asked}
        answer = await client.post("/v1/transcriptions", json=body)
        assert (error(got)[0], answer.status_code) == (400, 400)
        assert why in error(got)[1]
        assert answer.json()["message"] == error(got)[1]


async def test_realtime_use_is_in_the_log() -> None:
    """A session and a stream stand in the usage log and in the history with their model, reference and sound."""
    speech = {
        "model": "tts-rt-v1",
        "language": "en",
        "voice": "Maya",
        "audio_format": "pcm_s16le",
        "sample_rate": 8_000,
    }
    async with served() as server, server.client() as client:
        raw = {"model": "stt-rt-v5", "audio_format": "pcm_s16le", "sample_rate": 8_000, "num_channels": 1}
        await session(server.endpoints.stt, raw | {"client_reference_id": "heard"}, bytes(16_000), "")
        async with TrioWebsocket().connect(Address(server.endpoints.tts, list(MINE.items()))) as socket:
            await socket.send(json.dumps(speech | {"stream_id": "a", "client_reference_id": "spoken"}))
            await socket.send(json.dumps({"stream_id": "a", "text": "Hello.", "text_end": True}))
            while not json.loads(await socket.receive()).get("terminated"):
                pass
        file = (await client.post("/v1/files", files={"file": ("a.wav", b"x")})).json()
        now = datetime.fromisoformat(file["created_at"])
        window = {
            "start_time": (now - timedelta(days=1)).isoformat(),
            "end_time": (now + timedelta(days=1)).isoformat(),
        }
        logs = (await client.get("/v1/usage-logs", params=window)).json()["usage_logs"]
        heard, spoken = (next(log for log in logs if log["client_reference_id"] == who) for who in ("heard", "spoken"))
        assert (heard["model"], heard["input_audio_duration_ms"]) == ("stt-rt-v5", 1_000)
        assert (spoken["model"], spoken["input_text_tokens"]) == ("tts-rt-v1", 6)
        assert spoken["output_audio_duration_ms"] > 200
