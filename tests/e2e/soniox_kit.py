"""Small clients for tests against a scripted peer: one by hand, and one for each of our own protocol cores."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import trio
import trio_websocket

from voicekit import events
from voicekit.audio.format import PCM16K, AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.events import Word
from voicekit.soniox.api.config import tts_config
from voicekit.soniox.api.errors import Failed
from voicekit.soniox.api.region import ApiKey, Endpoints
from voicekit.soniox.api.wire import SttConfig, TtsConfig
from voicekit.soniox.connection.shell import open_shell
from voicekit.soniox.connection.transport import Address, WebsocketTransport
from voicekit.soniox.stt.session import Finished, SttSession
from voicekit.soniox.stt.states import SttState
from voicekit.soniox.tts.connection import TtsConnection
from voicekit.soniox.tts.live_stream import StreamFailed, StreamGone, StreamSound
from voicekit.testing import Script
from voicekit.testing.soniox import SonioxPeer

KEY = ApiKey("a-key-for-tests")
RATE = 16_000
FRAME = 320
STT_START = {"model": "stt-rt-v5", "audio_format": "pcm_s16le", "sample_rate": RATE, "num_channels": 1}
TTS_START = {"model": "tts-rt-v2", "language": "en", "voice": "Adrian", "audio_format": "pcm_s16le"}


def story() -> Script:
    """Two utterances with a pause, 7.2 s in all."""
    script = Script()
    script.says("good morning everybody", at=0.5, for_=1.5)
    script.says("how are you today", at=3.0, for_=1.2)
    return script


def whole(script: Script, rate: int = RATE) -> bytes:
    """All of a script's sound."""
    return script.pcm(0, round(script.until * rate), rate)


# --- by hand ---


class Hand:
    """A websocket client that sends and receives what it is told to, and reads JSON."""

    def __init__(self, socket: trio_websocket.WebSocketConnection) -> None:
        self.socket = socket

    async def send(self, message: dict[str, Any] | str | bytes) -> None:
        await self.socket.send_message(json.dumps(message) if isinstance(message, dict) else message)

    async def play(self, pcm: bytes, size: int = 2 * FRAME, pace: float = 0.02) -> None:
        for place in range(0, len(pcm), size):
            await trio.sleep(pace)
            await self.send(pcm[place : place + size])

    async def read(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(await self.socket.get_message())
        return message

    async def rest(self) -> list[dict[str, Any]]:
        """Everything until the peer closes."""
        messages = []
        try:
            while True:
                messages.append(await self.read())
        except trio_websocket.ConnectionClosed:
            return messages


@asynccontextmanager
async def by_hand(peer: SonioxPeer, url: str, *, key: str | None = "a-key-for-tests") -> AsyncIterator[Hand]:
    """A connection in memory, to one of the peer's addresses."""
    headers = [] if key is None else [(b"Authorization", f"Bearer {key}".encode())]
    async with peer.listening(), trio.open_nursery() as nursery:
        stream: Any = await peer.open_stream("", 0, None)
        path = "/" + url.rpartition("/")[2]
        socket = await trio_websocket.wrap_client_stream(nursery, stream, "soniox.test", path, extra_headers=headers)
        yield Hand(socket)
        with trio.move_on_after(1):
            await socket.aclose()
        nursery.cancel_scope.cancel()


# --- by our own cores ---


@dataclass
class Heard:
    """What a transcription session said, with times."""

    core: SttSession
    events: list[tuple[float, Any]] = field(default_factory=list)

    def of(self, kind: type) -> list[Any]:
        return [event for _, event in self.events if isinstance(event, kind)]

    @property
    def words(self) -> list[Word]:
        return [word for final in self.of(events.Final) for word in final.words]

    @property
    def text(self) -> str:
        return events.joined(self.words)

    @property
    def failure(self) -> Failed | None:
        return next(iter(self.of(Failed)), None)

    @property
    def over(self) -> bool:
        return bool(self.of(Finished) or self.of(Failed))


async def transcribe(
    peer: SonioxPeer,
    pcm: bytes,
    *,
    base: int = 0,
    transport: WebsocketTransport | None = None,
    endpoints: Endpoints | None = None,
    pace: float = 0.02,
    **config: Any,
) -> Heard:
    """Send `pcm` (16 kHz, its first sample number `base`) in frames of 20 ms, until all is answered or it failed."""
    core = SttSession(SttConfig(**{"enable_endpoint_detection": True, **config}), PCM16K, base=base)
    heard = Heard(core)
    address = Address((endpoints or peer.endpoints).stt, headers=KEY.headers())
    over = trio.Event()

    def handle(event: Any) -> None:
        heard.events.append((trio.current_time(), event))
        if heard.over:
            over.set()

    async with open_shell(transport or peer.transport, address, core, handle) as shell:
        core.start(trio.current_time())
        for place in range(0, len(pcm), 2 * FRAME):
            shell.flush()
            await trio.sleep(pace)
            if core.state is SttState.FAILED:
                return heard
            core.hear(AudioFrame(pcm[place : place + 2 * FRAME], base + place // 2, PCM16K), trio.current_time())
        core.end(trio.current_time())
        shell.flush()
        with trio.fail_after(120):
            await over.wait()
    return heard


@dataclass
class Spoken:
    """What the streams of a synthesis connection said."""

    core: TtsConnection
    events: list[tuple[float, Any]] = field(default_factory=list)

    def pcm(self, stream: str) -> bytes:
        return b"".join(
            event.data for _, event in self.events if isinstance(event, StreamSound) and event.stream == stream
        )

    def words(self, stream: str) -> list[tuple[float, str]]:
        said = [event for _, event in self.events if getattr(event, "stream", None) == stream]
        return [(word.at, word.text) for event in said for word in getattr(event, "words", ())]

    def failures(self) -> list[Any]:
        return [event for _, event in self.events if isinstance(event, (Failed, StreamFailed))]


async def speak(
    peer: SonioxPeer,
    texts: Sequence[str],
    *,
    transport: WebsocketTransport | None = None,
    endpoints: Endpoints | None = None,
    sound: AudioFormat = PCM16K,
    then: Callable[[TtsConnection, list[str]], None] | None = None,
    **config: Any,
) -> Spoken:
    """Speak each of `texts` in a stream of its own, all at once, until the last is gone or the connection failed.

    `then` is called with the streams' names after the first sound.
    """
    core = TtsConnection(trio.current_time(), streams=5)
    spoken = Spoken(core)
    address = Address((endpoints or peer.endpoints).tts, headers=KEY.headers())
    made = tts_config(TtsConfig(**{"return_timestamps": True, **config}), sound)
    first, over = trio.Event(), trio.Event()

    def handle(event: Any) -> None:
        spoken.events.append((trio.current_time(), event))
        first.set()
        gone = sum(isinstance(event, StreamGone) for _, event in spoken.events)
        if gone == len(texts) or isinstance(event, Failed):
            over.set()

    async with open_shell(transport or peer.transport, address, core, handle) as shell:
        names = [core.start(made, trio.current_time()) for _ in texts]
        for name, text in zip(names, texts, strict=True):
            core.text(name, text, trio.current_time(), end=True)
        shell.flush()
        with trio.fail_after(300):
            await first.wait()
            if then is not None:
                then(core, names)
                shell.flush()
            await over.wait()
    return spoken
