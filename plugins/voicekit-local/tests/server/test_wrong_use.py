"""Wrong use of the server over real sockets: the service's own answers, and a server that goes on."""

from __future__ import annotations

import json
import re
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from voicekit.soniox.api import limits
from voicekit.soniox.api.region import Endpoints
from voicekit.soniox.api.wire import MESSAGE_BYTES
from voicekit.soniox.connection.transport import Disconnected
from voicekit.soniox.local import local_server
from voicekit.soniox.server.account import Account, Key, Service
from voicekit.soniox.server.refusal import CODES, Refusal
from voicekit.soniox.server.rest import http as rest_http
from voicekit_local import speaking, websocket
from voicekit_local.fakes import KEY, FakeRecogniser, FakeTts, fake_server
from voicekit_local.server import account_for
from voicekit_local.workers import Workers

HEARS = {"model": "stt-rt-v5", "audio_format": "pcm_s16le", "sample_rate": 16_000, "num_channels": 1}
CONTAINED = {"model": "stt-rt-v5"}
SPEAKS = {
    "stream_id": "a", "model": "tts-rt-v2", "language": "en", "voice": "Maya", "audio_format": "pcm_s16le",
    "sample_rate": 16_000,
}  # fmt: skip
QUIET = "AAAA" * 4_000  # over a quarter of a second: enough for a result
SAYS = json.dumps({"stream_id": "a", "text": "Whoever leaves has his text spoken in vain. " * 3, "text_end": True})
UPGRADE = (
    b"GET /%s-websocket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Authorization: Bearer secret\r\n\r\n"
)
WARMING, DROPPED = 1_000, 10_000
"""Connections that are opened and dropped before the memory is looked at, and then."""
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads a process's memory as Linux tells it")
FLAT_MB = 5.0
"""How much larger the server may be after all of them: 500 bytes for each, less than any object of a connection."""
UNREAD_MB = 20.0
"""How much larger it may be at any time while a message comes that is too large: ten times what it reads of it."""
SERVER = """
import os, sys, trio
from voicekit.soniox.api.server_hello import ServerHello, write_hello
from voicekit_local.fakes import KEY, fake_server

async def main():
    async with fake_server() as (_, endpoints):
        print(os.getpid(), file=sys.stderr, flush=True)
        sys.stdout.buffer.write(write_hello(ServerHello(endpoints, KEY)))
        sys.stdout.buffer.flush()
        await trio.to_thread.run_sync(sys.stdin.read, abandon_on_cancel=True)

trio.run(main)
"""


def without(config: dict[str, Any], *fields: str) -> dict[str, Any]:
    return {name: value for name, value in config.items() if name not in fields}


def error(frames: list[dict[str, Any]]) -> tuple[str, str]:
    """Type and message of the one error among `frames`, which must have all its fields."""
    (frame,) = [frame for frame in frames if "error_code" in frame]
    assert frame["error_code"] == CODES[frame["error_type"]]
    assert frame["more_info"].startswith("https://")
    assert frame["request_id"]
    return frame["error_type"], frame["error_message"]


INVALID = "invalid_request"
UNKNOWN = "Audio decode error: libsndfile: Format not recognised."
RATE = "Audio decode error: sample rate: expected an integer from 1000 to 384000 Hz, got 900000."


