"""Sound files whose headers are a little wrong: sizes that were never filled in, and sizes that miss."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy
import pytest
import soundfile
import trio

from voicekit.audio.file import SoundFileReader
from voicekit.contracts import tell
from voicekit.errors import ConfigError
from voicekit.events import Trouble
from voicekit.flow import open_link
from voicekit.listen.file_source import FileSource

RATE = 16_000
TONE = (9_000 * numpy.sin(numpy.arange(RATE) / 20)).astype("<i2")
ENCODINGS = ("PCM_16", "PCM_24", "PCM_U8", "FLOAT", "DOUBLE", "ULAW", "ALAW", "MS_ADPCM", "IMA_ADPCM", "GSM610")


def wav(encoding: str = "PCM_16", kind: str = "WAV") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, TONE, RATE, encoding, format=kind)
    return file.getvalue()


def with_size(raw: bytes, size: bytes, *, of_all: bytes | None = None) -> bytes:
    """The file with `size` as the size of its sound, and with `of_all` as that of the file."""
    at = raw.index(b"data") + 4
    head = raw if of_all is None else raw[:4] + of_all + raw[8:]
    return head[:at] + size + head[at + 4 :]


def read(path: Path, **how: Any) -> int:
    """How many samples the file has; more than an hour of them is given up."""
    with SoundFileReader(path, **how) as reader:
        total = 0
        while total < 3600 * RATE and (frame := reader.read(RATE)) is not None:
            total += frame.samples
        return total


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("size", [bytes(4), b"\xff" * 4, b"\0\0\0\x80", b"\xff\xff\xff\x7f"])
def test_a_size_that_was_never_filled_in_means_to_the_end(tmp_path, encoding, size):
    """Whatever stands for "unknown", in every encoding the file has the sound that it has with a right header."""
    path = tmp_path / "x.wav"
    path.write_bytes(wav(encoding))
    whole = read(path)
    path.write_bytes(with_size(wav(encoding), size, of_all=size))
    assert whole <= read(path) <= whole + RATE // 50


def test_the_sound_of_such_a_file_is_the_same(tmp_path):
    """To the bit: only the size in the header is another."""
    path = tmp_path / "x.wav"
    path.write_bytes(with_size(wav(), bytes(4)))
    with SoundFileReader(path) as reader:
        frame = reader.read(2 * RATE)
    assert frame is not None
    assert frame.pcm == TONE.tobytes()


@pytest.mark.parametrize("more", [b"", b"LIST\x04\0\0\0INFO", b"note\x03\0\0\0abc\0"])
def test_a_file_without_any_sound_stays_an_error(tmp_path, more):
    """Also one with notes behind its empty sound: those are no sound."""
    raw = wav()
    at = raw.index(b"data")
    path = tmp_path / "x.wav"
    path.write_bytes(raw[:at] + b"data" + bytes(4) + more)
    with pytest.raises(ConfigError, match="expected sound, got a header that declares no samples"):
        SoundFileReader(path)


@pytest.mark.parametrize("missing", [1, 2, 44, 64])
async def test_a_promise_that_misses_by_some_bytes_is_played_and_said(tmp_path, missing):
    """One line tells how many bytes are missing, and the rest is heard."""
    path = tmp_path / "x.wav"
    path.write_bytes(wav()[:-missing])
    source, said = FileSource(path), []
    token = tell.set(said.append)
    samples = 0
    nothing, no_more = open_link(1)
    outlet, inlet = open_link(10 * RATE)

    async def run() -> None:
        async with source.open() as play:
            with outlet:
                await play(no_more, outlet)

    async with trio.open_nursery() as nursery:
        with nothing, no_more, inlet:
            nursery.start_soon(run)
            async for frame in inlet:
                samples += frame.samples
    tell.reset(token)
    assert samples == RATE - (missing + 1) // 2
    [trouble] = said
    assert isinstance(trouble, Trouble)
    assert str(trouble.error) == f"sound file {path}: {missing} bytes at its end are missing"


@pytest.mark.parametrize("missing", [65, 4_000])
def test_a_promise_that_misses_by_more_names_the_option_that_plays_it(tmp_path, missing):
    """What is there is played only when that was asked for."""
    path = tmp_path / "x.wav"
    path.write_bytes(wav()[:-missing])
    with pytest.raises(ConfigError, match=r"incomplete: .*; set cut_short=yes to play what is there"):
        FileSource(path)
    assert read(path, cut_short=True) == RATE - (missing + 1) // 2
    FileSource(path, cut_short=True)


def test_an_aiff_that_was_never_closed_is_read_to_its_end(tmp_path):
    """The same for the other file that is made of chunks."""
    raw = wav(kind="AIFF")
    at = raw.index(b"SSND") + 4
    path = tmp_path / "x.aiff"
    path.write_bytes(raw[:at] + struct.pack(">I", 0xFFFF_FFFF) + raw[at + 4 :])
    assert read(path) == RATE
