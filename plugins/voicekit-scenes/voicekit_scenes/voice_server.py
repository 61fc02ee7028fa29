"""A loopback server that offers the recorded voice over the Soniox protocol, for programs other than voicekit.

Each message to a client holds 100 ms of audio. Like `RecordedTts`, the server keeps a record of the texts that it
gets.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, WebSocketRequest, serve_websocket

from voicekit.contracts import Text
from voicekit_scenes.noises import RATE
from voicekit_scenes.voice import FIRST_SOUND_S, Utterance

MESSAGE: Final = 2 * RATE // 10
"""Bytes of sound in one message."""


class VoiceServer:
    """Sends every client its speech as PCM16 mono at RATE; `said` has an Utterance for every stream."""

    def __init__(self) -> None:
        self.said: list[Utterance] = []

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[str]:
        """Serve until the block ends, and yield the address."""
        async with trio.open_nursery() as nursery:
            server = await nursery.start(partial(serve_websocket, self._meet, "127.0.0.1", 0, None))
            yield f"ws://127.0.0.1:{server.port}"
            nursery.cancel_scope.cancel()

    async def _meet(self, request: WebSocketRequest) -> None:
        connection = await request.accept()
        streams: dict[str, Utterance | None] = {}
        try:
            while True:
                message: dict[str, Any] = json.loads(await connection.get_message())
                await self._answer(connection, message, streams)
        except ConnectionClosed:
            pass  # the client needs no more sound

    async def _answer(
        self, connection: WebSocketConnection, message: dict[str, Any], streams: dict[str, Utterance | None]
    ) -> None:
        stream = message.get("stream_id")
        if stream is None:
            return
        if message.get("cancel"):
            streams[stream] = None
            await connection.send_message(json.dumps({"stream_id": stream, "terminated": True}))
            return
        if text := message.get("text"):
            utterance = streams.get(stream)
            if utterance is None:
                utterance = streams[stream] = Utterance(len(self.said) + 1, trio.current_time())
                self.said.append(utterance)
                await trio.sleep(FIRST_SOUND_S)
            await self._speak(connection, stream, utterance, text)
        if message.get("text_end"):
            await connection.send_message(json.dumps({"stream_id": stream, "audio_end": True}))
            await connection.send_message(json.dumps({"stream_id": stream, "terminated": True}))

    async def _speak(self, connection: WebSocketConnection, stream: str, utterance: Utterance, text: str) -> None:
        before = len(utterance.pcm)
        if utterance.text and not utterance.text[-1].isspace() and not text[0].isspace():
            text = f" {text}"  # clients that send sentences leave out the space between them
        utterance.add(Text.raw(text, len(utterance.text)))
        for place in range(before, len(utterance.pcm), MESSAGE):
            audio = base64.b64encode(utterance.pcm[place : place + MESSAGE]).decode()
            await connection.send_message(json.dumps({"stream_id": stream, "audio": audio}))
