"""The format of an audio stream, and the conversion between samples, bytes and seconds.

A *sample* covers one instant on all channels: a second of stereo at 16 kHz has 16,000 samples. Media time is always an
integer number of samples; seconds are for people and for deadlines.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from voicekit.errors import ConfigError

Encoding: TypeAlias = Literal["pcm16", "float32", "mulaw", "alaw"]

_WIDTHS: dict[str, int] = {"pcm16": 2, "float32": 4, "mulaw": 1, "alaw": 1}
# The byte of silence in each encoding: G.711 mu-law sends +0 as 0xFF, A-law as 0xD5 (ITU-T G.711, tables 1 and 2).
_SILENT_BYTE: dict[str, bytes] = {"pcm16": b"\0", "float32": b"\0", "mulaw": b"\xff", "alaw": b"\xd5"}


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """The rate in Hz, the encoding and the number of channels of all frames in a stream. Samples are little-endian and
    interleaved.

    Raises ConfigError for a rate, an encoding or a channel count that voicekit does not support.
    """

    rate: int = 16_000
    encoding: Encoding = "pcm16"
    channels: int = 1
    sample_bytes: int = field(init=False, repr=False, compare=False)
    """Bytes of one sample, for all channels together; stored, because it is used for every frame on every link."""

    def __post_init__(self) -> None:
        if not isinstance(self.rate, int) or not 1_000 <= self.rate <= 384_000:
            raise ConfigError(f"sample rate: expected an integer from 1000 to 384000 Hz, got {self.rate!r}")
        if self.encoding not in _WIDTHS:
            raise ConfigError(f"encoding: expected one of {', '.join(get_args(Encoding))}, got {self.encoding!r}")
        if self.channels not in (1, 2):
            raise ConfigError(f"channels: expected 1 (mono) or 2 (stereo), got {self.channels!r}")
        object.__setattr__(self, "sample_bytes", _WIDTHS[self.encoding] * self.channels)

    def samples(self, seconds: float) -> int:
        """The number of samples nearest to `seconds`."""
        return round(seconds * self.rate)

    def seconds(self, samples: int) -> float:
        return samples / self.rate

    def count(self, pcm: bytes | memoryview) -> int:
        """How many samples `pcm` contains. Raises ConfigError if it ends inside a sample."""
        samples, rest = divmod(len(pcm), self.sample_bytes)
        if rest:
            raise ConfigError(f"expected whole samples of {self.sample_bytes} bytes ({self}), got {len(pcm)} bytes")
        return samples

    def silence(self, samples: int) -> bytes:
        """`samples` samples of silence in this format."""
        return _SILENT_BYTE[self.encoding] * (samples * self.sample_bytes)

    def __str__(self) -> str:
        return f"{self.encoding} {self.rate} Hz {'mono' if self.channels == 1 else 'stereo'}"


PCM16K = AudioFormat(16_000)
"""The format that most recognisers want: 16 kHz, 16 bit, mono."""
