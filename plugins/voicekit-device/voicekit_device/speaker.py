"""The speaker as a sink.

    write ──pieces of 5 ms, 0.5 s at most──▶ device's thread ──▶ ledger: when each piece is heard

The device's thread takes pieces to play, and trio's thread takes back the rest on a hold or a discard. No piece goes to
both, and neither thread waits for the other. Sound that the device has taken will be heard within its latency (40 ms),
so a hold or a discard counts it as heard.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import trio

from voicekit import contracts
from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.errors import FormatMismatch
from voicekit.flow.groups import alone
from voicekit.flow.pacing import periodic
from voicekit.flow.threads import in_thread
from voicekit_device.cards import Cards, Device, Stream
from voicekit_device.fitting import PIECE_S, Fitting, Piece
from voicekit_device.ledger import Entry, Ledger
from voicekit_device.plug import Plug, Socket, check_patience
from voicekit_device.portaudio import PortAudio
from voicekit_device.room import sounding

BLOCK_S = 0.01
"""Seconds of sound in each request from the device: a hold takes effect up to this much later, plus the latency."""

TAKEN_S = 0.5
"""Seconds of sound accepted before `write` waits: more than playout's lead, so `write` never delays playout."""

LOOK_S = 0.005
"""The shortest time in seconds before the next check for space."""

ENDING_S = 0.02
"""If fewer seconds than this are left to play, the sound is ending, and we fetch what the resampler holds back."""


class Speaker:
    """The speaker called `device` (part of its name is enough), or the system's default.

    Plays mono PCM16 at `rate`, and can be paused; if the device does not accept `rate` or mono, the sound is converted.
    The position depends on the latency that the device reports; in measurements, its error was at most 15 ms. While the
    device is missing, the position does not advance; after `patience` seconds, `write` and `position` raise
    DeviceError. If there is no such device, `open` raises DeviceError.
    """

    name = "speaker"
    pausable = True

    def __init__(
        self,
        device: str | None = None,
        *,
        rate: int = 24_000,
        patience: float = 10.0,
        cards: Cards | None = None,
    ) -> None:
        check_patience(patience)
        self.format = AudioFormat(rate)
        self._device = device
        self._patience = patience
        self._cards = cards or PortAudio()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[contracts.Speaker]:
        socket = await in_thread(Socket.find, self._cards, "speaker", self._device, self.format)
        queue = _Queue(socket.format)

        def play(device: Device, ended: Callable[[], None]) -> Stream:
            return self._cards.open_speaker(device, socket.format, socket.format.samples(BLOCK_S), queue.play, ended)

        plug = Plug(socket, play, pulse=lambda: queue.calls, patience=self._patience)
        queue.latency = lambda: plug.latency
        speaker = OpenSpeaker(plug, queue, Fitting(self.format, socket.format))
        try:
            await plug.plug_in()
            with alone(), sounding(queue.ledger):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(plug.mind, queue.restart)
                    nursery.start_soon(speaker.end_sound)
                    yield speaker
                    nursery.cancel_scope.cancel()
        finally:
            await plug.pull_out()


class _Queue:
    """The pieces that wait for the device, and the method that its thread calls."""

    def __init__(self, sound: AudioFormat) -> None:
        self.calls = 0
        self.ledger = Ledger()
        self.pieces: deque[Piece] = deque()
        self.latency: Callable[[], float] = lambda: 0.0
        self._sound = sound
        self._rest = b""  # the rest of a piece that the device has partly taken
        self._clock = trio.lowlevel.current_clock()

    def play(self, samples: int) -> bytes:
        """The next `samples` samples for the device, padded with silence if not enough have been written."""
        self.calls += 1
        size = samples * self._sound.sample_bytes
        sound = bytearray(self._rest)
        starts = self._clock.current_time() + self.latency()
        while len(sound) < size:
            try:
                piece = self.pieces.popleft()
            except IndexError:
                break
            begins = starts + self._seconds(sound)
            self.ledger.enter(Entry(piece.first, piece.last, begins, begins + self._seconds(piece.pcm)))
            sound += piece.pcm
        self._rest = bytes(sound[size:])
        return bytes(sound[:size]).ljust(size, b"\0")

    def restart(self) -> None:
        """Forget the rest of a piece, because the device was lost while playing it."""
        self._rest = b""

    def take_back(self) -> deque[Piece]:
        """Remove and return all pieces that the device has not taken."""
        back: deque[Piece] = deque()
        while self.pieces:
            try:
                back.append(self.pieces.popleft())
            except IndexError:  # the device has just taken the last piece
                break
        return back

    def _seconds(self, pcm: bytes | bytearray) -> float:
        return len(pcm) / self._sound.sample_bytes / self._sound.rate


class OpenSpeaker:
    """An open device, as a `voicekit.contracts.Speaker`."""

    def __init__(self, plug: Plug, queue: _Queue, fitting: Fitting) -> None:
        self._plug = plug
        self._queue = queue
        self._fitting = fitting
        self._capacity = fitting.source.samples(TAKEN_S)
        self._written = 0  # the number of samples accepted and not discarded
        self._heard = 0  # the number of samples known to have been heard
        self._held: deque[Piece] | None = None
        self._changed = trio.lowlevel.ParkingLot()
        self._fed = trio.Event()

    async def write(self, frame: AudioFrame) -> None:
        if frame.format != self._fitting.source:
            raise FormatMismatch(f"this speaker plays {self._fitting.source}, but was given {frame.format}")
        while True:
            # cancellation is checked in each round: a task that is cancelled while it wakes up must not write
            await trio.lowlevel.checkpoint_if_cancelled()
            queued = self._written - self.position
            if not queued or queued + frame.samples <= self._capacity:
                self._take(frame)
                return
            too_much = queued + frame.samples - self._capacity
            with trio.move_on_after(max(LOOK_S, self._fitting.source.seconds(too_much))):
                await self._changed.park()

    @property
    def position(self) -> int:
        self._plug.check()
        self._heard = max(self._heard, self._queue.ledger.position(trio.current_time()))
        return self._heard

    def hold(self) -> None:
        if self._held is None:
            self._held = self._queue.take_back()
            self._heard = self._held[0].first if self._held else self._fitting.made_to

    def release(self) -> None:
        if self._held is not None:
            self._queue.pieces.extend(self._held)
            self._held = None
            self._changed.unpark_all()

    def discard(self) -> None:
        self.hold()
        self._written = self._heard
        self._fitting.restart(self._heard)
        self._held = None
        self._changed.unpark_all()

    async def end_sound(self) -> None:
        """Whenever nothing more is written in time, play the audio that the resampler holds back."""
        while True:
            await self._fed.wait()
            async for _ in periodic(LOOK_S):
                if self._held is None and len(self._queue.pieces) * PIECE_S <= ENDING_S:
                    break
            self._fed = trio.Event()
            self._play(self._fitting.finish())

    def _take(self, frame: AudioFrame) -> None:
        self._play(self._fitting.feed(AudioFrame(frame.pcm, self._written, frame.format)))
        self._written += frame.samples
        if self._fitting.holding:
            self._fed.set()

    def _play(self, pieces: list[Piece]) -> None:
        (self._queue.pieces if self._held is None else self._held).extend(pieces)
