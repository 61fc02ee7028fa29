"""A program that has the vendor's own client transcribe FILE at about three times real time, and prints the text.

    python soniox_listen.py STT_ADDRESS KEY FILE

FILE holds 16 kHz PCM16 mono. It runs as a process of its own, as the client is made for another event loop.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from soniox import AsyncSonioxClient
from soniox.types import RealtimeSTTConfig

CHUNK = 3_200
"""Bytes of sound in a message: 100 ms."""
FASTER = 3.0


async def main(stt: str, key: str, sound: bytes) -> None:
    config = RealtimeSTTConfig(
        model="stt-rt-v5",
        audio_format="pcm_s16le",
        sample_rate=16_000,
        num_channels=1,
        enable_endpoint_detection=True,
        language_hints=["en"],
    )

    async def chunks() -> AsyncIterator[bytes]:
        for place in range(0, len(sound), CHUNK):
            yield sound[place : place + CHUNK]
            await asyncio.sleep(CHUNK / 32_000 / FASTER)

    nowhere = "http://127.0.0.1:9"
    async with (
        AsyncSonioxClient(
            api_key=key,
            api_base_url=nowhere,
            websocket_base_url=stt,
            tts_api_base_url=nowhere,
            tts_websocket_base_url=nowhere,
        ) as client,
        client.realtime.stt.connect(config=config) as session,
    ):
        sending = asyncio.create_task(session.send_bytes(chunks()))
        events = [event async for event in session.receive_events()]
        await sending
    print("".join(token.text for event in events for token in event.tokens if token.is_final))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]).read_bytes()))
