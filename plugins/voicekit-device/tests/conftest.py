"""Sound cards that are played by trio's clock, for tests in virtual time."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
import trio

from voicekit import AudioFormat, DeviceError
from voicekit_device.cards import Device, Direction

LATENCY = 0.04
PERIOD = 30_000
COUNTED = array("h", range(PERIOD)) * 2


def counted(first: int, samples: int) -> bytes:
    """Samples that count themselves, from `first` on; after 30,000 they begin again."""
    start = first % PERIOD
    return COUNTED[start : start + samples].tobytes()


@dataclass
class FakeStream:
    """Calls its device every block, from the task that `open_...` starts, until it is closed or the card is gone."""

    sound: AudioFormat
    block: int
    call: Callable[[], None]
    ended: Callable[[], None]
    latency: float = LATENCY
    closed: bool = False
    dead: bool = False
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)

    def start(self) -> None:
        trio.lowlevel.spawn_system_task(self._run)

    def end(self) -> None:
        """The device goes away."""
        self.dead = True
        self.scope.cancel()
        self.ended()

    def close(self) -> None:
        self.closed = True
        self.scope.cancel()

    async def _run(self) -> None:
        start, blocks = trio.current_time(), 0
        with self.scope:
            while True:
                blocks += 1
                await trio.sleep_until(start + blocks * self.block / self.sound.rate)
                self.call()


@dataclass
class FakeCards:
    """One headset, which may be pulled out. The microphone counts its samples, the speaker keeps what was heard."""

    rates: tuple[int, ...] = (8_000, 16_000, 24_000, 48_000)
    mono: bool = True
    names: tuple[str, ...] = ("Headset", "HDMI out")
    plugged: bool = True
    mute: bool = False  # the streams stay open, but make no callbacks
    recorded: int = 0
    heard: list[tuple[float, bytes]] = field(default_factory=list)  # when each sound reached the ear, and the sound
    open: list[FakeStream] = field(default_factory=list)
    looked_anew: int = 0

    def devices(self, *, anew: bool = False) -> list[Device]:
        self.looked_anew += anew
        headset = Device(0, self.names[0], 1 if self.mono else 2, 2, self.rates[-1])
        others = [Device(place, name, 0, 2, self.rates[-1]) for place, name in enumerate(self.names[1:], 1)]
        return [headset, *others] if self.plugged else others

    def default(self, direction: Direction) -> int | None:
        return 0

    def takes(self, device: Device, direction: Direction, sound: AudioFormat) -> bool:
        return sound.rate in self.rates and (self.mono or sound.channels == 2)

    def open_microphone(
        self,
        device: Device,
        sound: AudioFormat,
        block: int,
        hear: Callable[[bytes, bool], None],
        ended: Callable[[], None],
    ) -> FakeStream:
        def call() -> None:
            if not self.mute:
                hear(counted(self.recorded, block * sound.channels), False)
                self.recorded += block

        return self._opened(FakeStream(sound, block, call, ended))

    def open_speaker(
        self,
        device: Device,
        sound: AudioFormat,
        block: int,
        play: Callable[[int], bytes],
        ended: Callable[[], None],
    ) -> FakeStream:
        def call() -> None:
            if not self.mute:
                self.heard.append((trio.current_time() + LATENCY, play(block)))

        return self._opened(FakeStream(sound, block, call, ended))

    def pull_out(self) -> None:
        self.plugged = False
        for stream in self.open:
            if not stream.closed:
                stream.end()

    @property
    def pcm(self) -> bytes:
        return b"".join(pcm for _, pcm in self.heard)

    @property
    def living(self) -> list[FakeStream]:
        return [stream for stream in self.open if not stream.closed]

    def _opened(self, stream: FakeStream) -> FakeStream:
        if not self.plugged:
            raise DeviceError("no such device")
        stream.start()
        self.open.append(stream)
        return stream


@pytest.fixture
def cards() -> FakeCards:
    return FakeCards()


@pytest.fixture
def stubborn_cards() -> FakeCards:
    """A headset that wants 48 kHz stereo and nothing else."""
    return FakeCards(rates=(48_000,), mono=False)
