"""Text to speech on one connection: TtsServer speaks the protocol, and a task for each stream makes the speech.

    client ─receive▶ TtsServer ─▶ Lines ─piece▶ a worker's voice and packing ─messages▶ TtsServer ─flush▶ client

Speech is sent faster than real time if the client reads fast enough. Streams whose audio would soon run out go first.
If the machine is too slow, the protocol's own timers end the stream with an error.
"""

from __future__ import annotations

import math
import sys
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import trio

from voicekit.soniox.api.wire import Message, Timestamps, TtsConfig
from voicekit.soniox.server.account import Account
from voicekit.soniox.server.checks import Offer
from voicekit.soniox.server.realtime import tts
from voicekit.soniox.server.realtime.stream import StreamOver, StreamStarted, TextCame
from voicekit.soniox.server.refusal import Refusal, invalid
from voicekit_local.engines.interface import Speech, Spoken, Synthesiser
from voicekit_local.letters import letter_times, stamps
from voicekit_local.lines import Lines
from voicekit_local.packing import Packing, unmakeable
from voicekit_local.studio import BROKEN, LATE_S, OVERLOADED, EngineFailed, Studio
from voicekit_local.websocket import Line

CHUNK_S: Final = 0.24
"""Seconds of sound in one message."""

IN_HAND_S: Final = 1.0
"""If a listener still has more seconds of sound than this to hear, other streams may go first."""

GAP_NEAR_S: Final = 0.5
"""If a listener to speech that has begun has fewer seconds than this to hear, no other work goes first: the next part
takes a tenth of a second or two, and a gap within a word is worse than a later answer.
"""

FASTER: Final = 8.0
"""The greatest speed of sending, as a multiple of real time. Faster sending would waste work if the reply is cut a
second later. Also, a client that cancels after the first sound must find its stream still alive, as with the service.
"""

AT_ONCE_S: Final = 0.5
"""The first seconds of speech, which are sent as soon as they are made: the next part must be made meanwhile."""

WIDTH: Final = 2  # bytes per PCM16 sample

_SILENCE: Final = Spoken(b"", 1_000, ())


@dataclass(frozen=True, slots=True)
class Chunk:
    """The audio in one message, in the client's format."""

    data: bytes
    seconds: float
    timestamps: Timestamps | None


class Stream:
    """One stream: its text and the speech made from it, from start to end."""

    def __init__(self, name: str, config: TtsConfig, voice: Synthesiser) -> None:
        self.name = name
        self.config = config
        self.lines = Lines(voice.pieces)
        self.scope = trio.CancelScope()
        self.packing = Packing(config, voice.rate)
        self.spoken_s = 0.0
        self._first_at = math.inf
        self._fed = trio.lowlevel.ParkingLot()

    def feed(self, text: str, end: bool, now: float) -> None:
        self.lines.add(text, end, now)
        self._fed.unpark_all()

    async def next(self) -> str | None:
        """Wait for the next piece and return it, or return None when there are no more."""
        while not self.lines.over:
            piece = self.lines.take(trio.current_time())
            if piece is not None:
                return piece
            with trio.CancelScope(deadline=self.lines.due_at):
                await self._fed.park()
        return None

    @property
    def in_hand_s(self) -> float:
        """How many seconds of the audio already sent are still to be heard, if the client plays it in real time."""
        return max(0.0, self.spoken_s - max(0.0, trio.current_time() - self._first_at))

    def urgent(self) -> int:
        """1 if the listener would soon hear a gap, or has heard nothing yet; 2 if a gap in the speech is near."""
        left_s = self.in_hand_s
        return 2 if self.spoken_s and left_s < GAP_NEAR_S else int(left_s < IN_HAND_S)

    async def pace(self) -> None:
        """Wait until more audio may be sent."""
        if self.spoken_s:
            await trio.sleep_until(self._first_at + max(0.0, self.spoken_s - AT_ONCE_S) / FASTER)

    def spoke(self, seconds: float) -> None:
        self._first_at = min(self._first_at, trio.current_time())
        self.spoken_s += seconds

    def say(self, voice: Synthesiser, piece: str) -> Saying:
        """The speech for `piece`, which continues that of the previous pieces. Doesn't block."""
        # like the service, leave out the last space of a stream
        text = piece.removesuffix(" ") if self.lines.over else piece
        return Saying(self, voice, piece, text)