@pytest.mark.parametrize(
    ("messages", "kind", "message"),
    [
        ([b"\0\0"], INVALID, "Start request must be a text message."),
        (["{"], INVALID, "Start request is malformed."),
        ([without(HEARS, "audio_format")], INVALID, "Missing audio format."),
        ([without(HEARS, "sample_rate")], INVALID, "Audio data sample rate must be specified for PCM formats."),
        ([without(HEARS, "num_channels")], INVALID, "Audio data channels must be specified for PCM formats."),
        ([HEARS | {"sample_rate": 900_000}], INVALID, RATE),
        ([HEARS | {"audio_format": "pcm_s17"}], INVALID, "Invalid audio data format: pcm_s17"),
        ([HEARS | {"audio_format": "webm"}], INVALID, "Invalid audio data format: webm"),
        ([HEARS | {"model": "stt-rt-v9"}], "model_not_available", "Invalid model specified."),
        ([HEARS | {"language_hints": ["xx"]}], INVALID, "Invalid language hint."),
        ([HEARS | {"language_hints": ["en", "en"]}], INVALID, "Language hints must be unique."),
        ([HEARS | {"language_hints": ["de"]}], INVALID, "Invalid language hint. This server understands: en."),
        ([HEARS | {"context": "x" * 10_001}], INVALID, "Context is too long (max length 10000)."),
        (
            [HEARS | {"client_reference_id": "x" * 257}],
            INVALID,
            "Client reference ID is too long (max length 256).",
        ),
        (
            [HEARS | {"translation": {"type": "one_way", "target_language": "de"}}],
            INVALID,
            "Model does not support translations.",
        ),
        ([HEARS, HEARS], INVALID, "Control request invalid type."),
        ([HEARS, "{"], INVALID, "Control request is malformed."),
        ([HEARS, '{"type":"sing"}'], INVALID, "Control request invalid type."),
        ([HEARS, "no base64"], INVALID, "Invalid base64."),
        ([HEARS, bytes(MESSAGE_BYTES + 1)], INVALID, "Message is too long."),
        ([HEARS, ""], INVALID, "No audio received."),
        ([CONTAINED | {"audio_format": "auto"}, bytes(range(256))], INVALID, UNKNOWN),
        ([CONTAINED | {"audio_format": "wav"}, bytes(range(256))], INVALID, UNKNOWN),
    ],
)  # fmt: skip
async def test_wrong_use_of_speech_to_text(connect, messages, kind, message) -> None:
    """Each mistake gets its error, in a frame with tokens, and the connection is closed with code 1000."""
    async with fake_server() as (_, endpoints), connect(endpoints.stt) as client:
        for said in messages:
            await client.say(said if isinstance(said, str | bytes) else json.dumps(said))
        frames = await client.rest()
        assert frames[-1]["tokens"] == []
        assert error(frames) == (kind, message)


@pytest.mark.parametrize(
    ("message", "kind", "why"),
    [
        *[(without(SPEAKS, name), INVALID, f"Missing required field: {name}")
          for name in ("model", "language", "voice", "audio_format", "sample_rate")],
        (SPEAKS | {"model": "tts-rt-v9"}, "model_not_available", "The requested model is not available."),
        (SPEAKS | {"language": "xx"}, INVALID, "Invalid language 'xx' for model 'tts-rt-v2'."),
        (SPEAKS | {"language": "de"}, INVALID, "Invalid language 'de' for model 'tts-rt-v2'."),
        (SPEAKS | {"voice": "x" * 51}, INVALID, "voice is too long (max length 50)."),
        (SPEAKS | {"audio_format": "aac"}, INVALID, "Invalid audio format 'aac'."),
        (SPEAKS | {"audio_format": "opus", "sample_rate": 44_100}, INVALID, "Invalid sample rate '44100' for opus."),
        (SPEAKS | {"sample_rate": 22_050}, INVALID, "Invalid sample rate '22050'."),
        (SPEAKS | {"audio_format": "mp3", "bitrate": 1}, INVALID, "Invalid bitrate '1'."),
        (SPEAKS | {"speed": 1.4}, INVALID, "speed must be between 0.7 and 1.3."),
        ({"stream_id": "a", "text": "x" * 10, "text_end": False}, "invalid_stream_state",
         "Stream a not found. Send a start message first."),
        ({"stream_id": "a", "cancel": True}, "invalid_stream_state", "Stream a not found. Send a start message first."),
        ({"stream_id": "a", "cancel": True, "text": "no"}, INVALID, "cancel must be sent alone."),
    ],
)  # fmt: skip
async def test_wrong_use_of_a_stream(connect, message, kind, why) -> None:
    """A mistake in a stream ends that stream alone: the next one on the same connection speaks."""
    async with fake_server() as (_, endpoints), connect(endpoints.tts) as client:
        await client.say(**message)
        refused = await client.hear()
        assert refused["stream_id"] == "a"
        assert error([refused]) == (kind, why)
        await client.say(**SPEAKS | {"stream_id": "b"})
        await client.say(stream_id="b", text="Hm.", text_end=True)
        assert any(frame.get("audio") for frame in await client.until(stream_id="b", terminated=True))


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (b"\0", "Only text messages are accepted."),
        ("[]", "Request is malformed."),
        ('{"text":"whose?"}', "Missing required field: stream_id"),
    ],
)
async def test_wrong_use_of_a_connection_for_speech(connect, message, why) -> None:
    """A mistake that names no stream ends the connection."""
    async with fake_server() as (_, endpoints), connect(endpoints.tts) as client:
        await client.say(message)
        assert error(await client.rest()) == (INVALID, why)


