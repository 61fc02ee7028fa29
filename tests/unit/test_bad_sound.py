"""Bad sound files: each is a clear error before any sound flows, or a stated conversion."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest
import soundfile

from voicekit.audio.file import SoundFileReader
from voicekit.audio.format import AudioFormat
from voicekit.errors import ConfigError
from voicekit.listen.file_source import FileSource

RATE = 16_000
TONE = (12_000 * numpy.sin(2 * numpy.pi * 440 * numpy.arange(RATE) / RATE)).astype("<i2")


def samples_of(path: Path) -> list[int]:
    with SoundFileReader(path) as reader:
        frame = reader.read(10 * RATE)
    assert frame is not None
    values: list[int] = numpy.frombuffer(frame.pcm, "<i2").tolist()
    return values


def test_a_missing_file_is_a_config_error(tmp_path: Path) -> None:
    """The line can't even be built, and the message names the file."""
    with pytest.raises(ConfigError, match=r"nobody.wav: can't be opened: No such file or directory"):
        FileSource(tmp_path / "nobody.wav")


def test_an_empty_file_is_a_config_error(tmp_path: Path) -> None:
    """Zero bytes are not zero sound."""
    path = tmp_path / "empty.wav"
    path.touch()
    with pytest.raises(ConfigError, match=r"empty.wav: expected sound, got an empty file \(0 bytes\)"):
        FileSource(path)


def test_a_header_without_sound_is_a_config_error(tmp_path: Path) -> None:
    """A WAV that was opened and never written is reported, not played as nothing."""
    path = tmp_path / "header.wav"
    soundfile.write(path, TONE[:0], RATE)
    with pytest.raises(ConfigError, match=r"header.wav: expected sound, got a header that declares no samples"):
        FileSource(path)


@pytest.mark.parametrize("name", ["letter.txt", "letter.wav", "letter.mp3"])
def test_a_file_that_is_not_audio_is_a_config_error(tmp_path: Path, name: str) -> None:
    """Its content counts, not its name, and the message says what would do."""
    path = tmp_path / name
    path.write_text("Dear Sir or Madam,\n" * 50)
    with pytest.raises(ConfigError, match=rf"{name}: expected WAV, FLAC, OGG.*; libsndfile reports: "):
        FileSource(path)


def test_a_raw_file_is_a_config_error(tmp_path: Path) -> None:
    """Headerless samples could be anything; nothing is guessed."""
    path = tmp_path / "samples.raw"
    path.write_bytes(TONE.tobytes())
    with pytest.raises(ConfigError, match=r"samples.raw: .* a raw file does not name its format"):
        FileSource(path)


@pytest.mark.parametrize("suffix", [".wav", ".aiff", ".flac"])
@pytest.mark.parametrize("kept", [0.01, 0.5, 0.999])
def test_a_truncated_file_is_a_config_error(tmp_path: Path, suffix: str, kept: float) -> None:
    """A file that holds less than its header promises is refused rather than played with a piece missing."""
    path = tmp_path / f"cut{suffix}"
    soundfile.write(path, numpy.random.default_rng(3).integers(-9_000, 9_000, 4 * RATE).astype("<i2"), RATE)
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * kept)])
    with pytest.raises(ConfigError, match=rf"cut{suffix}: incomplete: its header declares \d+ (bytes|samples)"):
        FileSource(path)


def test_a_truncated_file_is_found_behind_other_chunks(tmp_path: Path) -> None:
    """A note of odd length before the sound doesn't hide that the last bytes are missing, nor make a whole file bad."""
    path = tmp_path / "noted.wav"
    soundfile.write(path, TONE, RATE)
    raw = path.read_bytes()
    noted = raw[:36] + b"note\x03\0\0\0abc\0" + raw[36:]
    path.write_bytes(noted)
    assert samples_of(path) == TONE.tolist()
    path.write_bytes(noted[:-100])
    with pytest.raises(ConfigError, match=rf"declares {len(noted)} bytes, but it has {len(noted) - 100}"):
        FileSource(path)