class Saying:
    """The speech for one piece of a stream, made part by part, as messages that continue those of the previous pieces.

    Making the parts one by one brings the first sound sooner. It also lets other work go first between two parts, and
    makes a cancelled stream stop at the next part.
    """

    def __init__(self, stream: Stream, voice: Synthesiser, piece: str, text: str) -> None:
        self._stream = stream
        self._voice = voice
        self._piece = piece
        self._text = text
        self._begun_s = stream.spoken_s
        self._speech: Speech | None = None
        self._times: list[tuple[float, float]] = []
        self._made_s = 0.0  # how much of the speech has been made
        self.over = False
        """Whether all of the speech has been made."""

    def more(self) -> list[Chunk]:
        """The messages for the next part. Blocks."""
        speech = self._speech = self._speech or self._begin()
        pcm = next(speech.sound, b"")
        made_s = self._made_s + len(pcm) / (WIDTH * speech.rate)
        self.over = not pcm or made_s >= speech.seconds - 1 / speech.rate
        step = WIDTH * round(CHUNK_S * speech.rate)
        places = range(0, max(1, len(pcm)), step)
        return [self._chunk(speech, pcm[place : place + step], place == places[-1]) for place in places]

    def _begin(self) -> Speech:
        config = self._stream.config
        silent = not any(letter.isalnum() for letter in self._piece)
        if silent:
            speech = Speech.of(_SILENCE)
        else:
            speech = self._voice.begin(self._piece, config.voice or "", config.speed or 1.0)
        if config.return_timestamps:
            self._times = letter_times(self._text, speech.words, speech.seconds)
        return speech

    def _chunk(self, speech: Speech, pcm: bytes, ends_part: bool) -> Chunk:
        seconds = len(pcm) / (WIDTH * speech.rate)
        start = self._begun_s + self._made_s
        self._made_s += seconds
        # the time at which the next chunk starts
        end = math.inf if self.over and ends_part else self._begun_s + self._made_s
        shown = stamps(self._text, self._times, self._begun_s, start, end)
        return Chunk(self._stream.packing.feed(pcm), seconds, shown)


class Speaking:
    """Text to speech on one connection; `key` is the API key that the client has shown, if any."""

    def __init__(self, studio: Studio, account: Account, offer: Offer, key: str | None, now: float) -> None:
        self.core = tts.TtsServer(account, key, now, offer=offer)
        self._studio = studio
        self._streams: dict[str, Stream] = {}
        self._nursery: trio.Nursery | None = None
        self._line: Line | None = None
        self._running = trio.Event()

    async def receive(self, message: Message, now: float) -> None:
        await self._running.wait()
        self._answer(self.core.receive(message, now), now)

    def tick(self, now: float) -> None:
        self._answer(self.core.tick(now), now)

    def closed(self) -> None:
        self.core.closed()

    async def run(self, line: Line) -> None:
        async with trio.open_nursery() as self._nursery:
            self._line = line
            self._running.set()
            await trio.sleep_forever()

    def _answer(self, events: Iterable[tts.TtsServerEvent], now: float) -> None:
        for event in events:
            match event:
                case StreamStarted(name, config):
                    self._start(name, config, now)
                case TextCame(name, text, end):
                    self._streams[name].feed(text, end, now)
                case StreamOver(name):
                    self._streams.pop(name).scope.cancel()
                case _:
                    pass  # the core itself keeps the connection alive, and closes it with all streams

    def _start(self, name: str, config: TtsConfig, now: float) -> None:
        assert self._nursery is not None, "messages are taken while it runs"
        assert self._line is not None, "messages are taken while it runs"
        why = unmakeable(config)
        if why is not None:
            self.core.refuse(name, invalid(why), now)
            return
        self._studio.introduce(config.voice or "")
        try:
            stream = self._streams[name] = Stream(name, config, self._studio.voice)
        except Exception as error:  # an encoder that rejects a format ends one stream, not all
            traceback.print_exception(error, file=sys.stderr)
            self.core.refuse(name, BROKEN, now)
            return
        self._nursery.start_soon(self._speak, stream, self._line)

    async def _speak(self, stream: Stream, line: Line) -> None:
        with stream.scope:
            try:
                while (piece := await stream.next()) is not None:
                    saying = stream.say(self._studio.voice, piece)
                    while not saying.over:
                        for chunk in await self._made(stream, saying):
                            await stream.pace()
                            await self._send(stream, chunk, line)
                rest = await self._studio.work(stream.packing.finish)
                await self._send(stream, Chunk(rest, 0.0, None), line, end=True)
            except EngineFailed:
                self._fail(stream, BROKEN)
        await line.flush()

    async def _made(self, stream: Stream, saying: Saying) -> list[Chunk]:
        """Have the next part of a piece spoken; if no worker is free in time, the stream ends with an error."""
        with trio.move_on_after(stream.in_hand_s + LATE_S) as waiting:
            async with self._studio.workers.slot(stream.urgent):
                waiting.deadline = math.inf
                return await self._studio.work(saying.more)
        self._fail(stream, OVERLOADED)
        return []

    async def _send(self, stream: Stream, chunk: Chunk, line: Line, *, end: bool = False) -> None:
        if self._streams.get(stream.name) is not stream:
            return  # the stream was cancelled meanwhile, and a new one may already have the same name
        if not (chunk.data or chunk.timestamps or end):
            return
        stream.spoke(chunk.seconds)
        now = trio.current_time()
        sent = self.core.audio(
            stream.name, chunk.data, now, timestamps=chunk.timestamps, seconds=chunk.seconds, end=end
        )
        self._answer(sent, now)
        if end and self._streams.pop(stream.name, None) is not None:
            self.core.terminated(stream.name, now)
        await line.flush()

    def _fail(self, stream: Stream, refusal: Refusal) -> None:
        if self._streams.get(stream.name) is stream:
            now = trio.current_time()
            self._answer(self.core.refuse(stream.name, refusal, now), now)
