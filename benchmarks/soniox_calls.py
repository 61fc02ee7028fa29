"""The calls whose cost `benchmarks.soniox_cost` measures: some only hear, some only speak, some are a whole agent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import trio

import voicekit
from benchmarks.soniox_peer import EXCHANGE_S, conversation, monologue
from voicekit.audio.chunk import Chunker
from voicekit.audio.format import PCM16K, AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.contracts import Text, VadStream
from voicekit.events import Progress, TurnEnded
from voicekit.extend import Plugins
from voicekit.flow.link import Inlet, Outlet, open_link
from voicekit.flow.pipeline import Pipeline
from voicekit.flow.stage import Run
from voicekit.flow.transform import Pipeable, TransformPart
from voicekit.listen.vad import WebRtcVad
from voicekit.play.sink import NullSink
from voicekit.session import Session
from voicekit.soniox.api.region import Endpoints
from voicekit.soniox.connection.transport import WebsocketTransport
from voicekit.soniox.stt.soniox_stt import SonioxStt
from voicekit.soniox.tts.soniox_tts import SonioxTts
from voicekit.testing.scripted import Script, ScriptedVad

KEY = "none-is-checked"
FRAME_S = 0.02
ANSWER = "It is rather warm."
READING = "The quick brown fox jumps over the lazy dog, and then it sleeps for a while in the shade. "


@dataclass(slots=True)
class Call:
    """One call to a peer at `endpoints`, of at most `seconds`. `done` is how many seconds of its work are done."""

    endpoints: Endpoints
    transport: WebsocketTransport
    seconds: float
    done: float = 0.0
    moving: trio.Event = field(default_factory=trio.Event)

    def did(self, seconds: float) -> None:
        self.done += seconds
        self.moving.set()


async def only_frames(call: Call) -> None:
    """A call without a transcriber: frames go through a link to a task that counts them."""
    outlet, inlet = open_link(PCM16K.samples(5.0))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_play, monologue, call.seconds, FRAME_S, outlet)
        with inlet:
            async for frame in inlet:
                call.did(frame.format.seconds(frame.samples))


async def hears(call: Call, frame_s: float) -> None:
    """Speech to text: each frame of `frame_s` is a message. `done` counts the sound that became final."""
    transcriber = SonioxStt(key=KEY, endpoints=call.endpoints, transport=call.transport)
    transcriber.negotiate(PCM16K)
    frames, inbox = open_link(PCM16K.samples(5.0))
    outbox, events = open_link(64)
    async with transcriber.open() as run, trio.open_nursery() as nursery:
        nursery.start_soon(_play, monologue, call.seconds, frame_s, frames)
        nursery.start_soon(_run, run, inbox, outbox)
        with events:
            async for event in events:
                if isinstance(event, Progress):
                    call.did(event.final_to / PCM16K.rate - call.done)


async def speaks(call: Call) -> None:
    """Text to speech of one endless reply. `done` counts the sound that came."""
    voice = SonioxTts(key=KEY, endpoints=call.endpoints, transport=call.transport)
    format = voice.negotiate(PCM16K)  # noqa: A001  # the usual word
    text, inbox = open_link(400)
    outbox, sound = open_link(format.samples(2.0))
    async with voice.open() as run, trio.open_nursery() as nursery:
        nursery.start_soon(_read_aloud, text)
        nursery.start_soon(_run, run, inbox, outbox)
        with sound:
            async for item in sound:
                if isinstance(item, AudioFrame):
                    call.did(format.seconds(item.samples))


async def converses(call: Call, frame_s: float, message_s: float, plugins: Plugins) -> None:
    """A whole agent: listen pipeline, turn-taking, handler, voice, playout. `done` counts whole exchanges."""
    soniox: dict[str, Any] = {"key": KEY, "endpoints": call.endpoints, "transport": call.transport}
    ears = SonioxStt(**soniox)
    session = Session(
        source=Played(conversation, call.seconds, frame_s),
        vad=Both(),
        stt=ears if message_s == frame_s else Joined(ears, message_s),
        handler=answer,
        tts=SonioxTts(**soniox),
        sink=NullSink(),
        plugins=plugins,
    )

    def count(event: object) -> None:
        if isinstance(event, TurnEnded) and event.heard == ANSWER:
            call.did(EXCHANGE_S)

    session.watch(count)
    await session.run()


async def answer(turn: voicekit.Turn, say: voicekit.Say) -> None:
    """Say ANSWER word by word, like a language model."""
    for word in ANSWER.split(" "):
        await say(word if word == "It" else f" {word}")


class Played(Pipeable):
    """A live source that plays a script from memory: as cheap as a source can be."""

    name = "played"
    accepts = None
    produces = PCM16K
    live = True

    def __init__(self, script: Callable[[float], Script], seconds: float, frame_s: float) -> None:
        self._script = script
        self._seconds = seconds
        self._frame_s = frame_s

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Run[Any, Any]]:
        yield self._run

    async def _run(self, inbox: Inlet[Any], outbox: Outlet[Any]) -> None:
        await _play(self._script, self._seconds, self._frame_s, outbox)


class Joined(Pipeable):
    """A transcriber that first joins frames to a length of `seconds`, so that there are fewer messages."""

    accepts = None
    produces = None

    def __init__(self, ears: SonioxStt, seconds: float) -> None:
        self.name = ears.name
        self.endpoints = ears.endpoints
        self._ears = ears
        self._seconds = seconds

    def negotiate(self, offered: AudioFormat) -> AudioFormat:
        return self._ears.negotiate(offered)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Run[Any, Any]]:
        join = TransformPart("join", lambda context: Chunker(PCM16K.samples(self._seconds)))
        async with Pipeline(join, self._ears).open() as run:
            yield run


class Both:
    """A detector that runs webrtcvad for its cost, but returns the script's marks: the script's sound is no speech."""

    rates: Sequence[int] = ScriptedVad.rates

    def start(self, rate: int) -> VadStream:
        return _BothStream(WebRtcVad().start(rate), ScriptedVad().start(rate))


class _BothStream:
    def __init__(self, worker: VadStream, judge: VadStream) -> None:
        self.window = judge.window
        self._worker = worker
        self._judge = judge

    def probability(self, pcm: bytes) -> float:
        self._worker.probability(pcm)
        return self._judge.probability(pcm)


@cache
def _sound(script: Callable[[float], Script], seconds: float) -> bytes:
    return script(seconds).pcm(0, PCM16K.samples(seconds), PCM16K.rate)


async def _play(script: Callable[[float], Script], seconds: float, frame_s: float, outbox: Outlet[AudioFrame]) -> None:
    pcm, size = _sound(script, seconds), PCM16K.samples(frame_s)
    width, start = size * PCM16K.sample_bytes, trio.current_time()
    with outbox:
        for number in range(int(seconds / frame_s)):
            await trio.sleep_until(start + (number + 1) * frame_s)
            await outbox.send(AudioFrame(pcm[number * width : (number + 1) * width], number * size, PCM16K))


async def _read_aloud(outbox: Outlet[Text]) -> None:
    said = 0
    with outbox:
        while True:
            await outbox.send(Text.raw(READING, said))
            said += len(READING)


async def _run(run: Run[Any, Any], inbox: Inlet[Any], outbox: Outlet[Any]) -> None:
    with inbox, outbox:
        await run(inbox, outbox)
