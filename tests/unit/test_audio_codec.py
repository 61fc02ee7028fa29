"""Encodings: G.711 to the bit, floats with clipping, mono and stereo."""

from __future__ import annotations

import hashlib
import sys
import warnings

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicekit.audio.codec import convert
from voicekit.audio.format import AudioFormat, Encoding
from voicekit.errors import ConfigError

PCM = AudioFormat(8_000)
STEREO = AudioFormat(8_000, channels=2)
FLOAT = AudioFormat(8_000, "float32")
MULAW = AudioFormat(8_000, "mulaw")
ALAW = AudioFormat(8_000, "alaw")

EVERY_SAMPLE = numpy.arange(1 << 16).astype("<u2").tobytes()
EVERY_BYTE = bytes(range(256))

# SHA-256 of all samples, encoded, and of all bytes, decoded; compared with audioop where it exists.
DIGESTS = {
    "mulaw": (
        "617fa4850d68d3906597e949f7625fb2fc46db479e29707f33159b3d131721cb",
        "3dab54339e520bb2c924826e3b72a917a2b612e9fd12fc867500f1d983a75827",
    ),
    "alaw": (
        "f77c76aa923ee25617453f87514828a12896227f82ff383bf3bb53d6ac7c2a0f",
        "e04788d110e58ff8c70c93b8480190d973e3b67876b6119abbaec766cc75c174",
    ),
}


def floats(*values: float) -> bytes:
    return numpy.array(values, "<f4").tobytes()


def samples(*values: int) -> bytes:
    return numpy.array(values, "<i2").tobytes()


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="Python has no audioop from 3.13 on")
def test_g711_is_bit_exact_with_audioop() -> None:
    """All 65,536 samples and all 256 bytes are coded as Python's own C code did."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import audioop
    assert convert(EVERY_SAMPLE, PCM, MULAW) == audioop.lin2ulaw(EVERY_SAMPLE, 2)
    assert convert(EVERY_SAMPLE, PCM, ALAW) == audioop.lin2alaw(EVERY_SAMPLE, 2)
    assert convert(EVERY_BYTE, MULAW, PCM) == audioop.ulaw2lin(EVERY_BYTE, 2)
    assert convert(EVERY_BYTE, ALAW, PCM) == audioop.alaw2lin(EVERY_BYTE, 2)


@pytest.mark.parametrize("law", ["mulaw", "alaw"])
def test_g711_tables_have_the_known_digests(law: Encoding) -> None:
    """The tables are the same on every Python, also where there is no audioop to compare with."""
    line = AudioFormat(8_000, law)
    made = convert(EVERY_SAMPLE, PCM, line), convert(EVERY_BYTE, line, PCM)
    assert tuple(hashlib.sha256(table).hexdigest() for table in made) == DIGESTS[law]


@pytest.mark.parametrize("law", ["mulaw", "alaw"])
def test_g711_silence_is_the_silent_byte_of_the_format(law: Encoding) -> None:
    """Encoded digital silence is what `AudioFormat.silence` makes."""
    line = AudioFormat(8_000, law)
    assert convert(PCM.silence(3), PCM, line) == line.silence(3)


@pytest.mark.parametrize("law", ["mulaw", "alaw"])
def test_g711_bytes_survive_decoding_and_encoding(law: Encoding) -> None:
    """Decoding loses nothing: every byte comes back, except mu-law's minus zero, which becomes plus zero."""
    line = AudioFormat(8_000, law)
    back = convert(convert(EVERY_BYTE, line, PCM), PCM, line)
    assert back == (EVERY_BYTE.replace(b"\x7f", b"\xff") if law == "mulaw" else EVERY_BYTE)


def test_every_pcm16_sample_survives_float32() -> None:
    """PCM16 to float32 and back is exact for all 65,536 values."""
    assert convert(convert(EVERY_SAMPLE, PCM, FLOAT), FLOAT, PCM) == EVERY_SAMPLE


def test_loud_floats_are_clipped() -> None:
    """What exceeds full scale becomes the largest sample, never a wrapped one."""
    loud = floats(1.0, -1.0, 1.5, -1.5, 1e30, float("inf"), float("-inf"))
    assert convert(loud, FLOAT, PCM) == samples(32767, -32768, 32767, -32768, 32767, 32767, -32768)


def test_floats_are_rounded_to_the_nearest_sample() -> None:
    """Rounding adds no offset: small positive and negative values fare alike."""
    assert convert(floats(0.6 / 32768, -0.6 / 32768, 0.4 / 32768, -0.4 / 32768), FLOAT, PCM) == samples(1, -1, 0, 0)


def test_a_float_that_is_no_number_is_silence() -> None:
    """NaN from a broken producer harms neither its neighbours nor the codec."""
    assert convert(floats(0.5, float("nan"), 0.5), FLOAT, PCM) == samples(16384, 0, 16384)


def test_absurdly_loud_floats_can_be_mixed() -> None:
    """Two channels near the largest float do not overflow into infinity."""
    mono = convert(floats(3e38, 3e38, -3e38, -3e38), AudioFormat(8_000, "float32", 2), FLOAT)
    assert mono == floats(256.0, -256.0)


def test_mono_is_the_average_of_both_channels() -> None:
    """Neither channel is lost, and two loud channels do not overflow."""
    assert convert(samples(100, 300, 32767, 32767, -32768, -32768), STEREO, PCM) == samples(200, 32767, -32768)


def test_stereo_is_mono_twice() -> None:
    """Both channels hold the same sound, interleaved."""
    assert convert(samples(1, -2), PCM, STEREO) == samples(1, 1, -2, -2)


def test_encoding_and_channels_change_together() -> None:
    """Stereo floats become a mono telephone line in one call."""
    stereo_float = AudioFormat(8_000, "float32", 2)
    assert convert(floats(0.25, 0.75), stereo_float, MULAW) == convert(samples(16384), PCM, MULAW)


def test_the_same_format_returns_the_same_bytes() -> None:
    """Nothing is copied, and float32 is not even looked at."""
    pcm = floats(float("nan"))
    assert convert(pcm, FLOAT, FLOAT) is pcm


def test_another_rate_is_refused() -> None:
    """The codec never changes the rate, and says who does."""
    with pytest.raises(ConfigError, match=r"pcm16 8000 Hz mono to pcm16 16000 Hz mono: the rates differ; add resample"):
        convert(b"", PCM, AudioFormat(16_000))


def test_half_a_sample_is_refused() -> None:
    """Bytes that end inside a sample are an error, not a guess."""
    with pytest.raises(ConfigError, match="expected whole samples of 2 bytes"):
        convert(b"\0\0\0", PCM, MULAW)


@given(
    pcm=st.binary(max_size=256).map(lambda raw: raw[: len(raw) // 8 * 8]),
    source=st.builds(
        AudioFormat, st.just(8_000), st.sampled_from(["pcm16", "float32", "mulaw", "alaw"]), st.integers(1, 2)
    ),
    target=st.builds(
        AudioFormat, st.just(8_000), st.sampled_from(["pcm16", "float32", "mulaw", "alaw"]), st.integers(1, 2)
    ),
)
def test_any_bytes_convert_to_as_many_samples(pcm: bytes, source: AudioFormat, target: AudioFormat) -> None:
    """Whatever the bytes hold, every pair of formats converts without a warning and keeps the number of samples."""
    assert target.count(convert(pcm, source, target)) == source.count(pcm)
