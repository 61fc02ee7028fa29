"""The REST API over real HTTP, on engines without models: files, transcriptions, speech, keys, and what goes wrong."""

from __future__ import annotations

import io
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import soundfile
import trio

from voicekit.soniox.api.region import Endpoints
from voicekit_local import streams
from voicekit_local.fakes import KEY, LETTER_S, FakeRecogniser, FakeTts, fake_server

SPEAKS = {"model": "tts-rt-v2", "language": "en", "voice": "Maya", "audio_format": "wav", "text": "Good morning."}


@asynccontextmanager
async def http(endpoints: Endpoints, key: str = KEY) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {key}"}
    with trio.fail_after(120):
        async with httpx.AsyncClient(base_url=endpoints.rest, headers=headers, timeout=120) as client:
            yield client


def flac(sound: Any) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, sound, 16_000, format="FLAC", subtype="PCM_16")
    return file.getvalue()


async def queued(client: httpx.AsyncClient, data: bytes, **more: Any) -> dict[str, Any]:
    """Upload `data` and ask for its transcription."""
    file = (await client.post("/v1/files", files={"file": ("a.flac", data)})).json()
    answer = await client.post("/v1/transcriptions", json={"model": "stt-async-v5", "file_id": file["id"], **more})
    made = answer.json()
    assert (answer.status_code, made["status"]) == (201, "queued")
    return dict(made)


async def over(client: httpx.AsyncClient, made: dict[str, Any]) -> dict[str, Any]:
    """Wait until a transcription is over."""
    while made["status"] in ("queued", "processing"):
        await trio.sleep(0.02)
        made = (await client.get(f"/v1/transcriptions/{made['id']}")).json()
    return made


async def transcribed(client: httpx.AsyncClient, data: bytes, **more: Any) -> dict[str, Any]:
    """Upload `data`, have it transcribed, and wait until that is over."""
    return await over(client, await queued(client, data, **more))


