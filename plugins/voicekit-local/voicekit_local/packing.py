"""Converts speech to the format that a client wants: raw, WAV, or one that libsndfile can encode as a stream.

Each stream has its own Packing, which is fed piece by piece. A header, if the format has one, is sent once; the length
in this header stands for "until the end".
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from voicekit.audio.format import AudioFormat, Encoding
from voicekit.audio.frame import AudioFrame, Sound
from voicekit.audio.resample import Resampler
from voicekit.errors import ConfigError
from voicekit.soniox.api.limits import TTS_RAW_FORMATS
from voicekit.soniox.api.wire import TtsConfig

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

USUAL_RATE: Final = 24_000
"""The rate for formats with a header if the client names no rate."""

USUAL_BITRATE: Final = 64_000
"""The bitrate of MP3 if the client names none: enough for one voice."""

FORMATS: Final = (*TTS_RAW_FORMATS, "wav", "flac", "mp3", "opus")
"""The service's formats, except AAC, which libsndfile can't make."""

OPUS_RATES: Final = (8_000, 16_000, 24_000, 48_000)

_RAW: Final[dict[str, Encoding]] = {
    "pcm_s16le": "pcm16", "pcm_s16be": "pcm16", "pcm_f32le": "float32", "pcm_mulaw": "mulaw", "pcm_alaw": "alaw",
}  # fmt: skip
_FILES: Final = {
    "flac": ("FLAC", "PCM_16"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "opus": ("OGG", "OPUS"),
}
_MP3_BITRATES: Final = {32_000: (32_000, 320_000), 16_000: (8_000, 160_000), 0: (8_000, 64_000)}
"""The lowest and the highest bitrate of MP3 from each sample rate on: libsndfile's compression levels 1 and 0."""
_OPUS_BITRATES: Final = (6_000, 256_000)
_FIRMEST: Final = 0.999
"""The highest compression level used for MP3: at 1.0, libsndfile fails."""


def unmakeable(config: TtsConfig) -> str | None:
    """Why the format of `config` can't be made although the protocol allows it; None if it can."""
    rate = config.sample_rate or USUAL_RATE
    if config.audio_format == "opus" and rate not in OPUS_RATES:
        return f"Invalid sample rate '{rate}' for opus."
    return None


class Packing:
    """Converts PCM16 mono at `rate` to bytes in the format of `config`; its methods block briefly."""

    def __init__(self, config: TtsConfig, rate: int) -> None:
        name = config.audio_format or ""
        self._source = AudioFormat(rate)
        target = AudioFormat(config.sample_rate or USUAL_RATE, _RAW.get(name, "pcm16"))
        self._resampler = None if self._source == target else Resampler(self._source, target)
        self._at = 0
        self._pack, self._close = _packer(name, target.rate, config.bitrate)

    def feed(self, pcm: bytes) -> bytes:
        """The bytes that are ready; resamplers and encoders hold back some audio."""
        if self._resampler is None:
            return self._pack(pcm)
        frame = AudioFrame(pcm, self._at, self._source)
        self._at = frame.end
        return self._pack(_joined(self._resampler.feed(frame)))

    def finish(self) -> bytes:
        """The bytes that were held back; nothing may be fed afterwards."""
        rest = b"" if self._resampler is None else _joined(self._resampler.finish())
        return (self._pack(rest) if rest else b"") + self._close()


def _joined(sound: list[Sound]) -> bytes:
    return b"".join(frame.pcm for frame in sound if isinstance(frame, AudioFrame))


def _packer(name: str, rate: int, bitrate: int | None) -> tuple[Callable[[bytes], bytes], Callable[[], bytes]]:
    """A function that packs sound at `rate`, and a function that returns the last bytes."""
    if name == "pcm_s16be":
        return _swapped, _nothing
    if name in _RAW:
        return bytes, _nothing
    if name == "wav":
        wave = _Wave(rate)
        return wave.pack, wave.close
    if name in _FILES:
        file = _File(name, rate, bitrate)
        return file.pack, file.close
    raise ConfigError(f"speech: expected one of {', '.join(FORMATS)}, got {name!r}")


def _nothing() -> bytes:
    return b""


def _swapped(pcm: bytes) -> bytes:
    import numpy

    return numpy.frombuffer(pcm, "<i2").astype(">i2").tobytes()


class _Wave:
    """A WAV whose length is not known when its header is sent: the header has the greatest possible length."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._any = False

    def pack(self, pcm: bytes) -> bytes:
        if self._any or not pcm:
            return pcm
        self._any = True
        return _wave_header(self._rate) + pcm

    def close(self) -> bytes:
        return b"" if self._any else _wave_header(self._rate)


def _wave_header(rate: int) -> bytes:
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16)
    return struct.pack("<4sI4s", b"RIFF", 0xFFFF_FFFF, b"WAVE") + form + struct.pack("<4sI", b"data", 0xFFFF_FFFF)


class _File:
    """An encoder of libsndfile, which writes to a file object from which we take the bytes."""

    def __init__(self, name: str, rate: int, bitrate: int | None) -> None:
        import soundfile

        container, subtype = _FILES[name]
        self._out = _Outflow()
        self._file: Any = soundfile.SoundFile(
            self._out,
            "w",
            samplerate=rate,
            channels=1,
            format=container,
            subtype=subtype,
            **_pressing(name, rate, bitrate),
        )

    def pack(self, pcm: bytes) -> bytes:
        self._file.write(_samples(pcm))
        return self._out.taken()

    def close(self) -> bytes:
        self._file.close()
        return self._out.taken()


def _samples(pcm: bytes) -> NDArray[np.int16]:
    import numpy

    return numpy.frombuffer(pcm, "<i2")


def _pressing(name: str, rate: int, bitrate: int | None) -> dict[str, Any]:
    """The settings with which libsndfile comes as near to `bitrate` as the codec allows at this rate."""
    if name == "flac" or (name == "opus" and bitrate is None):
        return {}
    if name == "opus":
        return {"compression_level": _level(_OPUS_BITRATES, bitrate)}
    scale = next(scale for least, scale in _MP3_BITRATES.items() if rate >= least)
    # With a variable bitrate, players would calculate the length of an MP3 from its first frame, and stop too early.
    return {"compression_level": min(_FIRMEST, _level(scale, bitrate)), "bitrate_mode": "CONSTANT"}


def _level(scale: tuple[int, int], bitrate: int | None) -> float:
    least, most = scale
    return min(1.0, max(0.0, (most - (bitrate or USUAL_BITRATE)) / (most - least)))


class _Outflow(io.RawIOBase):
    """A file to which one can only append: when the encoder corrects its header, the header has already been sent."""

    def __init__(self) -> None:
        self._fresh = bytearray()
        self._length = 0
        self._at = 0

    def taken(self) -> bytes:
        """The bytes written since the last call."""
        data = bytes(self._fresh)
        self._fresh.clear()
        return data

    def write(self, data: Any) -> int:
        count = len(data)
        if self._at == self._length:
            self._fresh += bytes(data)
            self._length += count
        self._at += count
        return count

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._length}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, into: Any) -> int:
        return 0