async def test_the_sixth_stream_is_refused(connect) -> None:
    """Five streams live on a connection; a sixth is told so, and the five speak on."""
    async with fake_server() as (_, endpoints), connect(endpoints.tts) as client:
        for name in "abcdef":
            await client.say(**SPEAKS | {"stream_id": name})
        refused = await client.hear()
        assert (refused["stream_id"], error([refused])[0]) == ("f", "max_concurrent_streams_reached")
        await client.until(stream_id="f", terminated=True)
        for name in "abcde":
            await client.say(stream_id=name, text="Hm.", text_end=True)
        over: set[str] = set()
        while len(over) < 5:
            frame = await client.hear()
            over |= {frame["stream_id"]} if frame.get("terminated") else set()
        assert over == set("abcde")


async def test_more_than_5000_bytes_are_refused(connect) -> None:
    """The limit is counted in bytes over all texts of a stream, and ends it."""
    async with fake_server() as (_, endpoints), connect(endpoints.tts) as client:
        await client.say(**SPEAKS)
        await client.say(stream_id="a", text="é" * 2_500)
        await client.say(stream_id="a", text="!", text_end=True)
        frames = await client.until(stream_id="a", terminated=True)
        assert error(frames) == (INVALID, "input text too long (limit: 5000 bytes)")


async def test_two_minutes_of_sound_are_the_most(connect, monkeypatch) -> None:
    """A stream that would sound longer is cut off there, with an error."""
    monkeypatch.setattr(speaking, "FASTER", 1_000.0)

    class Slow(FakeTts):
        def speak(self, text, voice, speed=1.0):
            return super().speak(text, voice, 0.02)

    async with fake_server(voice=Slow()) as (_, endpoints), connect(endpoints.tts) as client:
        await client.say(**SPEAKS | {"sample_rate": 8_000, "audio_format": "pcm_mulaw"})
        await client.say(stream_id="a", text="Hm. " * 15, text_end=True)
        frames = await client.until(stream_id="a", terminated=True)
        assert error(frames)[0] == "max_audio_duration_reached"


@pytest.mark.parametrize("service", ["stt", "tts"])
@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("wrong", "Incorrect API key provided."),
        ("snx_temp_expired", "Invalid or expired temporary API key."),
        (None, "Missing API key. Provide it as an Authorization header."),
    ],
)
async def test_a_key_that_is_none_is_refused(connect, service, key, message) -> None:
    """A wrong, expired or missing key is refused in a frame, after the upgrade or with the first message."""
    account = Account([KEY])
    account.add(Key("snx_temp_expired", usage=Service.STT if service == "stt" else Service.TTS, expires_at=0.0))
    async with fake_server(account) as (_, endpoints), connect(getattr(endpoints, service), key) as client:
        if key is None:
            await client.say(**(HEARS if service == "stt" else SPEAKS))
        assert error([await client.hear()]) == ("unauthenticated", message)


