"""Text to speech over a real websocket, with a voice that hums: formats, timestamps, streams, cancelling."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import soundfile
import trio

from voicekit.audio.codec import convert
from voicekit.audio.format import AudioFormat
from voicekit.soniox.api import limits
from voicekit_local.engines.interface import Speech
from voicekit_local.fakes import LETTER_S, LOUD, FakeTts, fake_server
from voicekit_local.packing import FORMATS, OPUS_RATES

SPEAKS = {
    "stream_id": "a", "model": "tts-rt-v2", "language": "en", "voice": "Maya", "audio_format": "pcm_s16le",
    "sample_rate": 16_000,
}  # fmt: skip
TEXT = "Good morning. It is a fine day, is it not?"
HEADLESS = {
    "pcm_s16le": "pcm16",
    "pcm_s16be": "pcm16",
    "pcm_f32le": "float32",
    "pcm_mulaw": "mulaw",
    "pcm_alaw": "alaw",
}


class Flowing(soundfile.SoundFile):
    """A file that is read to its end, as its header, which was sent first, can't know its length."""

    def seekable(self) -> bool:
        return False


def sound(frames: list[dict[str, Any]], name: str = "a") -> bytes:
    return b"".join(base64.b64decode(frame.get("audio", "")) for frame in frames if frame.get("stream_id") == name)


def decoded(data: bytes, name: str, rate: int) -> tuple[Any, int]:
    """Samples from -1 to 1, and their rate."""
    if name not in HEADLESS:
        with Flowing(io.BytesIO(data)) as file:
            blocks = []
            while len(block := file.read(1_000, dtype="float32")):
                blocks.append(block)
            return np.concatenate(blocks), file.samplerate
    if name == "pcm_s16be":
        data = np.frombuffer(data, ">i2").astype("<i2").tobytes()
    source = AudioFormat(rate, HEADLESS[name])
    return np.frombuffer(convert(data, source, AudioFormat(rate, "float32")), "<f4"), rate


@pytest.mark.parametrize("rate", limits.TTS_RATES)
@pytest.mark.parametrize("name", FORMATS)
async def test_every_format_at_every_rate(connect, name, rate) -> None:
    """The sound is as long and as loud as it was spoken, whatever format and rate were asked for."""
    if name == "opus" and rate not in OPUS_RATES:
        return
    async with fake_server() as (_, endpoints), connect(endpoints.tts) as client:
        await client.say(**SPEAKS | {"audio_format": name, "sample_rate": rate})
        await client.say(stream_id="a", text=TEXT, text_end=True)
        frames = await client.until(terminated=True)
    assert not any("error_code" in frame for frame in frames)
    assert [frame.get("audio_end") for frame in frames[-2:]] == [True, None]
    samples, got = decoded(sound(frames), name, rate)
    assert got == rate
    lossy = name in ("mp3", "opus")
    assert len(samples) / rate == pytest.approx(len(TEXT) * LETTER_S, abs=0.3 if lossy else 0.001)
    assert np.sqrt(np.mean(samples**2)) == pytest.approx(LOUD / 32_768 / np.sqrt(2), rel=0.25)


async def test_timestamps_are_those_of_the_text(connect) -> None:
    """Characters come once, in order, as they were sent, with rising times in the frames that hold their sound."""
    async with fake_server() as (_, endpoints), connect(endpoints.tts) as client:
        await client.say(**SPEAKS | {"return_timestamps": True})
        for word in TEXT.split(" "):
            await client.say(stream_id="a", text=f"{word} ")
        await client.say(stream_id="a", text_end=True)
        frames = await client.until(terminated=True)
    heard_s, characters, times = 0.0, "", []
    for frame in frames:
        seconds = len(base64.b64decode(frame.get("audio", ""))) / 32_000
        stamped = frame.get("timestamps", {"characters": [], "character_start_times_seconds": []})
        characters += "".join(stamped["characters"])
        times += stamped["character_start_times_seconds"]
        for at in stamped["character_start_times_seconds"]:
            assert heard_s - 0.05 <= at <= heard_s + seconds + 0.05
        heard_s += seconds
    assert characters == TEXT
    assert times == sorted(times)
    assert times[5] == pytest.approx(5 * LETTER_S, abs=0.001)


async def test_streams_of_a_connection_speak_at_once(connect) -> None:
    """Two streams interleave, each in its own order, and end by themselves."""
    async with fake_server() as (_, endpoints), connect(endpoints.tts) as client:
        for name in "ab":
            await client.say(**SPEAKS | {"stream_id": name})
        for name in "ab":
            await client.say(stream_id=name, text=TEXT * 4, text_end=True)
        frames: list[dict[str, Any]] = []
        while sum(bool(frame.get("terminated")) for frame in frames) < 2:
            frames.append(await client.hear())
    order = [frame["stream_id"] for frame in frames if frame.get("audio")]
    assert order != sorted(order)
    assert sound(frames, "a") == sound(frames, "b")
    assert len(sound(frames, "a")) == pytest.approx(2 * 16_000 * LETTER_S * 4 * len(TEXT), abs=4)


