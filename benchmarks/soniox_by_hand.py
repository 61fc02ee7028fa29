"""A call with the Soniox peer by a client written by hand: the floor for a whole agent with webrtcvad.

The client sends each frame when it is due, and asks the detector about it. It answers `<end>` with ANSWER, word by
word, and takes the sound in pieces of 30 ms, a tenth of a second early. It decides nothing and recovers from nothing.
"""

from __future__ import annotations

import base64
import json
from functools import cache
from math import inf

import trio
import webrtcvad
from trio_websocket import WebSocketConnection, open_websocket_url

from benchmarks.soniox_calls import ANSWER, FRAME_S, KEY, Call
from benchmarks.soniox_peer import EXCHANGE_S, conversation
from voicekit.audio.format import PCM16K

PIECE_S, AHEAD_S = 0.03, 0.1
PATIENCE_S = 10.0
HEADERS = [(b"Authorization", f"Bearer {KEY}".encode())]
SOUND = {"audio_format": "pcm_s16le", "sample_rate": PCM16K.rate}
HEARS = {"model": "stt-rt-preview", "num_channels": 1, "enable_endpoint_detection": True, **SOUND}
SPEAKS = {"model": "tts-rt-v1", "language": "en", "voice": "Adrian", **SOUND}


async def by_hand(call: Call) -> None:
    """Hold a call. As in `soniox_calls.converses`, `done` counts whole exchanges."""
    async with (
        open_websocket_url(call.endpoints.stt, extra_headers=HEADERS) as ears,
        open_websocket_url(call.endpoints.tts, extra_headers=HEADERS) as mouth,
        trio.open_nursery() as nursery,
    ):
        await ears.send_message(json.dumps(HEARS))
        nursery.start_soon(_feed, ears, call.seconds)
        nursery.start_soon(_listen, ears, mouth, nursery)
        await _play(mouth, call)


@cache
def _caller(seconds: float) -> bytes:
    return conversation(seconds).pcm(0, PCM16K.samples(seconds), PCM16K.rate)


async def _feed(ears: WebSocketConnection, seconds: float) -> None:
    pcm, detector = _caller(seconds), webrtcvad.Vad(2)
    width, start = PCM16K.samples(FRAME_S) * PCM16K.sample_bytes, trio.current_time()
    for number in range(int(seconds / FRAME_S)):
        await trio.sleep_until(start + (number + 1) * FRAME_S)
        frame = pcm[number * width : (number + 1) * width]
        detector.is_speech(frame, PCM16K.rate)
        await ears.send_message(frame)


async def _listen(ears: WebSocketConnection, mouth: WebSocketConnection, nursery: trio.Nursery) -> None:
    replies = 0
    while True:
        tokens = json.loads(await ears.get_message())["tokens"]
        if any(token["text"] == "<end>" for token in tokens):
            replies += 1
            nursery.start_soon(_answer, mouth, f"reply-{replies}")


async def _answer(mouth: WebSocketConnection, stream: str) -> None:
    await mouth.send_message(json.dumps({"stream_id": stream, **SPEAKS}))
    for number, word in enumerate(ANSWER.split(" ")):
        text = f" {word}" if number else word
        await mouth.send_message(json.dumps({"stream_id": stream, "text": text, "text_end": False}))
    await mouth.send_message(json.dumps({"stream_id": stream, "text": "", "text_end": True}))


async def _play(mouth: WebSocketConnection, call: Call) -> None:
    due, size = -inf, PCM16K.samples(PIECE_S) * PCM16K.sample_bytes
    while True:
        message = json.loads(await mouth.get_message())
        pcm = base64.b64decode(message.get("audio") or "")
        for _ in range(0, len(pcm), size):
            due = max(due, trio.current_time()) + PIECE_S
            await trio.sleep_until(due - AHEAD_S)
        if message.get("terminated"):
            call.did(EXCHANGE_S)
