"""A program that uses the vendor's own client against the addresses given, and prints what came back as JSON.

    python official_client.py STT_ADDRESS TTS_ADDRESS KEY FILE [SILENCE]

FILE holds 16 kHz PCM16 mono. With SILENCE it says nothing for so many seconds in the middle of it, once with keepalives
and once without, and does nothing else. It runs as a process of its own, as the client is made for another event loop.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from soniox import AsyncSonioxClient
from soniox.errors import SonioxRealtimeError
from soniox.types import RealtimeEvent, RealtimeSTTConfig, RealtimeTTSConfig

CHUNK = 3_200
"""Bytes of sound in a message: 100 ms."""
FINALIZE_AFTER = 20
"""Messages of sound after which everything is asked to become final."""
KEEP_ALIVE_S = 0.5
"""Seconds between keepalives."""
TEXTS = {"one": "Hello there.", "two": "How are you today?", "three": "This one is told to the end, "}
CANCELLED = "Nobody wants to hear all of this, so it is cancelled."


async def main(stt: str, tts: str, key: str, sound: bytes) -> None:
    async with _client(stt, tts, key) as client:
        print(
            json.dumps(
                {
                    "heard": await transcribe(client, sound),
                    "spoken": await synthesise(client),
                    "cancelled": await cancel(client),
                    "single": await speak_alone(client),
                    "refused": await refused(stt, tts),
                }
            )
        )


async def main_silent(stt: str, tts: str, key: str, sound: bytes, silence_s: float) -> None:
    async with _client(stt, tts, key) as client:
        kept, lost = await asyncio.gather(*(be_silent(client, sound, silence_s, keep) for keep in (True, False)))
        print(json.dumps({"kept": kept, "lost": lost}))


async def transcribe(client: AsyncSonioxClient, sound: bytes) -> dict[str, Any]:
    """Send everything, finalize in the middle, pause and resume, and collect the final tokens."""
    async with client.realtime.stt.connect(config=_hearing()) as session:

        async def chunks() -> AsyncIterator[bytes]:
            for number, place in enumerate(range(0, len(sound), CHUNK)):
                if number == FINALIZE_AFTER:
                    await session.pause()  # this finalizes the words
                    await session.resume()
                yield sound[place : place + CHUNK]

        sending = asyncio.create_task(session.send_bytes(chunks()))
        events = [event async for event in session.receive_events()]
        await sending
    return _heard(events)


async def be_silent(client: AsyncSonioxClient, sound: bytes, silence_s: float, keep: bool) -> dict[str, Any]:
    """Send half of it, keep the session alive or leave it alone for a while, and send the rest."""
    half = len(sound) // CHUNK // 2 * CHUNK
    async with client.realtime.stt.connect(config=_hearing()) as session:

        async def send() -> None:
            await session.send_byte_chunk(sound[:half])
            for _ in range(round(silence_s / KEEP_ALIVE_S)):
                await asyncio.sleep(KEEP_ALIVE_S)
                if keep:
                    await session.keep_alive()
            await session.send_byte_chunk(sound[half:])
            await session.finish()

        sending = asyncio.create_task(send())
        events = [event async for event in session.receive_events()]
        sending.cancel()  # has an effect only if the session ended first
    return _heard(events)


async def synthesise(client: AsyncSonioxClient) -> dict[str, Any]:
    """Speak all TEXTS at once on one connection, word by word."""
    async with client.realtime.tts.connect_multi_stream() as connection:

        async def speak(name: str, text: str) -> dict[str, Any]:
            stream = await connection.open_stream(config=_voice(name))
            for word in text.split(" "):
                await stream.send_text_chunk(word if word == text.split(" ")[0] else f" {word}")
            await stream.finish()
            events = [event async for event in stream.receive_events()]
            stamped = [character for event in events if event.timestamps for character in event.timestamps.characters]
            return {"pcm": _base64(event.audio_bytes() for event in events), "characters": "".join(stamped)}

        spoken = await asyncio.gather(*(speak(name, text) for name, text in TEXTS.items()))
    return dict(zip(TEXTS, spoken, strict=True))


async def cancel(client: AsyncSonioxClient) -> dict[str, Any]:
    """Cancel a stream after its first sound, and use its name again on the same connection."""
    async with client.realtime.tts.connect_multi_stream() as connection:
        stream = await connection.open_stream(config=_voice("again"))
        await stream.send_text_chunk(CANCELLED, text_end=True)
        first = await stream.receive_event()
        await stream.cancel()
        rest = [event async for event in stream.receive_events()]
        await connection.keep_alive()
        stream = await connection.open_stream(config=_voice("again"))
        await stream.send_text_chunk("Again.", text_end=True)
        second = [event.audio_bytes() async for event in stream.receive_events()]
    return {
        "first": _base64([first.audio_bytes() if first else None]),
        "terminated": rest[-1].terminated,
        "audio_end": any(event.audio_end for event in rest),
        "second": _base64(second),
    }


async def speak_alone(client: AsyncSonioxClient) -> str:
    """A connection with one stream only."""
    async with client.realtime.tts.connect(config=_voice("alone")) as connection:
        await connection.send_text_chunk("Alone.", text_end=True)
        return _base64([chunk async for chunk in connection.receive_audio_chunks()])


async def refused(stt: str, tts: str) -> str:
    """What the client says to a wrong key."""
    async with _client(stt, tts, "wrong") as client:
        try:
            async with client.realtime.tts.connect(config=_voice("no")) as connection:
                return str([event async for event in connection.receive_events()])
        except SonioxRealtimeError as error:
            return str(error)


def _client(stt: str, tts: str, key: str) -> AsyncSonioxClient:
    nowhere = "http://127.0.0.1:9"
    return AsyncSonioxClient(
        api_key=key,
        api_base_url=nowhere,
        websocket_base_url=stt,
        tts_api_base_url=nowhere,
        tts_websocket_base_url=tts,
    )


def _hearing() -> RealtimeSTTConfig:
    return RealtimeSTTConfig(
        model="stt-rt-v5",
        audio_format="pcm_s16le",
        sample_rate=16_000,
        num_channels=1,
        enable_endpoint_detection=True,
        enable_speaker_diarization=True,
        enable_language_identification=True,
    )


def _heard(events: list[RealtimeEvent]) -> dict[str, Any]:
    tokens = [token for event in events for token in event.tokens if token.is_final]
    return {
        "text": "".join(token.text for token in tokens),
        "speakers": sorted({token.speaker for token in tokens if token.speaker}),
        "interims": sum(not token.is_final for event in events for token in event.tokens),
        "finished": events[-1].finished,
        "total_ms": events[-1].total_audio_proc_ms,
        "errors": [event.error_message for event in events if event.error_code],
    }


def _voice(stream: str) -> RealtimeTTSConfig:
    return RealtimeTTSConfig(
        stream_id=stream,
        model="tts-rt-v2",
        language="en",
        voice="Adrian",
        audio_format="pcm_s16le",
        sample_rate=16_000,
        return_timestamps=True,
    )


def _base64(chunks: Any) -> str:
    return base64.b64encode(b"".join(chunk for chunk in chunks if chunk)).decode()


if __name__ == "__main__":
    stt, tts, key, file, *silence = sys.argv[1:]
    sound = Path(file).read_bytes()
    asyncio.run(main_silent(stt, tts, key, sound, float(silence[0])) if silence else main(stt, tts, key, sound))
