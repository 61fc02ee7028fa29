"""What this plugin needs from sound cards, and how it chooses a device.

`voicekit_device.portaudio` provides the real sound cards; tests use scripted ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from voicekit.audio.format import AudioFormat
from voicekit.errors import DeviceError

Direction: TypeAlias = Literal["microphone", "speaker"]

Hear: TypeAlias = Callable[[bytes, bool], None]
"""A microphone's thread calls it with each block of sound, and with whether sound before the block was lost."""

Play: TypeAlias = Callable[[int], bytes]
"""A speaker's thread calls it with a number of samples; it must return exactly that many."""

STEREO = 2


@dataclass(frozen=True, slots=True)
class Device:
    """A sound device, with its number of channels in each direction and its preferred sample rate."""

    index: int
    name: str
    inputs: int
    outputs: int
    rate: int

    def channels(self, direction: Direction) -> int:
        return self.inputs if direction == "microphone" else self.outputs


class Stream(Protocol):
    """A running stream of audio from or to a device. `latency`, as the device reports it, is the number of seconds
    between a callback and the moment at which its audio sounds in the room.
    """

    @property
    def latency(self) -> float: ...
    def close(self) -> None:
        """Stop the stream; no callback is made afterwards. This may take a while."""
        ...


class Cards(Protocol):
    """The sound cards of this computer. Every method may block; a failure raises DeviceError."""

    def devices(self, *, anew: bool = False) -> Sequence[Device]:
        """All devices. If `anew` is true and no stream is open, this looks for added and removed devices first."""
        ...

    def default(self, direction: Direction) -> int | None:
        """The index of the device that the system would choose."""
        ...

    def takes(self, device: Device, direction: Direction, sound: AudioFormat) -> bool:
        """Whether the device can be opened in the format `sound`."""
        ...

    def open_microphone(
        self,
        device: Device,
        sound: AudioFormat,
        block: int,
        hear: Hear,
        ended: Callable[[], None],
    ) -> Stream: ...

    def open_speaker(
        self,
        device: Device,
        sound: AudioFormat,
        block: int,
        play: Play,
        ended: Callable[[], None],
    ) -> Stream: ...


def choose(cards: Cards, wanted: str | None, direction: Direction, *, anew: bool = False) -> Device:
    """The device called `wanted`, or else the only one with `wanted` in its name; if `wanted` is None, the system's
    choice.

    Case does not matter. If there is no such device, raises DeviceError with a list of devices.
    """
    found = [device for device in cards.devices(anew=anew) if device.channels(direction)]
    if wanted is None:
        return _default(found, cards.default(direction), direction)
    name = wanted.casefold()
    exact = [device for device in found if device.name.casefold() == name]
    part = [device for device in found if name in device.name.casefold()]
    if exact or len({device.name for device in part}) == 1:
        return (exact or part)[0]
    problem = "several names contain" if part else "no name contains"
    raise DeviceError(
        f"{direction}: expected a device's name, or part of it; {problem} {wanted!r}{_listed(part or found)}"
    )


def device_format(cards: Cards, device: Device, direction: Direction, wanted: AudioFormat) -> AudioFormat:
    """The format nearest to `wanted` in which `device` can be opened.

    Tries the rate of `wanted`, then the device's own, each with the channels of `wanted` and then in stereo. Raises
    DeviceError if the device accepts none of these.
    """
    for rate in dict.fromkeys((wanted.rate, device.rate)):
        for channels in (wanted.channels, STEREO):
            offer = AudioFormat(rate, channels=channels)
            if channels <= device.channels(direction) and cards.takes(device, direction, offer):
                return offer
    raise DeviceError(f"{direction} {device.name!r} accepts neither {wanted} nor its default rate of {device.rate} Hz")


def _default(found: Sequence[Device], index: int | None, direction: Direction) -> Device:
    if not found:
        raise DeviceError(f"there is no {direction} on this computer")
    return next((device for device in found if device.index == index), found[0])


def _listed(devices: Sequence[Device]) -> str:
    return ": " + ", ".join(repr(device.name) for device in devices) if devices else "; there are no such devices"
