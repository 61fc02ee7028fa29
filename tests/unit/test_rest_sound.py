"""Whether sound has come to its end, as far as its format tells; and files that are there whole or not at all."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path

import numpy
import pytest
import soundfile

from tests.unit.rest_kit import contents
from voicekit.errors import ConfigError, DeviceError
from voicekit.soniox.rest.http.atomic_file import written
from voicekit.soniox.rest.sound import SoundEnding
from voicekit.testing.soniox.rest import endless_wav


def encoded(kind: str, subtype: str | None = None) -> bytes:
    """A second and a half of noise, as libsndfile writes it."""
    noise = numpy.random.default_rng(1).uniform(-0.5, 0.5, 36_000).astype("float32")
    buffer = io.BytesIO()
    soundfile.write(buffer, noise, 24_000, format=kind, subtype=subtype)
    return buffer.getvalue()


def whole(audio_format: str, data: bytes, piece: int = 1000) -> bool | None:
    ending = SoundEnding(audio_format)
    for place in range(0, len(data), piece):
        ending.feed(data[place : place + piece])
    return ending.whole


@pytest.mark.parametrize(
    ("audio_format", "data", "complete"),
    [
        ("wav", encoded("WAV"), True),
        ("opus", encoded("OGG", "OPUS"), True),
        ("wav", endless_wav(24_000) + bytes(48_000), None),
        ("pcm_s16le", bytes(48_000), None),
        ("mp3", encoded("MP3"), None),
        ("flac", encoded("FLAC"), None),
    ],
    ids=["wav", "opus", "endless wav", "pcm", "mp3", "flac"],
)
def test_formats_say_what_they_can(audio_format: str, data: bytes, complete: bool | None) -> None:
    """Formats with an end say whether it was reached; the others are never taken for proof, nor blamed."""
    assert whole(audio_format, data) is complete
    if complete:
        assert {whole(audio_format, data[:cut]) for cut in (60, len(data) // 2, len(data) - 1)} == {False}
    assert whole(audio_format, b"") is False


def test_half_a_sample_is_no_end() -> None:
    """Sound without a header that ends inside a sample was cut short."""
    assert whole("pcm_s16le", bytes(48_001)) is False
    assert whole("wav", endless_wav(24_000) + bytes(48_001)) is False
    assert whole("pcm_mulaw", bytes(48_001)) is None


def adts(size: int) -> bytes:
    """A frame of AAC of so many bytes, in which there is nothing."""
    return bytes([0xFF, 0xF1, 0x50, 0x80 | size >> 11, size >> 3 & 0xFF, (size & 7) << 5 | 0x1F, 0xFC]) + bytes(
        size - 7
    )


@pytest.mark.parametrize("piece", [1, 5, 1_000, 100_000])
@pytest.mark.parametrize(
    ("audio_format", "data", "last"),
    [
        ("mp3", encoded("MP3"), 1),
        ("mp3", b"ID3\x04\0\0\0\0\x01\x02" + bytes(130) + encoded("MP3"), 1),
        ("aac", adts(300) + adts(2_500) + adts(19), 18),
    ],
    ids=["mp3", "mp3 with a tag", "aac"],
)
def test_half_a_frame_is_no_end(audio_format: str, data: bytes, last: int, piece: int) -> None:
    """Compressed sound that ends inside a frame was cut short; between two frames there is no telling."""
    assert whole(audio_format, data, piece) is None
    assert {whole(audio_format, data[:-cut], piece) for cut in {1, last}} == {False}


@pytest.mark.parametrize("audio_format", ["mp3", "aac"])
@pytest.mark.parametrize("data", [encoded("WAV"), encoded("MP3") + b"TAG" + bytes(124), bytes(5), adts(50) + b"more"])
def test_what_is_not_understood_is_not_blamed(audio_format: str, data: bytes) -> None:
    """Sound in a dress that we do not know, or with a tag behind it, is not taken for half of one."""
    assert whole(audio_format, data) is None


async def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    """A file appears at the end of its block, for its owner alone, and not at all when that fails."""
    async with written(tmp_path / "a") as file:
        file.write(b"whole")
        assert "a" not in contents(tmp_path)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
    with pytest.raises(ValueError, match="half-way"):
        await _half_written(tmp_path / "a")
    assert contents(tmp_path) == {"a": b"whole"}


async def test_where_nothing_can_be_written_is_told(tmp_path: Path) -> None:
    """A folder that is not there is told, and what is no file, such as a folder or a pipe, is never replaced."""
    with pytest.raises(ConfigError, match=r"no file can be created there|where one can be created"):
        async with written(tmp_path / "missing" / "a"):
            pass
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for place in ("folder", "pipe"):
        with pytest.raises(ConfigError, match="expected a file"):
            async with written(tmp_path / place):
                pass
    assert (tmp_path / "folder").is_dir()
    assert (tmp_path / "pipe").is_fifo()
    assert contents(tmp_path) == {}


async def test_a_disk_that_fails_is_told(tmp_path: Path) -> None:
    """Trouble while writing is trouble of the device, and leaves nothing behind."""
    with pytest.raises(DeviceError, match="could not be written: No space left"):
        await _written_to_a_full_disk(tmp_path / "a")
    assert contents(tmp_path) == {}


async def _written_to_a_full_disk(path: Path) -> None:
    async with written(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


async def _half_written(path: Path) -> None:
    async with written(path) as file:
        file.write(b"half")
        raise ValueError("half-way")
