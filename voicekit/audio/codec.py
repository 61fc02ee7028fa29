"""Encodings and channels: mu-law, A-law, PCM16 and float32, mono and stereo; the rate does not change.

G.711 uses two tables per law, made from the formulas of ITU-T G.711 when they are first needed: 65,536 entries to
encode and 256 to decode. The tables agree bit for bit with Python's own `audioop`, which was removed in 3.13. A float
of 1.0 equals 32,768 steps of PCM16, so every PCM16 sample survives the conversion to a float and back. Anything louder
is clipped. NaN counts as silence. Stereo becomes mono by averaging, and mono becomes stereo by doubling.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

from voicekit.audio.format import AudioFormat, Encoding
from voicekit.errors import ConfigError

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[numpy.float32]
    Samples: TypeAlias = NDArray[Any]

FULL_SCALE = 32_768
"""The number of PCM16 steps in a float of 1.0."""

LOUDEST = 256.0
"""The largest float that can be sound: 48 dB above full scale. Floats may exceed 1.0 until they are encoded."""

BIAS = 33
"""Added to magnitudes in mu-law, so that every segment begins at a power of two. The same number puts an A-law sample
into the middle of its step.
"""

MU_LARGEST = 8_191
"""The largest magnitude in mu-law, including the bias: 13 bits."""

INVERTED = {"mulaw": 0x7F, "alaw": 0x55}
"""The bits that G.711 inverts on the line: all of the magnitude in mu-law, every second bit in A-law."""

POSITIVE = 0x80
"""The sign bit of a G.711 byte: set for positive samples."""


def convert(pcm: bytes, source: AudioFormat, target: AudioFormat) -> bytes:
    """`pcm` in format `source`, converted to the encoding and channels of `target`.

    Raises ConfigError if the rates differ (use the resampler) or `pcm` ends inside a sample.
    """
    if source.rate != target.rate:
        raise ConfigError(f"converting {source} to {target}: the rates differ; add resample() to change the rate")
    source.count(pcm)
    if source == target:
        return pcm
    return _encoded(_mixed(_decoded(pcm, source), target.channels), target.encoding)


def to_floats(pcm: bytes, source: AudioFormat, channels: int) -> Floats:
    """`pcm` as a float32 array with one row per sample and one column for each of the `channels`."""
    return _mixed(_as_floats(_decoded(pcm, source)), channels)


def from_floats(samples: Floats, target: AudioFormat) -> bytes:
    """`samples` converted to the encoding and channels of `target`. `samples` must be finite numbers, in an array
    shaped like the result of `to_floats`.
    """
    return _encoded(_mixed(samples, target.channels), target.encoding)


def _decoded(pcm: bytes, source: AudioFormat) -> Samples:
    """`pcm` as PCM16 samples, or as float32 if the source is float32. Rows are samples, and columns are channels."""
    import numpy

    flat: Samples
    if source.encoding == "pcm16":
        flat = numpy.frombuffer(pcm, "<i2")
    elif source.encoding == "float32":
        flat = numpy.nan_to_num(numpy.frombuffer(pcm, "<f4")).clip(-LOUDEST, LOUDEST)
    else:
        flat = _decoding_table(source.encoding)[numpy.frombuffer(pcm, numpy.uint8)]
    return flat.reshape(-1, source.channels)


def _mixed(samples: Samples, channels: int) -> Samples:
    import numpy

    if samples.shape[1] == channels:
        return samples
    if channels > 1:
        return numpy.repeat(samples, channels, axis=1)
    mono: Floats = samples.mean(axis=1, keepdims=True, dtype=numpy.float32)
    return mono if samples.dtype == numpy.float32 else numpy.rint(mono).astype(numpy.int16)


def _as_floats(samples: Samples) -> Floats:
    import numpy

    floats: Floats = samples.astype(numpy.float32, copy=False)
    return floats if samples.dtype == numpy.float32 else floats / numpy.float32(FULL_SCALE)


def _encoded(samples: Samples, encoding: Encoding) -> bytes:
    import numpy

    if encoding == "float32":
        return _as_floats(samples).astype("<f4", copy=False).tobytes()
    if samples.dtype == numpy.float32:
        steps = numpy.rint(numpy.clip(samples, -1.0, 1.0) * FULL_SCALE)
        samples = numpy.minimum(steps, FULL_SCALE - 1).astype(numpy.int16)
    if encoding == "pcm16":
        return samples.astype("<i2", copy=False).tobytes()
    return _encoding_table(encoding)[samples.astype(numpy.int16, copy=False).view(numpy.uint16)].tobytes()


@cache
def _encoding_table(law: Encoding) -> NDArray[numpy.uint8]:
    """The G.711 byte of each PCM16 sample. The index is the sample, read as an unsigned number."""
    import numpy

    pcm = numpy.arange(1 << 16).astype(numpy.uint16).view(numpy.int16).astype(numpy.int32)
    if law == "mulaw":  # 14 bits: the sign and 13 bits of magnitude
        size = numpy.minimum(abs(pcm >> 2) + BIAS, MU_LARGEST)
        segment = _highest_bit(size) - 5
        step = size >> (segment + 1)
    else:  # 13 bits: the sign and 12 bits of magnitude; the first two segments have the same step
        size = numpy.where(pcm < 0, ~(pcm >> 3), pcm >> 3)
        segment = numpy.maximum(_highest_bit(size) - 4, 0)
        step = size >> numpy.maximum(segment, 1)
    sign = numpy.where(pcm < 0, 0, POSITIVE)
    code: NDArray[numpy.int64] = sign | (segment << 4) | (step & 0xF)
    return (code ^ INVERTED[law]).astype(numpy.uint8)


@cache
def _decoding_table(law: Encoding) -> NDArray[numpy.int16]:
    """The PCM16 sample of each G.711 byte."""
    import numpy

    code = numpy.arange(1 << 8) ^ INVERTED[law]
    segment, step = (code >> 4) & 7, (code & 0xF) << 1
    if law == "mulaw":
        size = (((step + BIAS) << segment) - BIAS) << 2
    else:
        size = numpy.where(segment == 0, step + 1, (step + BIAS) << numpy.maximum(segment - 1, 0)) << 3
    return numpy.where(code & POSITIVE, size, -size).astype(numpy.int16)


def _highest_bit(values: NDArray[numpy.int32]) -> NDArray[numpy.int32]:
    """The number of the highest bit that is set, counted from 0 (-1 if no bit is set)."""
    import numpy

    return numpy.frexp(values)[1] - 1  # exact, since floats can represent every integer of this size