@pytest.mark.parametrize("kind", [kind for kind, code in CODES.items() if code in (402, 403, 429, 500, 503)])
@pytest.mark.parametrize("service", ["stt", "tts"])
async def test_every_other_row_reaches_the_client(connect, service, kind) -> None:
    """What only an account or a failing machine can cause is passed on as the service would."""
    account = Account([KEY])
    account.refusing = Refusal(kind, "Because.")
    async with fake_server(account) as (_, endpoints), connect(getattr(endpoints, service)) as client:
        await client.say(**(HEARS if service == "stt" else SPEAKS))
        assert error([await client.hear()]) == (kind, "Because.")


@pytest.mark.parametrize(
    ("limit", "messages", "kind", "message"),
    [
        ("START_WAIT_S", [], "request_timeout", "Start request timeout"),
        ("STT_IDLE_S", [HEARS], "request_timeout", "Timed out while waiting for the first audio chunk"),
        ("STT_IDLE_S", [HEARS, bytes(3_200)], "request_timeout", "Request timeout."),
        (
            "STT_SESSION_S",
            [HEARS, bytes(32_000)],
            "max_duration_reached",
            "The maximum duration of a session was reached.",
        ),
    ],
)
async def test_limits_of_time_are_kept(connect, monkeypatch, limit, messages, kind, message) -> None:
    """Who does not start, does not go on, or goes on for too long is told so; here after half a second."""
    monkeypatch.setattr(limits, limit, 0.5)
    account = Account([KEY], legacy=True)
    async with fake_server(account) as (_, endpoints), connect(endpoints.stt, None) as client:
        for said in messages:
            await client.say(said if isinstance(said, bytes) else json.dumps(said | {"api_key": KEY}))
        assert error(await client.rest()) == (kind, message)


@pytest.mark.parametrize("service", ["stt", "tts"])
async def test_a_temporary_key_ends_its_sessions(connect, service) -> None:
    """A session may not last longer than its key allows, whatever it is doing."""
    account = Account([KEY])
    account.add(Key("brief", usage=Service.STT if service == "stt" else Service.TTS, session_s=0.5))
    async with fake_server(account) as (_, endpoints), connect(getattr(endpoints, service), "brief") as client:
        await client.say(**(HEARS if service == "stt" else SPEAKS))
        if service == "stt":
            await client.say(bytes(3_200))
        frame = await client.hear()
        while "error_code" not in frame:
            frame = await client.hear()
        assert error([frame])[0] == "temp_api_key_session_expired"


async def test_the_limits_of_the_account_are_those_of_the_machine(connect) -> None:
    """More sessions than the cores can bear are refused with the service's word for it; one that ends makes room."""
    account = Account([KEY], sessions=1)
    async with fake_server(account) as (_, endpoints), connect(endpoints.stt) as first:
        await first.say(**HEARS)
        await first.say(b"\0\0")
        with trio.fail_after(120):
            while account.running[Service.STT] == 0:
                await trio.lowlevel.checkpoint()
        async with connect(endpoints.stt) as second:
            await second.say(**HEARS)
            assert error(await second.rest())[0] == "limit_exceeded"
        await first.say("")
        assert (await first.rest())[-1]["finished"]
        async with connect(endpoints.stt) as third:
            await third.say(**HEARS)
            await third.say(b"\0\0")
            await third.say("")
            assert (await third.rest())[-1]["finished"]


