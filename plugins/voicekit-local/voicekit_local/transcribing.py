"""Speech to text on one connection: SttServer speaks the protocol, and the recogniser finds the words.

    client ─receive▶ SttServer ─link▶ intake ─▶ Hearing ─job▶ a worker's recogniser ─done▶ Hearing ─results▶ SttServer

The link and the unprocessed audio in `Hearing` have limits, so a client that sends too fast must wait. If a client
sends in real time but gets its words too late, its session ends with an error. The client can then try again later, or
elsewhere.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import trio

from voicekit.errors import ConfigError
from voicekit.flow.groups import sole
from voicekit.flow.link import open_link
from voicekit.soniox.api.limits import STT_RAW_FORMATS
from voicekit.soniox.api.wire import Message, SttConfig
from voicekit.soniox.server.account import Account
from voicekit.soniox.server.checks import Offer
from voicekit.soniox.server.realtime import stt
from voicekit.soniox.server.refusal import Refusal, invalid
from voicekit_local.container import Decoder, TooLong, Undecodable
from voicekit_local.engines.interface import HEARING_RATE
from voicekit_local.hearing import Hearing
from voicekit_local.intake import RawIntake
from voicekit_local.studio import BROKEN, LATE_S, OVERLOADED, EngineFailed, Studio
from voicekit_local.websocket import Line

QUEUED: Final = 1 << 20
"""The maximum number of bytes of sound that may wait to be converted: half a minute at 16 kHz."""

MOST_BEHIND_S: Final = 20.0
"""The maximum number of seconds of sound that may wait for the recogniser; beyond this, a client that sends a file must
wait."""

Asked: TypeAlias = stt.AudioCame | stt.FinalizeAsked | stt.EndAsked


class Transcribing:
    """Speech to text on one connection; `key` is the API key that the client has shown, if any."""

    def __init__(self, studio: Studio, account: Account, offer: Offer, key: str | None, now: float) -> None:
        self.core = stt.SttServer(account, key, now, offer=offer)
        self._studio = studio
        self._outlet, self._inlet = open_link(QUEUED, weigh=_weight, name="sound to the intake")
        self._configured = trio.Event()
        self._hearing = Hearing(SttConfig())
        self._changed = trio.lowlevel.ParkingLot()  # wakes tasks that wait for a job, or for decoding to catch up
        self._ahead = Ahead()

    async def receive(self, message: Message, now: float) -> None:
        for event in self.core.receive(message, now):
            match event:
                case stt.Configured(config):
                    self._configure(config)
                case stt.AudioCame() | stt.FinalizeAsked() | stt.EndAsked():
                    await self._outlet.send(event)
                case _:
                    pass  # the core itself keeps the connection alive, and closes it

    def tick(self, now: float) -> None:
        self.core.tick(now)

    def closed(self) -> None:
        self.core.closed()
        self._outlet.close()
        self._inlet.close()

    async def run(self, line: Line) -> None:
        await self._configured.wait()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._recognise, line)
                if self.core.config.audio_format in STT_RAW_FORMATS:
                    await self._take_raw(line)
                else:
                    await self._take_container(line)
        except* EngineFailed:
            self.core.refuse(BROKEN)
        except* TooLong:
            self.core.refuse(Refusal("max_duration_reached", "The maximum duration of a session was reached."))
        except* Undecodable as group:
            self.core.refuse(invalid(f"Audio decode error: {sole(group)}."))
        await line.flush()

    def _configure(self, config: SttConfig) -> None:
        recogniser = self._studio.recogniser
        self._hearing = Hearing(config, partials=recogniser.partials, language=recogniser.languages[0])
        self._configured.set()

    # --- sound ---

    async def _take_raw(self, line: Line) -> None:
        try:
            intake = RawIntake(self.core.config)
        except ConfigError as error:
            raise Undecodable(str(error)) from None
        async for asked in self._inlet:
            match asked:
                case stt.AudioCame(data):
                    await self._hear(intake.feed(data), line)
                case stt.FinalizeAsked():
                    await self._finalize(line)
                case stt.EndAsked():
                    await self._hear(intake.finish(), line)
                    await self._end(line)

    async def _take_container(self, line: Line) -> None:
        async def deliver(pcm: bytes) -> None:
            await self._hear(pcm, line)

        decoder = Decoder(deliver, self._studio.decoders)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(decoder.run)
            async for asked in self._inlet:
                match asked:
                    case stt.AudioCame(data):
                        await decoder.feed(data)
                    case stt.FinalizeAsked():
                        await decoder.settle()
                        await self._finalize(line)
                    case stt.EndAsked():
                        await decoder.end()
                        await self._end(line)

    async def _hear(self, pcm: bytes, line: Line) -> None:
        """Pass sound to `Hearing`, after waiting until the decoding has caught up enough."""
        while self._hearing.behind_s > MOST_BEHIND_S:
            await self._changed.park()
        self._hearing.feed(pcm)
        ahead = self._ahead.note(len(pcm) / (2 * HEARING_RATE), trio.current_time())
        if self._hearing.behind_s - ahead > LATE_S:
            self.core.refuse(OVERLOADED)
        await self._say(line)

    async def _finalize(self, line: Line) -> None:
        self._hearing.finalize()
        await self._say(line)

    async def _end(self, line: Line) -> None:
        self._hearing.end()
        await self._say(line)

    # --- words ---

    async def _recognise(self, line: Line) -> None:
        """Decode the sound, piece by piece, until the end."""
        studio = self._studio
        while True:
            while not self._hearing.wants_job:
                await self._changed.park()
            async with studio.workers.slot(lambda: self._hearing.urgent):
                job = self._hearing.job()
                if job is None:
                    continue
                decoded = await studio.work(job.run, studio.recogniser, studio.aligner)
            self._hearing.done(decoded)
            await self._say(line)

    async def _say(self, line: Line) -> None:
        """Send the new results, and wake the other tasks."""
        for result in self._hearing.results():
            self.core.result(result.tokens, result.final_ms, result.total_ms)
        if self._hearing.finished:
            self.core.finish(self._hearing.total_ms, self._hearing.total_ms)
        self._changed.unpark_all()
        self._studio.workers.look_again()
        await line.flush()


class Ahead:
    """How many seconds a client's audio is ahead of real time; never less than 0, even after a pause."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._at = 0.0

    def note(self, seconds: float, now: float) -> float:
        """Record that more audio has arrived, and return how far ahead the client is now."""
        self._seconds = max(0.0, self._seconds - (now - self._at)) + seconds
        self._at = now
        return self._seconds


def _weight(asked: Asked) -> int:
    return len(asked.data) if isinstance(asked, stt.AudioCame) else 1
