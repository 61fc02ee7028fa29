"""Converts a client's raw audio to the recognisers' format: decodes it, mixes it to mono, and resamples it.

Pure and exact to the sample: if data ends inside a sample, that sample waits for its remaining bytes. Loads numpy when
a RawIntake is made.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from voicekit.audio.codec import convert, from_floats
from voicekit.audio.format import PCM16K, AudioFormat
from voicekit.audio.frame import AudioFrame, Sound
from voicekit.audio.resample import Resampler
from voicekit.errors import ConfigError
from voicekit.soniox.api.limits import STT_RAW_FORMATS
from voicekit.soniox.api.wire import SttConfig

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LAWS: Final = ("mulaw", "alaw")
_NAME: Final = re.compile(r"pcm_([suf])(8|16|24|32|64)(le|be)?$")


class RawIntake:
    """Converts the audio of a session whose configuration names a raw format; `feed` returns PCM16 mono at 16 kHz.

    Raises ConfigError for a rate that the resampler does not accept.
    """

    def __init__(self, config: SttConfig) -> None:
        name, channels = config.audio_format or "", config.num_channels or 1
        self._as_it_is = (name, config.sample_rate, channels) == ("pcm_s16le", PCM16K.rate, 1)
        self._sample_bytes = STT_RAW_FORMATS[name] * channels
        self._source = AudioFormat(config.sample_rate or 0, "float32", 1)
        self._read = _reader(name, channels)
        self._rest = b""
        self._at = 0
        self._resampler = None if self._source.rate == PCM16K.rate else Resampler(self._source, PCM16K)

    def feed(self, data: bytes) -> bytes:
        """The converted audio that is ready; the resampler holds back a few milliseconds."""
        data = self._rest + data
        whole = len(data) // self._sample_bytes * self._sample_bytes
        self._rest = data[whole:]
        if self._as_it_is or not whole:
            return data[:whole]
        floats = self._read(data[:whole])
        if self._resampler is None:
            return from_floats(floats, PCM16K)
        frame = AudioFrame(floats.tobytes(), self._at, self._source)
        self._at = frame.end
        return _joined(self._resampler.feed(frame))

    def finish(self) -> bytes:
        """The audio that was held back."""
        return b"" if self._resampler is None else _joined(self._resampler.finish())


def _joined(sound: list[Sound]) -> bytes:
    return b"".join(frame.pcm for frame in sound if isinstance(frame, AudioFrame))


def _reader(name: str, channels: int) -> Callable[[bytes], NDArray[np.float32]]:
    """A function that converts bytes in the format called `name` to a column of float32."""
    if name in _LAWS:
        return partial(_of_law, AudioFormat(8_000, name, channels))  # type: ignore[arg-type]  # name is in _LAWS
    found = _NAME.match(name)
    if found is None:
        raise ConfigError(f"expected one of Soniox's raw formats, got {name!r}")
    kind, bits, order = found[1], int(found[2]), ">" if found[3] == "be" else "<"
    if kind == "f":
        return partial(_of_floats, f"{order}f{bits // 8}", channels)
    if bits == 24:
        return partial(_of_three_bytes, order, kind == "u", channels)
    return partial(_of_integers, f"{order}{'u' if kind == 'u' else 'i'}{bits // 8}", bits, channels)


def _of_law(source: AudioFormat, data: bytes) -> NDArray[np.float32]:
    import numpy

    flat = numpy.frombuffer(convert(data, source, AudioFormat(source.rate, "float32")), "<f4")
    return flat.reshape(-1, 1)


def _of_floats(kind: str, channels: int, data: bytes) -> NDArray[np.float32]:
    import numpy

    loud = numpy.nan_to_num(numpy.frombuffer(data, kind)).clip(-1.0, 1.0)
    return _mono(loud, channels)


def _of_integers(kind: str, bits: int, channels: int, data: bytes) -> NDArray[np.float32]:
    import numpy

    half = 1 << (bits - 1)
    values = numpy.frombuffer(data, kind).astype(numpy.float64)
    return _mono((values - half if "u" in kind else values) / half, channels)


def _of_three_bytes(order: str, unsigned: bool, channels: int, data: bytes) -> NDArray[np.float32]:
    """Read 24-bit values, for which there is no type: each becomes the upper bytes of 32 bits, which keeps the sign."""
    import numpy

    threes = numpy.frombuffer(data, numpy.uint8).reshape(-1, 3)
    wide = numpy.zeros((len(threes), 4), numpy.uint8)
    wide[:, 1:] = threes if order == "<" else threes[:, ::-1]
    return _of_integers("<u4" if unsigned else "<i4", 32, channels, wide.tobytes())


def _mono(values: NDArray[Any], channels: int) -> NDArray[np.float32]:
    import numpy

    mono: NDArray[np.float32] = values.reshape(-1, channels).mean(axis=1, keepdims=True).astype(numpy.float32)
    return mono