async def test_a_machine_that_is_too_slow_begins_no_more_calls(connect) -> None:
    """When urgent work takes too long of late, a new call is refused in the words of the limit, and later let in."""
    workers = Workers(2)
    account = account_for(KEY, workers)
    async with fake_server(account) as (_, endpoints):
        now = trio.current_time()
        for _ in range(10):
            workers.pressure.note(3.0, now)
        async with connect(endpoints.stt) as refused:
            await refused.say(**HEARS)
            assert error(await refused.rest())[0] == "limit_exceeded"
        for _ in range(10):
            workers.pressure.note(0.1, now)
        async with connect(endpoints.stt) as accepted:
            await accepted.say(**HEARS)
            await accepted.say(b"\0\0")
            await accepted.say("")
            assert (await accepted.rest())[-1]["finished"]


async def test_an_engine_that_fails_ends_its_session_alone(connect, speech, capfd) -> None:
    """The client is told of an internal error, the operator of its cause, and the server goes on."""

    class Broken(FakeRecogniser):
        def decode(self, sound, draft=()):
            raise ZeroDivisionError("no model is so bad")

    async with fake_server(recogniser=Broken()) as (_, endpoints), connect(endpoints.stt) as client:
        await client.say(**HEARS)
        await client.say((speech * 32_767).astype("<i2").tobytes())
        assert error(await client.rest())[0] == "internal_error"
        async with connect(endpoints.tts) as other:
            await other.say(**SPEAKS)
    assert "no model is so bad" in capfd.readouterr().err


async def test_a_voice_that_fails_ends_its_stream_alone(connect, capfd) -> None:
    """The stream is told of an internal error and terminated, and the connection goes on."""

    class Hoarse(FakeTts):
        def speak(self, text, voice, speed=1.0):
            if "break" in text:
                raise ZeroDivisionError("hoarse")
            return super().speak(text, voice, speed)

    async with fake_server(voice=Hoarse()) as (_, endpoints), connect(endpoints.tts) as client:
        await client.say(**SPEAKS)
        await client.say(stream_id="a", text="break", text_end=True)
        assert error(await client.until(stream_id="a", terminated=True))[0] == "internal_error"
        await client.say(**SPEAKS)
        await client.say(stream_id="a", text="whole", text_end=True)
        assert any(frame.get("audio_end") for frame in await client.until(stream_id="a", terminated=True))
    assert "hoarse" in capfd.readouterr().err


async def test_speech_that_would_come_too_late_is_refused(connect, monkeypatch) -> None:
    """A stream for which no core is free in time is told to try again, instead of staying silent."""
    monkeypatch.setattr(speaking, "LATE_S", 0.2)
    let_go = threading.Event()

    class Long(FakeTts):
        def speak(self, text, voice, speed=1.0):
            let_go.wait(20.0)
            return super().speak(text, voice, speed)

    async with fake_server(voice=Long()) as (_, endpoints), connect(endpoints.tts) as client:
        for name in "abc":  # one more than there are slots
            await client.say(**SPEAKS | {"stream_id": name})
            await client.say(stream_id=name, text="Hm.", text_end=True)
        refused = await client.hear()
        let_go.set()
        assert (refused["stream_id"], error([refused])[0]) == ("c", "service_unavailable")
        over = await client.until(stream_id="b", terminated=True)
        assert any(frame.get("audio_end") for frame in over)


@pytest.mark.parametrize(
    "garbage",
    [b"", b"\n", b"GET", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01" * 100, b"x" * 100_000,
     b"GET /tts-websocket HTTP/1.1\r\n\r\n", b"GET /tts-websocket HTTP/9\r\nUpgrade: websocket\r\n\r\n",
     UPGRADE % b"transcribe" + b"\xff\xff\xff\xff\xff"],
)  # fmt: skip
async def test_garbage_on_the_wire_ends_one_connection(connect, monkeypatch, garbage) -> None:
    """Whatever is no websocket is answered or dropped, and others are served as before."""
    monkeypatch.setattr(websocket, "HANDSHAKE_S", 0.5)
    async with fake_server() as (server, endpoints):
        port = int(endpoints.rest.rpartition(":")[2])
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            with trio.fail_after(120), suppress(trio.BrokenResourceError):
                await stream.send_all(garbage)
                await stream.send_eof()
                while await stream.receive_some():
                    pass
        async with connect(endpoints.stt) as client:
            await client.say(**HEARS)
            await client.say(b"\0\0")
            await client.say("")
            assert (await client.rest())[-1]["finished"]
        await until_empty(server)


