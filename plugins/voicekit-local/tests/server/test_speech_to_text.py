"""Speech to text over a real websocket, with a recogniser that counts: results, markers, formats, pace."""

from __future__ import annotations

import base64
import io
import threading
from typing import Any

import numpy as np
import pytest
import soundfile
import trio

from voicekit.audio.codec import convert
from voicekit.audio.format import AudioFormat
from voicekit.soniox.server.account import Account
from voicekit_local import transcribing
from voicekit_local.fakes import KEY, WORDS, FakeRecogniser, fake_server

HEARS = {
    "model": "stt-rt-v5", "audio_format": "pcm_s16le", "sample_rate": 16_000, "num_channels": 1,
    "enable_endpoint_detection": True,
}  # fmt: skip
MESSAGE_S = 0.1


def pcm16(speech: Any) -> bytes:
    return (speech * 32_767).astype("<i2").tobytes()


async def send(client: Any, data: bytes, size: int = 3_200) -> None:
    for place in range(0, len(data), size):
        await client.say(data[place : place + size])


async def send_all(client: Any, data: bytes, size: int = 3_200) -> None:
    await send(client, data, size)
    await client.say("")


def text(frames: list[dict[str, Any]]) -> str:
    return "".join(token["text"] for frame in frames for token in frame["tokens"] if token.get("is_final"))


def in_order(frames: list[dict[str, Any]]) -> None:
    """Finals come before the rest, times rise, and what is final never shrinks."""
    final_ms = start_ms = 0
    for frame in frames:
        finals = [bool(token.get("is_final")) for token in frame["tokens"]]
        assert finals == sorted(finals, reverse=True)
        assert final_ms <= frame["final_audio_proc_ms"] <= frame["total_audio_proc_ms"]
        final_ms = frame["final_audio_proc_ms"]
        for token in frame["tokens"]:
            if token.get("is_final") and "start_ms" in token:
                assert start_ms <= token["start_ms"] <= token["end_ms"]
                start_ms = token["start_ms"]


async def test_a_session_from_start_to_end(connect, speech) -> None:
    """Words come first as they are guessed and once as they are final, `<end>` behind the last, then `finished`."""
    async with fake_server() as (_, endpoints), connect(endpoints.stt) as client:
        await client.say(**HEARS)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send_all, client, pcm16(speech))
            frames = await client.rest()
    in_order(frames)
    assert any(not token.get("is_final") for frame in frames for token in frame["tokens"])
    words = text(frames).split("<end>")
    assert words[0].split() == [WORDS[place % len(WORDS)] for place in range(len(words[0].split()))]
    assert words[-1] == ""
    assert (frames[-1]["finished"], frames[-1]["total_audio_proc_ms"]) == (True, round(len(speech) / 16))


async def test_finalize_and_keepalive(connect, speech) -> None:
    """Finalize makes everything final and answers with `<fin>`, also in silence and twice; keepalive does nothing."""
    async with fake_server() as (_, endpoints), connect(endpoints.stt) as client:
        await client.say(**HEARS | {"enable_endpoint_detection": None})
        await client.say(type="keepalive")
        await client.say(type="finalize")
        await client.say(pcm16(speech[:48_000]))
        await client.say(type="finalize", trailing_silence_ms=300)
        await client.say(type="keepalive")
        await client.say("")
        frames = await client.rest()
    said = text(frames)
    assert said.startswith("<fin>one")
    assert said.endswith("<fin>")
    assert said.count("<fin>") == 2


async def test_sound_may_come_as_base64(connect) -> None:
    """A text frame that is no JSON carries sound."""
    async with fake_server() as (_, endpoints), connect(endpoints.stt) as client:
        await client.say(**HEARS)
        await client.say(base64.b64encode(bytes(32_000)).decode())
        await client.say("")
        assert (await client.rest())[-1]["total_audio_proc_ms"] == 1_000


@pytest.mark.parametrize(
    ("encoding", "name", "rate"), [("mulaw", "mulaw", 8_000), ("alaw", "alaw", 8_000), ("float32", "pcm_f32le", 48_000)]
)
async def test_raw_formats_are_heard(connect, speech, encoding, name, rate) -> None:
    """Telephone sound and others are heard like any: the same words, and times in milliseconds of what was sent."""
    import soxr

    sound = soxr.resample(speech, 16_000, rate).astype("<f4").tobytes()
    data = convert(sound, AudioFormat(rate, "float32"), AudioFormat(rate, encoding))
    async with fake_server() as (_, endpoints), connect(endpoints.stt) as client:
        await client.say(**HEARS | {"audio_format": name, "sample_rate": rate})
        await send(client, data, 3_201)
        await client.say("")
        frames = await client.rest()
    assert text(frames).startswith("one two three")
    assert frames[-1]["total_audio_proc_ms"] == pytest.approx(len(speech) / 16, abs=2)


