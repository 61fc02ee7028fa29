"""The microphone as a source.

device's thread ──ring of 1 s──▶ run: echo guard, track, resampler ──▶ outlet
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import trio

from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import Sound
from voicekit.audio.resample import Resampler
from voicekit.flow.groups import alone
from voicekit.flow.link import Outlet
from voicekit.flow.stage import Run
from voicekit.flow.threads import in_thread
from voicekit.flow.transform import Pipeable
from voicekit_device.cards import Cards, Device, Stream
from voicekit_device.handover import Block, Handover
from voicekit_device.plug import Plug, Socket, check_patience
from voicekit_device.portaudio import PortAudio
from voicekit_device.room import Echo, check_echo, echoes
from voicekit_device.track import Track

BLOCK_S = 0.02
"""Seconds of sound in each block from the device."""

KEPT_S = 1.0
"""Seconds of sound that can wait to be taken; beyond this, the oldest sound is lost."""

AWAY_S = 0.1
"""Seconds between two reports of elapsed time while the device is missing."""

TAIL_S = 0.25
"""Seconds for which the bot's voice echoes in a room, including the error of the device's reported latency."""


class Microphone(Pipeable):
    """The microphone called `device` (part of its name is enough), or the system's default; mono PCM16 at `rate`.

    `echo` says how to deal with the bot's own voice. With "half-duplex", the microphone is silent while the bot is
    audible and for `tail` seconds afterwards, so callers can't interrupt the bot by voice. With "headphones", the
    microphone is always on.

    Sound that the device loses becomes a Gap. While the device itself is missing, Gaps fill the time; after `patience`
    seconds, `run` raises DeviceError. If there is no such device, `open` raises DeviceError. If the device does not
    accept `rate`, its sound is resampled.
    """

    name = "microphone"
    live = True
    accepts: AudioFormat | None = None

    def __init__(
        self,
        device: str | None = None,
        *,
        rate: int = 16_000,
        echo: Echo = "half-duplex",
        tail: float = TAIL_S,
        patience: float = 10.0,
        cards: Cards | None = None,
    ) -> None:
        check_echo(echo, tail)
        check_patience(patience)
        self.produces = AudioFormat(rate)
        self._device = device
        self._tail = tail if echo == "half-duplex" else None
        self._patience = patience
        self._cards = cards or PortAudio()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Run[Any, Any]]:
        socket = await in_thread(Socket.find, self._cards, "microphone", self._device, self.produces)
        sound = socket.format
        handover = Handover(sound.sample_bytes, round(KEPT_S / BLOCK_S))

        def listen(device: Device, ended: Callable[[], None]) -> Stream:
            return self._cards.open_microphone(device, sound, sound.samples(BLOCK_S), handover.put, ended)

        plug = Plug(socket, listen, pulse=lambda: handover.count, patience=self._patience)
        try:
            await plug.plug_in()
            with alone():
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(plug.mind, handover.tear)
                    yield lambda inbox, outbox: self._run(plug, handover, sound, outbox)
                    nursery.cancel_scope.cancel()
        finally:
            await plug.pull_out()

    async def _run(self, plug: Plug, handover: Handover, sound: AudioFormat, outbox: Outlet[Any]) -> None:
        handover.clear()
        track = Track(sound, handover.count, trio.current_time())
        resampler = None if sound == self.produces else Resampler(sound, self.produces)
        while True:
            plug.check()
            said: list[Sound] = []
            with trio.move_on_after(AWAY_S) as waiting:
                said = track.heard(self._guarded(await handover.take(), plug.latency, sound))
            if waiting.cancelled_caught and plug.lost:
                said = track.away(trio.current_time())
            for one in said:
                for made in (one,) if resampler is None else resampler.feed(one):
                    await outbox.send(made)

    def _guarded(self, block: Block, latency: float, sound: AudioFormat) -> Block:
        """The block, or silence instead if the block may contain an echo."""
        if self._tail is None:
            return block
        samples = sound.count(block.pcm)
        began = block.came - latency - sound.seconds(samples)
        return replace(block, pcm=sound.silence(samples)) if echoes(began, block.came, self._tail) else block