@LINUX
async def test_a_message_of_100_mb_is_not_read(connect) -> None:
    """The connection is closed with code 1009 long before the memory is filled, and the server goes on."""
    async with server_apart() as server:
        async with connect(server.endpoints.stt) as client:
            await client.say(**HEARS)
            await client.say(b"\0\0")
            before = server.mb("VmRSS")
            with suppress(Disconnected):
                await client.say(bytes(100_000_000))
            await client.rest(code=1009)
        await server.until_empty()
        assert server.mb("VmHWM") - before < UNREAD_MB
        await serves(connect, server.endpoints)


@LINUX
@pytest.mark.real
async def test_connections_that_are_opened_and_dropped_cost_nothing(connect) -> None:
    """However many come and go, in whatever state, nothing of them stays; a call behind them is served."""
    async with server_apart() as server:
        await drop(server.endpoints, WARMING)  # things that are made only once
        await server.until_empty()
        before = server.mb("VmRSS")
        await drop(server.endpoints, DROPPED)
        await server.until_empty()
        grown = server.mb("VmRSS") - before
        print(f"{DROPPED} connections opened and dropped: {grown:+.1f} MB", file=sys.stderr)
        assert grown < FLAT_MB
        await serves(connect, server.endpoints)


async def test_more_connections_than_allowed_are_closed_at_once(connect) -> None:
    """Connections that nobody needs don't use up the files of the system: those above the limit are closed."""
    async with fake_server(connections=2) as (server, endpoints):
        port = int(endpoints.rest.rpartition(":")[2])
        held = [await trio.open_tcp_stream("127.0.0.1", port) for _ in range(2)]
        with trio.fail_after(120):
            while server.open < 2:
                await trio.lowlevel.checkpoint()
        async with await trio.open_tcp_stream("127.0.0.1", port) as third:
            with trio.fail_after(120):
                assert await third.receive_some() == b""
        for stream in held:
            await stream.aclose()
        await until_empty(server)
        async with connect(endpoints.tts) as client:
            await client.say(**SPEAKS)


class Apart:
    """A server in a process of its own, as the system sees it."""

    def __init__(self, process: int, endpoints: Endpoints) -> None:
        self.endpoints = endpoints
        self._about = Path("/proc", str(process))
        self._files = self._open_files()

    def mb(self, what: str) -> float:
        """Its memory: VmRSS is that of now, VmHWM the most that it ever was."""
        found = re.search(rf"^{what}:\s+(\d+) kB$", (self._about / "status").read_text(encoding="ascii"), re.MULTILINE)
        assert found is not None
        return int(found[1]) / 1024

    async def until_empty(self) -> None:
        """Wait until it has no more open files than at first."""
        with trio.fail_after(120):
            while self._open_files() > self._files:  # noqa: ASYNC110  # another process can't set an event
                await trio.sleep(0.01)

    def _open_files(self) -> int:
        return len(list((self._about / "fd").iterdir()))


@asynccontextmanager
async def server_apart() -> AsyncIterator[Apart]:
    told: list[str] = []
    async with local_server([sys.executable, "-c", SERVER], told.append) as service:
        yield Apart(int(told[0]), service.endpoints)


async def serves(connect: Any, endpoints: Endpoints) -> None:
    """Hold a call, as short as can be."""
    async with connect(endpoints.stt) as client:
        await client.say(**HEARS)
        await client.say(b"\0\0")
        await client.say("")
        assert (await client.rest())[-1]["finished"]