async def test_a_file_is_transcribed(speech) -> None:
    """The words come in order with their times, and nothing is left of it once it is deleted."""
    async with fake_server() as (_, endpoints), http(endpoints) as client:
        made = await transcribed(client, flac(speech), enable_speaker_diarization=True)
        assert (made["status"], made["audio_duration_ms"]) == ("completed", len(speech) // 16)
        transcript = (await client.get(f"/v1/transcriptions/{made['id']}/transcript")).json()
        assert transcript["text"].startswith("one two three")
        starts = [token["start_ms"] for token in transcript["tokens"]]
        assert starts == sorted(starts)
        assert {token["speaker"] for token in transcript["tokens"]} == {"1"}
        assert (await client.delete(f"/v1/transcriptions/{made['id']}")).status_code == 204
        await client.delete(f"/v1/files/{made['file_id']}")
        assert (await client.get("/v1/files")).json()["files"] == []


@pytest.mark.parametrize("data", [b"no sound at all" * 100, b"", b"RIFF", b"fLaC" + bytes(1000)])
async def test_what_is_no_sound_is_told(data) -> None:
    """A file that can't be decoded ends its transcription with an error, and the next one is served."""
    async with fake_server() as (_, endpoints), http(endpoints) as client:
        made = await transcribed(client, data)
        assert (made["status"], made["error_type"]) == ("error", "invalid_audio_file")
        assert (await client.get("/v1/models")).status_code == 200


async def test_an_engine_that_fails_fails_one_transcription(speech, capfd) -> None:
    """The error is told as the service's own, its cause to the operator, and the server goes on."""

    class Broken(FakeRecogniser):
        def decode(self, sound, draft=()):
            raise ZeroDivisionError("no model is so bad")

    async with fake_server(recogniser=Broken()) as (_, endpoints), http(endpoints) as client:
        made = await transcribed(client, flac(speech))
        assert (made["status"], made["error_type"]) == ("error", "internal_error")
        assert (await client.post("/tts", json=SPEAKS)).status_code == 200
    assert "no model is so bad" in capfd.readouterr().err


async def test_a_file_that_is_deleted_before_its_turn_fails_one_transcription(speech, capfd) -> None:
    """Files wait for the two before them; one that is gone by then is told as missing, and the server goes on."""
    let_go = threading.Event()

    class Slow(FakeRecogniser):
        def decode(self, sound, draft=()):
            let_go.wait(20.0)
            return super().decode(sound, draft)

    async with fake_server(recogniser=Slow()) as (_, endpoints), http(endpoints) as client:
        first, _, second, third = [await queued(client, flac(speech)) for _ in range(4)]
        assert (await client.delete(f"/v1/files/{second['file_id']}")).status_code == 204
        # Like Ctrl-C, delete the transcription and its file.
        assert (await client.delete(f"/v1/transcriptions/{third['id']}")).status_code == 204
        assert (await client.delete(f"/v1/files/{third['file_id']}")).status_code == 204
        let_go.set()
        assert (await over(client, first))["status"] == "completed"
        failed = await over(client, second)
        assert (failed["status"], failed["error_type"]) == ("error", "file_not_found")
        assert (await transcribed(client, flac(speech)))["status"] == "completed"
    assert "Traceback" not in capfd.readouterr().err


async def test_what_nobody_thought_of_fails_one_transcription(speech, capfd) -> None:
    """An error in the middle of a job is told as the service's own, its cause to the operator; the server goes on."""

    class Mute(FakeRecogniser):
        languages = ()

    async with fake_server(recogniser=Mute()) as (_, endpoints), http(endpoints) as client:
        made = await transcribed(client, flac(speech))
        assert (made["status"], made["error_type"]) == ("error", "internal_error")
        assert (await client.get("/v1/models")).status_code == 200
    assert capfd.readouterr().err.count("IndexError") == 1


@pytest.mark.parametrize(
    ("url", "value"),
    [
        ("http://127.0.0.1:9", "ü"),
        ("http://127.0.0.1:9", "a\nb"),
        ("http://127.0.0.1:9/\0", "a"),
        ("http://xn--a", "a"),
    ],
)
async def test_a_webhook_that_can_t_be_called_is_a_status_of_0(speech, url, value) -> None:
    """Whatever address and header a client names, its transcription is completed and the server goes on."""
    hook = {"webhook_url": url, "webhook_auth_header_name": "X-Proof", "webhook_auth_header_value": value}
    async with fake_server() as (_, endpoints), http(endpoints) as client:
        made = await transcribed(client, flac(speech), **hook)
        while made.get("webhook_status_code") is None:
            await trio.sleep(0.02)
            made = (await client.get(f"/v1/transcriptions/{made['id']}")).json()
        assert (made["status"], made["webhook_status_code"]) == ("completed", 0)


async def test_nothing_is_downloaded() -> None:
    """A transcription of an address is refused at once: a client of the server shall not send it elsewhere."""
    async with fake_server() as (_, endpoints), http(endpoints) as client:
        answer = await client.post("/v1/transcriptions", json={"model": "stt-async-v5", "audio_url": "http://a/b.mp3"})
        assert (answer.status_code, answer.json()["error_type"]) == (400, "invalid_request")
        assert "Upload the file" in answer.json()["message"]


@pytest.mark.parametrize("name", ["wav", "flac", "mp3", "opus"])
async def test_a_text_is_spoken_in_one_go(name) -> None:
    """The answer is a whole file of the right length and kind."""
    async with fake_server() as (_, endpoints), http(endpoints) as client:
        answer = await client.post("/tts", json=SPEAKS | {"audio_format": name, "sample_rate": 24_000})
        assert (answer.status_code, answer.headers["content-type"].partition("/")[0]) == (200, "audio")

        class Flowing(soundfile.SoundFile):
            def seekable(self) -> bool:
                return False

        seconds = 0.0
        with Flowing(io.BytesIO(answer.content)) as file:
            while len(block := file.read(1_000)):
                seconds += len(block) / file.samplerate
        assert seconds == pytest.approx(LETTER_S * len(SPEAKS["text"]), abs=0.2)


async def test_a_voice_that_fails_breaks_the_answer_off(capfd) -> None:
    """An error after the head can only be an answer that is not whole, which clients notice."""

    class Hoarse(FakeTts):
        def speak(self, text, voice, speed=1.0):
            raise ZeroDivisionError("hoarse")

    async with fake_server(voice=Hoarse()) as (_, endpoints), http(endpoints) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post("/tts", json=SPEAKS)
        assert (await client.get("/v1/models")).status_code == 200
    assert capfd.readouterr().err.count("Traceback") == 1


async def test_keys_and_paths_are_checked() -> None:
    """A wrong key is a 401 and an unknown path a 404, in the service's shape; a websocket's path wants an upgrade."""
    async with fake_server() as (_, endpoints):
        async with http(endpoints, "wrong") as client:
            answer = await client.get("/v1/files")
            assert (answer.status_code, answer.json()["error_type"]) == (401, "unauthenticated")
        async with http(endpoints) as client:
            assert (await client.get("/v1/nothing")).status_code == 404
            assert (await client.get("/tts-websocket")).status_code == 426


async def test_a_temporary_key_opens_what_it_was_made_for(connect) -> None:
    """A key made over HTTP opens one stream of speech, as it is for one, and no session of the other service."""
    async with fake_server() as (_, endpoints), http(endpoints) as client:
        asked = {"usage_type": "tts_rt", "expires_in_seconds": 60, "single_use": True}
        key = (await client.post("/v1/auth/temporary-api-key", json=asked)).json()["api_key"]
        async with connect(endpoints.stt, key) as wrong:
            assert (await wrong.hear())["error_type"] == "unauthenticated"
        async with connect(endpoints.tts, key) as right:
            start = {**SPEAKS, "audio_format": "pcm_s16le", "sample_rate": 8_000}
            del start["text"]
            await right.say(**start, stream_id="a")
            await right.say(stream_id="a", text="Hm.", text_end=True)
            assert any(frame.get("audio") for frame in await right.until(stream_id="a", terminated=True))
            await right.say(**start, stream_id="b")
            assert (await right.hear())["error_type"] == "unauthenticated"


async def test_a_client_that_stops_in_the_middle_is_let_go(monkeypatch) -> None:
    """An upload that does not go on is given up, and nothing of it is kept."""
    monkeypatch.setattr(streams, "IDLE_S", 0.2)
    async with fake_server() as (_, endpoints):
        port = int(endpoints.rest.rpartition(":")[2])
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            await stream.send_all(
                b"POST /v1/files HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer secret\r\nContent-Length: 1000\r\n"
                b"Content-Type: multipart/form-data; boundary=b\r\n\r\n"
                b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nxxx'
            )
            with trio.fail_after(120):
                while await stream.receive_some():
                    pass
        async with http(endpoints) as client:
            assert (await client.get("/v1/files")).json()["files"] == []
