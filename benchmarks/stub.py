"""The simplest server of both realtime services, on loopback in this process: it sends `<end>` on request.

It notes when each message was on the wire, by the clock of this process. If an agent runs in this process too, it
shares the event loop with this server, whether it is voicekit or the floor.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from time import perf_counter

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, WebSocketRequest, serve_websocket

from voicekit.soniox.api.region import Endpoints

CHUNK_S = 0.1
"""Seconds of sound in a message, as from the service."""
RATE = 16_000
BYTES_PER_MS = RATE * 2 // 1000


class Stub:
    """Answers every stream of text with `reply_s` of sound. `asked`, `text` and `cancelled` are times in seconds.

    If it is `endless`, it does not end its streams until they are cancelled.
    """

    def __init__(self, reply_s: float, *, endless: bool = False) -> None:
        self.asked = self.text = self.cancelled = 0.0
        self.hearing = trio.Event()
        self.answered = trio.Event()
        self.stopped = trio.Event()  # to wait for the next text or cancellation, put a new event here
        self._heard = 0
        self._ears: WebSocketConnection | None = None
        self._audio = base64.b64encode(bytes(int(RATE * CHUNK_S) * 2)).decode()
        self._endless = endless
        self._chunks = round(reply_s / CHUNK_S)

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[Endpoints]:
        async with trio.open_nursery() as nursery:
            server = await nursery.start(partial(serve_websocket, self._meet, "127.0.0.1", 0, None))
            where = f"ws://127.0.0.1:{server.port}"
            yield Endpoints(
                where.replace("ws:", "http:"), f"{where}/ears", f"{where}/mouth", where.replace("ws:", "http:")
            )
            nursery.cancel_scope.cancel()

    async def end_turn(self) -> None:
        """Send final words and `<end>`: the caller has asked something."""
        await self._say([" what", " time", "<end>"], final=True)

    async def interrupt(self) -> None:
        """Send words that are not yet final: the caller says something that is not a backchannel."""
        await self._say([" please", " listen"], final=False)

    async def _say(self, words: list[str], *, final: bool) -> None:
        assert self._ears is not None
        now = self._heard / BYTES_PER_MS
        tokens = [{"text": word, "start_ms": now - 20, "end_ms": now - 10, "is_final": final} for word in words]
        message = {"tokens": tokens, "final_audio_proc_ms": now, "total_audio_proc_ms": now}
        self.asked = perf_counter()
        await self._ears.send_message(json.dumps(message))

    async def _meet(self, request: WebSocketRequest) -> None:
        connection = await request.accept()
        try:
            if request.path == "/ears":
                await self._hear(connection)
            else:
                await self._speak(connection)
        except ConnectionClosed:
            pass  # the client has left

    async def _hear(self, connection: WebSocketConnection) -> None:
        self._ears = connection
        while True:
            message = await connection.get_message()
            if isinstance(message, bytes):
                self._heard += len(message)
                self.hearing.set()

    async def _speak(self, connection: WebSocketConnection) -> None:
        begun: set[str] = set()
        while True:
            message = json.loads(await connection.get_message())
            stream = message.get("stream_id")
            if message.get("cancel"):
                self.cancelled = perf_counter()
                self.stopped.set()
                await connection.send_message(json.dumps({"stream_id": stream, "terminated": True}))
            if message.get("text") and stream not in begun:
                begun.add(stream)
                self.text = perf_counter()
                self.answered.set()
                for _ in range(self._chunks):
                    await connection.send_message(json.dumps({"stream_id": stream, "audio": self._audio}))
            if message.get("text_end") and not self._endless:
                await connection.send_message(json.dumps({"stream_id": stream, "audio_end": True}))
                await connection.send_message(json.dumps({"stream_id": stream, "terminated": True}))
