"""Agents that answer the stub's caller: a client written by hand, which is the floor, and a whole voicekit session.

Both answer every turn with the same sentence, token by token, and note when the first frame of a reply reaches the
sink. `run` continues until it is cancelled. `python -m benchmarks.agents hand|voicekit STT TTS TOKEN_S` runs one of
them as a program, which prints when the first frame of each reply reaches the sink, by the system's monotonic clock.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from time import perf_counter
from typing import Any, Protocol, TypeAlias

import trio
from trio_websocket import WebSocketConnection, open_websocket_url

import voicekit
from voicekit.audio.frame import AudioFrame
from voicekit.contracts import Speaker
from voicekit.events import TurnEnded
from voicekit.extend import load_plugins
from voicekit.listen.source import SilenceSource
from voicekit.listen.vad import WebRtcVad
from voicekit.play.sink import NullSink
from voicekit.session import Session
from voicekit.soniox.api.region import Endpoints
from voicekit.soniox.stt.soniox_stt import SonioxStt
from voicekit.soniox.tts.soniox_tts import SonioxTts

ANSWER = ("It", " is", " ten", ".")
FRAME = bytes(640)
KEY = "none-is-checked"

Tell: TypeAlias = Callable[[float], object]
"""A function that is called when the first frame of a reply has reached the sink; it gets the time."""


def _nobody(at: float) -> None:
    """Tell nobody."""


class Agent(Protocol):
    """An agent: `sounded` is when the latest reply's first frame reached the sink; `ended` is set after each reply."""

    ended: trio.Event

    @property
    def sounded(self) -> float: ...
    async def run(self, endpoints: Endpoints) -> None: ...


class ByHand:
    """A client without turn-taking, pacing or recovery: shows what the messages themselves cost a trio program."""

    def __init__(self, token_s: float, reply_s: float, tell: Tell = _nobody) -> None:
        self.sounded = 0.0
        self._tell = tell
        self.ended = trio.Event()
        self._token_s = token_s
        self._reply_s = reply_s
        self._replying = self._sounding = False
        self._replies = 0

    async def run(self, endpoints: Endpoints) -> None:
        async with open_websocket_url(endpoints.stt) as ears, open_websocket_url(endpoints.tts) as mouth:
            await ears.send_message(json.dumps({"model": "any", "audio_format": "pcm_s16le"}))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._feed, ears)
                nursery.start_soon(self._listen, ears, mouth, nursery)
                nursery.start_soon(self._play, mouth)

    async def _feed(self, ears: WebSocketConnection) -> None:
        due = trio.current_time()
        while True:
            due += 0.02
            await trio.sleep_until(due)
            await ears.send_message(FRAME)

    async def _listen(self, ears: WebSocketConnection, mouth: WebSocketConnection, nursery: trio.Nursery) -> None:
        while True:
            tokens = json.loads(await ears.get_message())["tokens"]
            if any(token["text"] == "<end>" for token in tokens):
                self._replies += 1
                self._replying = True
                nursery.start_soon(self._answer, mouth)
            elif tokens and self._replying:
                self._replying = False
                await mouth.send_message(json.dumps({"stream_id": f"reply-{self._replies}", "cancel": True}))
                self.ended.set()

    async def _answer(self, mouth: WebSocketConnection) -> None:
        stream = f"reply-{self._replies}"
        self._sounding = False
        await mouth.send_message(json.dumps({"stream_id": stream, "model": "any", "audio_format": "pcm_s16le"}))
        for token in ANSWER:
            await mouth.send_message(json.dumps({"stream_id": stream, "text": token, "text_end": False}))
            await trio.sleep(self._token_s)
        await mouth.send_message(json.dumps({"stream_id": stream, "text": "", "text_end": True}))

    async def _play(self, mouth: WebSocketConnection) -> None:
        while True:
            message = json.loads(await mouth.get_message())
            if "audio" in message:
                base64.b64decode(message["audio"])
                if not self._sounding:
                    self._sounding = True
                    self.sounded = perf_counter()
                    self._tell(self.sounded)
            if message.get("terminated"):
                await trio.sleep(self._reply_s)
                self.ended.set()


class WithVoicekit:
    """A Session with its default settings, but with webrtcvad like the client by hand, a silent source, and a sink that
    plays nothing.
    """

    def __init__(self, token_s: float, tell: Tell = _nobody) -> None:
        self.ended = trio.Event()
        self._token_s = token_s
        self._sink = NotingSink(tell)

    @property
    def sounded(self) -> float:
        return self._sink.first

    async def run(self, endpoints: Endpoints) -> None:
        session = Session(
            source=SilenceSource(),
            vad=WebRtcVad(),
            stt=SonioxStt(key=KEY, endpoints=endpoints),
            tts=SonioxTts(key=KEY, endpoints=endpoints),
            handler=self._answer,
            sink=self._sink,
            plugins=load_plugins(strict=False),
        )
        session.watch(lambda event: self.ended.set() if isinstance(event, TurnEnded) else None)
        await session.run()

    async def _answer(self, turn: voicekit.Turn, say: voicekit.Say) -> None:
        self._sink.first = 0.0
        for token in ANSWER:
            await say(token)
            if self._token_s:
                await trio.sleep(self._token_s)


class NotingSink(NullSink):
    """A sink that notes when it was first silenced, and when the first frame was written after `first` was set to 0."""

    def __init__(self, tell: Tell = _nobody) -> None:
        super().__init__()
        self.tell = tell
        self.first = self.silenced = 0.0
        self.silent = trio.Event()

    def silence(self) -> None:
        self.silenced = self.silenced or perf_counter()
        self.silent.set()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Speaker]:
        async with super().open() as speaker:
            yield _Noting(speaker, self)


class _Noting:
    def __init__(self, speaker: Any, notes: NotingSink) -> None:
        self._speaker = speaker
        self._notes = notes

    @property
    def position(self) -> int:
        return int(self._speaker.position)

    async def write(self, frame: AudioFrame) -> None:
        await self._speaker.write(frame)
        if not self._notes.first:
            self._notes.first = perf_counter()
            self._notes.tell(self._notes.first)

    def hold(self) -> None:
        self._notes.silence()
        self._speaker.hold()

    def release(self) -> None:
        self._speaker.release()

    def discard(self) -> None:
        self._notes.silence()
        self._speaker.discard()


if __name__ == "__main__":
    token_s, tell = float(sys.argv[4]), partial(print, flush=True)
    made: dict[str, Agent] = {"hand": ByHand(token_s, 0.1, tell), "voicekit": WithVoicekit(token_s, tell)}
    where = [address.replace("ws:", "http:") for address in sys.argv[2:4]]
    trio.run(made[sys.argv[1]].run, Endpoints(where[0], sys.argv[2], sys.argv[3], where[1]))