async def drop(endpoints: Endpoints, count: int) -> None:
    """Open `count` connections: a third to no more than TCP, a third with a handshake, a third in a session.

    Of the last, every third is left in the middle of an answer.
    """
    port = int(endpoints.rest.rpartition(":")[2])
    for number in range(count):
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        if number % 3:
            await stream.send_all(UPGRADE % (b"transcribe" if number % 2 else b"tts"))
        if number % 3 == 2:
            with trio.fail_after(120):
                await stream.receive_some()
                said = [json.dumps(HEARS), QUIET] if number % 2 else [json.dumps(SPEAKS), SAYS]
                await stream.send_all(b"".join(frame(text.encode()) for text in said))
                if number % 9 == 8:
                    await stream.receive_some()
        await trio.aclose_forcefully(stream)


def frame(text: bytes) -> bytes:
    """A websocket's message, of 126 bytes or more, as a client sends it."""
    return bytes([0x81, 0x80 | 126, *len(text).to_bytes(2, "big"), 0, 0, 0, 0]) + text


async def until_empty(server: Any) -> None:
    """Wait until there are no connections left."""
    with trio.fail_after(120):
        while server.open:  # noqa: ASYNC110  # the server has no reason to tell
            await trio.sleep(0.01)


async def test_an_encoder_that_fails_ends_its_stream_alone(connect, monkeypatch, capfd) -> None:
    """One stream's format that can't be made is told to that stream; the others of the connection speak on."""
    real = speaking.Packing

    def choosy(config, rate):
        if config.audio_format == "mp3":
            raise RuntimeError("set compression level")
        return real(config, rate)

    monkeypatch.setattr(speaking, "Packing", choosy)
    async with fake_server() as (_, endpoints), connect(endpoints.tts) as client:
        await client.say(**SPEAKS | {"audio_format": "mp3"})
        assert error(await client.until(stream_id="a", terminated=True))[0] == "internal_error"
        await client.say(**SPEAKS | {"stream_id": "b"})
        await client.say(stream_id="b", text="Hello.", text_end=True)
        assert any(frame.get("audio") for frame in await client.until(stream_id="b", terminated=True))
        async with httpx.AsyncClient(base_url=endpoints.rest, headers={"Authorization": f"Bearer {KEY}"}) as http:
            body = {name: value for name, value in SPEAKS.items() if name != "stream_id"}
            answer = await http.post("/tts", json=body | {"audio_format": "mp3", "text": "Hello."})
            assert (answer.status_code, answer.json()["error_type"]) == (500, "internal_error")
    assert capfd.readouterr().err.count("RuntimeError: set compression level") == 2


async def test_a_voice_that_the_service_would_refuse_is_warned_of_once(connect, capfd) -> None:
    """Any name is spoken, and the operator reads once for each that it is no voice of the service."""
    async with fake_server() as (_, endpoints), connect(endpoints.tts) as client:
        for stream, voice in (("a", "Nobody At All"), ("b", "Nobody At All"), ("c", "Maya"), ("d", "Hum")):
            await client.say(**SPEAKS | {"stream_id": stream, "voice": voice})
            await client.say(stream_id=stream, text="Hm.", text_end=True)
            assert any(frame.get("audio") for frame in await client.until(stream_id=stream, terminated=True))
    assert capfd.readouterr().err.count("warning: 'Nobody At All'") == 1


async def test_a_connection_that_is_to_be_closed_is_closed_at_once() -> None:
    """A client that asks for it sees the end behind its answer, and does not wait for the server's patience."""
    async with fake_server() as (_, endpoints):
        port = int(endpoints.rest.rpartition(":")[2])
        with trio.fail_after(rest_http.LINGER_S - 0.5):
            async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                await stream.send_all(b"GET /v1/models HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                answer = b""
                while data := await stream.receive_some():
                    answer += data
    assert answer.startswith(b"HTTP/1.1 401 ")
