"""Sinks without a device, which play by trio's clock. One of them records the audio in memory, with the time at which
each sample was heard.

They fulfil the Sink contract exactly, to the sample, so they can also replace devices in tests: devices with a buffer
(`latency`), devices that play too slowly (`speed`), or devices that can't pause.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import KW_ONLY, dataclass, field
from typing import ClassVar

import trio
from msgspec import Struct

from voicekit.audio.format import PCM16K, AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.contracts import Speaker
from voicekit.errors import FormatMismatch
from voicekit.play.clocked_device import ClockedDevice

DEVICE_SECONDS = 0.5
"""Seconds of sound that the simulated device takes before `write` waits: more than playout's lead, so that only the
lead matters.
"""


class ClockedSpeaker:
    """An open NullSink or RecordingSink: `voicekit.contracts.Speaker` on a ClockedDevice."""

    def __init__(self, air: ClockedDevice, format: AudioFormat) -> None:  # noqa: A002  # the field's word
        self._air = air
        self._format = format
        self._capacity = format.samples(DEVICE_SECONDS)
        self._changed = trio.lowlevel.ParkingLot()

    async def write(self, frame: AudioFrame) -> None:
        if frame.format != self._format:
            raise FormatMismatch(f"this sink plays {self._format}, but was given {frame.format}")
        while True:
            # cancellation is checked in each round: if the reply is cut while this task wakes up, its frame is not
            # taken
            await trio.lowlevel.checkpoint_if_cancelled()
            now = trio.current_time()
            queued = self._air.queued(now)
            if not queued or queued + frame.samples <= self._capacity:
                self._air.write(frame, now)
                return
            with trio.move_on_at(self._air.below_at(max(1, self._capacity - frame.samples + 1), now)):
                await self._changed.park()

    @property
    def position(self) -> int:
        return self._air.position(trio.current_time())

    def hold(self) -> None:
        self._air.hold(trio.current_time())

    def release(self) -> None:
        self._air.release(trio.current_time())
        self._changed.unpark_all()

    def discard(self) -> None:
        self._air.discard(trio.current_time())
        self._changed.unpark_all()


@dataclass(eq=False, repr=False)
class NullSink:
    """Plays without a device, in real time. `latency` (s) is the delay of the simulated device's buffer; with a `speed`
    below 1, it plays too slowly.
    """

    name: ClassVar[str] = "null sink"
    format: AudioFormat = PCM16K
    _: KW_ONLY
    latency: float = 0.0
    speed: float = 1.0
    pausable: bool = True
    told_to_close: bool = field(default=False, init=False)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Speaker]:
        air = ClockedDevice(self.format, latency=self.latency, speed=self.speed, played=self._played)
        try:
            yield ClockedSpeaker(air, self.format)
        finally:
            air.discard(trio.current_time())
            self.told_to_close = True

    def _played(self, start: float, frame: AudioFrame) -> None:
        """Discards the audio."""


class HeardPiece(Struct, frozen=True):
    """A piece of sound, `pcm`, that was heard from `start` on (in seconds of trio's clock)."""

    start: float
    pcm: bytes


@dataclass(eq=False, repr=False)
class RecordingSink(NullSink):
    """Keeps in memory the latest `keep` seconds of the sound that was heard, with its times. For tests and short calls.

    Older sound is dropped without an error. `heard` contains the pieces that are kept, in order; they don't overlap.
    """

    name: ClassVar[str] = "recording sink"
    keep: float = field(default=600.0, kw_only=True)
    heard: list[HeardPiece] = field(default_factory=list, init=False)
    _kept: int = field(default=0, init=False)

    @property
    def pcm(self) -> bytes:
        """The pieces that were heard, joined without the silences between them."""
        return b"".join(piece.pcm for piece in self.heard)

    def track(self, start: float, seconds: float) -> bytes:
        """What a microphone near the sink would record from time `start` on, including silences."""
        size = self.format.sample_bytes
        track = bytearray(self.format.silence(self.format.samples(seconds)))
        for piece in self.heard:
            first = round((piece.start - start) * self.format.rate) * size
            pcm = piece.pcm[max(0, -first) :]
            place = max(0, first)
            track[place : place + len(pcm)] = pcm[: max(0, len(track) - place)]
        return bytes(track)

    def _played(self, start: float, frame: AudioFrame) -> None:
        self.heard.append(HeardPiece(start, frame.pcm))
        self._kept += frame.samples
        while self._kept > self.format.samples(self.keep):
            self._kept -= self.format.count(self.heard.pop(0).pcm)