async def test_a_cancelled_stream_is_terminated_without_an_end(connect) -> None:
    """Behind a cancel there is no end of the sound and little of it, and its name may be used again at once."""
    async with fake_server() as (_, endpoints), connect(endpoints.tts) as client:
        await client.say(**SPEAKS)
        await client.say(stream_id="a", text=TEXT * 10, text_end=True)
        await client.hear()
        await client.say(stream_id="a", cancel=True)
        await client.say(**SPEAKS)
        await client.say(stream_id="a", text="Hm.", text_end=True)
        cancelled = await client.until(terminated=True)
        assert not any(frame.get("audio_end") for frame in cancelled)
        assert len(sound(cancelled)) < 0.5 * 2 * 16_000 * LETTER_S * 10 * len(TEXT)
        again = await client.until(terminated=True)
        assert len(sound(again)) == 2 * round(16_000 * LETTER_S) * 3


async def test_a_sentence_sounds_before_the_next_is_written(connect) -> None:
    """Text is not held back until its end: a sentence is spoken when the writer pauses behind it."""
    async with fake_server() as (_, endpoints), connect(endpoints.tts) as client:
        await client.say(**SPEAKS)
        await client.say(stream_id="a", text="One moment. ")
        assert (await client.hear())["audio"]
        await client.say(stream_id="a", text="Here it is.", text_end=True)
        frames = await client.until(terminated=True)
        assert any(frame.get("audio_end") for frame in frames)


async def test_a_word_is_not_torn_by_a_pause_of_the_writer(connect) -> None:
    """What is spoken in a pause are whole words; the rest of the last one is waited for."""
    async with fake_server() as (_, endpoints), connect(endpoints.tts) as client:
        await client.say(**SPEAKS | {"return_timestamps": True})
        await client.say(stream_id="a", text="good mor")
        first = await client.hear()
        assert "".join(first["timestamps"]["characters"]) == "good "
        await client.say(stream_id="a", text="ning", text_end=True)
        rest = await client.until(terminated=True)
        assert (
            "".join("".join(frame["timestamps"]["characters"]) for frame in rest if "timestamps" in frame) == "morning"
        )


async def test_a_stream_without_text_starves(connect, monkeypatch) -> None:
    """An open stream that gets no text is ended by the timer of the protocol, and the connection goes on."""
    monkeypatch.setattr(limits, "TTS_TEXT_WAIT_S", 0.2)
    async with fake_server() as (_, endpoints), connect(endpoints.tts) as client:
        await client.say(**SPEAKS)
        frames = await client.until(terminated=True)
        assert frames[0]["error_type"] == "request_timeout"
        await client.say(keep_alive=True)
        await client.say(**SPEAKS)
        await client.say(stream_id="a", text="", text_end=True)
        frames = await client.until(terminated=True)
        assert [frame.get("audio_end") for frame in frames] == [True, None]


async def test_a_client_that_does_not_read_costs_little(connect) -> None:
    """A stream that nobody takes is made to wait; when its client reads at last, nothing is missing."""
    async with fake_server() as (server, endpoints), connect(endpoints.tts) as client:
        await client.say(**SPEAKS | {"audio_format": "pcm_f32le", "sample_rate": 48_000})
        await client.say(stream_id="a", text=TEXT * 6, text_end=True)
        await trio.sleep(0.5)
        frames = await client.until(terminated=True)
        assert len(sound(frames)) == pytest.approx(4 * 48_000 * LETTER_S * 6 * len(TEXT), abs=64)
        assert server.open == 1


class InParts(FakeTts):
    """Hums each word as a part of its own, and counts the parts."""

    def __init__(self) -> None:
        self.made = 0

    def begin(self, text: str, voice: str, speed: float = 1.0) -> Speech:
        whole = self.speak(text, voice, speed)
        return Speech(whole.rate, whole.words, len(whole.pcm) / (2 * whole.rate), self._parts(text, voice, speed))

    def _parts(self, text: str, voice: str, speed: float) -> Iterator[bytes]:
        for word in re.findall(r"\S+\s*", text):
            self.made += 1
            yield self.speak(word, voice, speed).pcm


async def test_speech_in_parts_is_the_same(connect) -> None:
    """A voice that makes its speech part by part sends the same sound and the same times as one that doesn't."""
    heard, in_parts = [], InParts()
    for voice in (FakeTts(), in_parts):
        async with fake_server(voice=voice) as (_, endpoints), connect(endpoints.tts) as client:
            await client.say(**SPEAKS | {"return_timestamps": True})
            await client.say(stream_id="a", text=TEXT, text_end=True)
            heard.append(await client.until(terminated=True))
    whole, parts = heard
    assert sound(parts) == sound(whole)
    for name in ("characters", "character_start_times_seconds", "character_end_times_seconds"):
        one, other = (
            [value for frame in frames for value in frame.get("timestamps", {}).get(name, [])] for frames in heard
        )
        assert one == other
    assert in_parts.made == len(TEXT.split())


async def test_a_cancelled_stream_makes_no_more_parts(connect) -> None:
    """Behind a cancel, the voice stops within the piece."""
    voice = InParts()
    async with fake_server(voice=voice) as (_, endpoints), connect(endpoints.tts) as client:
        await client.say(**SPEAKS)
        await client.say(stream_id="a", text="hm " * 1_000, text_end=True)
        await client.hear()
        await client.say(stream_id="a", cancel=True)
        await client.until(terminated=True)
        made = voice.made
        assert made < 500
        await client.say(**SPEAKS)
        await client.say(stream_id="a", text="Hm.", text_end=True)
        await client.until(terminated=True)
        assert voice.made <= made + 2