def test_a_file_cut_inside_its_header_is_a_config_error(tmp_path: Path) -> None:
    """Twenty bytes of a WAV say neither rate nor length."""
    path = tmp_path / "stump.wav"
    soundfile.write(path, TONE, RATE)
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(ConfigError, match=r"stump.wav: expected WAV"):
        FileSource(path)


def test_a_truncated_ogg_plays_as_far_as_it_goes(tmp_path: Path) -> None:
    """OGG is a stream that promises no length: what is whole in it is played, and the source ends there."""
    path = tmp_path / "cut.ogg"
    noise = numpy.random.default_rng(3).uniform(-0.3, 0.3, 6 * RATE)
    soundfile.write(path, noise, RATE)
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) // 2])
    assert RATE < len(samples_of(path)) < 4 * RATE


def test_a_flac_that_was_never_closed_plays_as_far_as_it_goes(tmp_path: Path) -> None:
    """Its header does not say how long it is, so it promises nothing that could be missing."""
    path = tmp_path / "killed.flac"
    soundfile.write(path, TONE, RATE)
    raw = bytearray(path.read_bytes())
    raw[21] &= 0xF0  # the 36 bits of STREAMINFO that count the samples
    raw[22:26] = bytes(4)
    path.write_bytes(raw)
    assert samples_of(path) == TONE.tolist()


def test_eight_bit_files_are_read_as_pcm16(tmp_path: Path) -> None:
    """The stated conversion: each of the 256 levels becomes the PCM16 level 256 times as large."""
    path = tmp_path / "eight.wav"
    soundfile.write(path, numpy.array([-32_768, -256, 0, 256, 32_512], "<i2"), RATE, subtype="PCM_U8")
    assert FileSource(path).produces == AudioFormat(RATE)
    assert samples_of(path) == [-32_768, -256, 0, 256, 32_512]


def test_24_bit_files_are_read_as_pcm16(tmp_path: Path) -> None:
    """The stated conversion: the eight lowest bits are rounded away."""
    path = tmp_path / "deep.wav"
    deep = numpy.array([0x123456, -0x123456, 0x7FFFFF, -0x800000], "<i4") << 8
    soundfile.write(path, deep, RATE, subtype="PCM_24")
    assert FileSource(path).produces == AudioFormat(RATE)
    assert samples_of(path) == [0x1234, -0x1234, 32_767, -32_768]


@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
def test_float_files_are_read_as_pcm16_and_clipped(tmp_path: Path, subtype: str) -> None:
    """The stated conversion: 1.0 is full scale, what is louder is clipped, what is no number is silence."""
    path = tmp_path / "float.wav"
    soundfile.write(path, numpy.array([0.5, -0.5, 1.0, 3.0, -3.0, numpy.nan]), RATE, subtype=subtype)
    assert FileSource(path).produces == AudioFormat(RATE)
    assert samples_of(path) == [16_384, -16_384, 32_767, 32_767, -32_768, 0]


def test_5_1_files_are_a_config_error(tmp_path: Path) -> None:
    """Six channels would have to be mixed by a guess about where the speaker is, so they are refused."""
    path = tmp_path / "cinema.wav"
    soundfile.write(path, numpy.stack([TONE] * 6, axis=1), RATE, format="WAVEX")
    with pytest.raises(ConfigError, match=r"cinema.wav: expected 1 or 2 channels, got 6"):
        FileSource(path)


def test_11025_hz_files_keep_their_rate(tmp_path: Path) -> None:
    """An odd rate passes as it is and is declared; resampling is an explicit part of the line."""
    path = tmp_path / "odd.wav"
    soundfile.write(path, TONE, 11_025)
    assert FileSource(path).produces == AudioFormat(11_025)
    assert samples_of(path) == TONE.tolist()


def test_a_rate_that_nothing_carries_is_a_config_error(tmp_path: Path) -> None:
    """The message names the file and the rate."""
    path = tmp_path / "slow.wav"
    soundfile.write(path, TONE, 100)
    with pytest.raises(ConfigError, match=r"slow.wav: sample rate: .* got 100"):
        FileSource(path)
