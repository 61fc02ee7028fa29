"""The sound cards of this computer, through PortAudio (the package sounddevice).

PortAudio is not thread-safe, so everything except its callbacks goes through one lock. PortAudio lists the devices
once. We make it list them again only while no stream is open, because making a new list ends every stream. (Otherwise
the search for a lost device would interrupt the bot's words twice a second.)
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from voicekit.audio.format import AudioFormat
from voicekit.errors import DeviceError
from voicekit_device.cards import Device, Direction, Hear, Play, Stream

LATENCY = 0.04
"""Seconds of sound that we ask the device to buffer. On a busy machine, 99 of 100 callbacks came at most 13 ms late,
and the latest came 60 ms late (benchmarks/device_lateness.py). A larger buffer would delay every hold and every cut.
"""

_lock = threading.Lock()
_open: set[object] = set()


class PortAudio:
    """The sound cards that PortAudio finds."""

    def devices(self, *, anew: bool = False) -> Sequence[Device]:
        with _portaudio() as portaudio:
            if anew and not _open:  # PortAudio is restarted, as sounddevice's documentation recommends
                portaudio._terminate()
                portaudio._initialize()
            return [
                Device(
                    index=found["index"],
                    name=found["name"],
                    inputs=found["max_input_channels"],
                    outputs=found["max_output_channels"],
                    rate=round(found["default_samplerate"]),
                )
                for found in portaudio.query_devices()
            ]

    def default(self, direction: Direction) -> int | None:
        with _portaudio() as portaudio:
            index = int(portaudio.default.device[0 if direction == "microphone" else 1])
        return index if index >= 0 else None

    def takes(self, device: Device, direction: Direction, sound: AudioFormat) -> bool:
        with _portaudio() as portaudio:
            check = portaudio.check_input_settings if direction == "microphone" else portaudio.check_output_settings
            try:
                check(device=device.index, channels=sound.channels, dtype="int16", samplerate=sound.rate)
            except portaudio.PortAudioError:
                return False
        return True

    def open_microphone(
        self,
        device: Device,
        sound: AudioFormat,
        block: int,
        hear: Hear,
        ended: Callable[[], None],
    ) -> Stream:
        def recorded(heard: Any, samples: int, time: Any, status: Any) -> None:
            hear(bytes(heard), bool(status and status.input_overflow))

        with _portaudio() as portaudio:
            return _Opened(portaudio.RawInputStream, device, sound, block, recorded, ended)

    def open_speaker(
        self,
        device: Device,
        sound: AudioFormat,
        block: int,
        play: Play,
        ended: Callable[[], None],
    ) -> Stream:
        def wanted(room: Any, samples: int, time: Any, status: Any) -> None:
            room[:] = play(samples)

        with _portaudio() as portaudio:
            return _Opened(portaudio.RawOutputStream, device, sound, block, wanted, ended)


class _Opened:
    """A started PortAudio stream."""

    def __init__(
        self,
        kind: Callable[..., Any],
        device: Device,
        sound: AudioFormat,
        block: int,
        callback: Callable[..., None],
        ended: Callable[[], None],
    ) -> None:
        self._stream = kind(
            device=device.index,
            samplerate=sound.rate,
            channels=sound.channels,
            blocksize=block,
            dtype="int16",
            latency=LATENCY,
            callback=callback,
            finished_callback=ended,
        )
        self._stream.start()
        self.latency = float(self._stream.latency)
        _open.add(self)

    def close(self) -> None:
        with _lock:
            _open.discard(self)
            self._stream.close(ignore_errors=True)


@contextmanager
def _portaudio() -> Iterator[Any]:
    """The module sounddevice, under our lock; its errors become DeviceErrors."""
    with _lock:
        try:
            import sounddevice
        except OSError as error:
            raise DeviceError(f"the library PortAudio is missing{_remedy()} ({error})") from error
        try:
            yield sounddevice
        except sounddevice.PortAudioError as error:
            raise DeviceError(str(error)) from error


def _remedy() -> str:
    return ": install the Debian package libportaudio2" if sys.platform.startswith("linux") else ""