@pytest.mark.parametrize("explicit", [False, True])
@pytest.mark.parametrize(
    ("kind", "container", "subtype"),
    [
        ("wav", "WAV", "PCM_16"),
        ("wav", "WAV", "ULAW"),
        ("flac", "FLAC", "PCM_16"),
        ("ogg", "OGG", "VORBIS"),
        ("ogg", "OGG", "OPUS"),
        ("mp3", "MP3", "MPEG_LAYER_III"),
        ("aiff", "AIFF", "PCM_16"),
    ],
)
async def test_containers_are_heard_while_they_come(connect, speech, kind, container, subtype, explicit) -> None:
    """A container is decoded as it arrives: there are words before its second half has been sent."""
    file = io.BytesIO()
    soundfile.write(file, np.stack([speech, speech], axis=1), 16_000, format=container, subtype=subtype)
    data = file.getvalue()
    half = data[: len(data) * 3 // 5]
    async with fake_server() as (_, endpoints), connect(endpoints.stt) as client:
        await client.say(model="stt-rt-v5", audio_format=kind if explicit else "auto", enable_endpoint_detection=True)
        await send(client, half, 1_000)
        frames = [await client.hear()]
        while "one" not in frames[-1]["tokens"][0]["text"] if frames[-1]["tokens"] else True:
            frames.append(await client.hear())
        await send(client, data[len(half) :], 1_000)
        await client.say("")
        frames += await client.rest()
    assert text(frames).startswith("one two three")
    assert frames[-1]["total_audio_proc_ms"] == pytest.approx(len(speech) / 16, abs=100)


async def test_a_wav_that_was_written_to_a_pipe_is_heard(connect, speech) -> None:
    """A header that does not know the length says 0, which is taken for endless."""
    file = io.BytesIO()
    soundfile.write(file, speech, 16_000, format="WAV", subtype="PCM_16")
    data = file.getvalue()
    async with fake_server() as (_, endpoints), connect(endpoints.stt) as client:
        await client.say(model="stt-rt-v5", audio_format="auto")
        await client.say(data[:40] + bytes(4) + data[44:])
        await client.say("")
        assert (await client.rest())[-1]["total_audio_proc_ms"] == len(speech) // 16


async def test_finalize_in_a_container(connect, speech) -> None:
    """What is in the decoder comes out before everything is made final."""
    file = io.BytesIO()
    soundfile.write(file, speech[:80_000], 16_000, format="WAV", subtype="PCM_16")
    async with fake_server() as (_, endpoints), connect(endpoints.stt) as client:
        await client.say(model="stt-rt-v5", audio_format="wav")
        await client.say(file.getvalue())
        await client.say(type="finalize")
        frames = await client.until(total_audio_proc_ms=5_000)
        while "<fin>" not in text(frames):
            frames.append(await client.hear())
    assert text(frames).startswith("one two three")


async def test_a_file_sent_at_once_is_heard_whole(connect, speech, monkeypatch) -> None:
    """A client that does not keep to real time waits for the recogniser, and loses nothing."""
    monkeypatch.setattr(transcribing, "MOST_BEHIND_S", 1.0)
    async with fake_server() as (_, endpoints), connect(endpoints.stt) as client:
        await client.say(**HEARS)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send_all, client, pcm16(np.tile(speech, 5)), 100_000)
            frames = await client.rest()
    in_order(frames)
    assert text(frames).count("<end>") == 5


async def test_a_machine_that_can_not_keep_up_says_so(connect, speech, monkeypatch) -> None:
    """Words that come too late for a conversation end the session with an error that invites to try again."""
    monkeypatch.setattr(transcribing, "LATE_S", 0.3)

    class Slow(FakeRecogniser):
        partials = False

        def decode(self, sound, draft=()):
            stop.wait(20.0)
            return super().decode(sound, draft)

    stop = threading.Event()
    async with fake_server(recogniser=Slow()) as (_, endpoints), connect(endpoints.stt) as client:
        await client.say(**HEARS)
        data = pcm16(np.concatenate([speech[:24_000], speech[-32_000:]]))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(in_real_time, client, data)
            frames = await client.rest()
            nursery.cancel_scope.cancel()
        stop.set()
    assert (frames[-1]["error_code"], frames[-1]["error_type"]) == (503, "service_unavailable")
    assert "can't keep up" in frames[-1]["error_message"]


async def in_real_time(client: Any, data: bytes) -> None:
    began = trio.current_time()
    size = round(MESSAGE_S * 16_000) * 2
    for number, place in enumerate(range(0, len(data), size)):
        await trio.sleep_until(began + number * MESSAGE_S)
        await client.say(data[place : place + size])


@pytest.mark.parametrize(("legacy", "accepted"), [(True, True), (False, False)])
async def test_the_old_way_of_the_key_is_behind_a_switch(connect, legacy, accepted) -> None:
    """A key in the first message is taken with the switch, and refused without."""
    account = Account([KEY], legacy=legacy)
    async with fake_server(account) as (_, endpoints), connect(endpoints.stt, key=None) as client:
        await client.say(**HEARS, api_key=KEY)
        await client.say(b"\0\0")
        await client.say("")
        last = (await client.rest())[-1]
    assert last.get("finished", False) == accepted
    assert last.get("error_type") == (None if accepted else "unauthenticated")


async def test_the_browsers_way_of_the_key(connect) -> None:
    """A key as a subprotocol is taken, and the server answers with the first of the two."""
    both = ("soniox-api-key", KEY)
    async with fake_server() as (_, endpoints), connect(endpoints.stt, key=None, subprotocols=both) as client:
        await client.say(**HEARS)
        await client.say(b"\0\0")
        await client.say("")
        assert (await client.rest())[-1]["finished"]
