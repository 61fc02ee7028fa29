"""Finds sound files that hold less than their header promises: playing them would lose sound silently.

WAV and AIFF promise a number of bytes, and libsndfile plays what is there without a word. FLAC promises a number of
samples, and libsndfile fails when it comes to the hole. OGG and MP3 are streams that promise nothing, so they play as
far as they go; so do a WAV and a FLAC whose headers only say that they were written to a pipe, or never closed.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any, BinaryIO

from voicekit.errors import ConfigError

CHUNKED = {b"RIFF": ("<4sI", b"data"), b"FORM": (">4sI", b"SSND")}
"""The files made of chunks, by their first four bytes: how a chunk begins, and which one holds the sound."""

FIRST_CHUNK = 12
"""Bytes: the file's kind and size, and the kind of its content, come first."""

ENDLESS = 0x7FFF_0000
"""Bytes. Programs that write to a pipe can't know the size, and put a number from here to 0xFFFFFFFF in its place."""

UNKNOWN = 1 << 62
"""Samples. libsndfile answers with its largest number where a header does not say how many there are."""


def refuse_cut_short(path: Path) -> None:
    """Raise ConfigError when the file is missing, unreadable, empty, or a WAV or AIFF that was cut short."""
    try:
        with path.open("rb") as raw:
            size = raw.seek(0, os.SEEK_END)
            promised = _promised(raw, size)
    except OSError as error:
        raise ConfigError(f"sound file {path}: can't be opened: {error.strerror}") from error
    if not size:
        raise ConfigError(f"sound file {path}: expected sound, got an empty file (0 bytes)")
    if promised > size:
        raise ConfigError(f"sound file {path}: cut short: its header promises {promised} bytes, it has {size}")


def refuse_without_end(file: Any, path: Path) -> None:
    """Raise ConfigError when `file`, a soundfile object, is a FLAC whose last sample can't be read.

    That costs one FLAC frame. An MP3 would be decoded from its beginning to find its end.
    """
    from soundfile import SoundFileError

    if file.format != "FLAC" or file.frames > UNKNOWN:
        return
    try:
        file.seek(file.frames - 1)
        file.read(1)
        file.seek(0)
    except SoundFileError as error:
        raise ConfigError(
            f"sound file {path}: cut short: its header promises {file.frames} samples, the last is not there: "
            f"{why(error)}"
        ) from error


def why(error: Exception) -> str:
    """What libsndfile said, without the path that soundfile puts before it."""
    reason: str = getattr(error, "error_string", str(error))
    return reason.strip().rstrip(".")


def _promised(raw: BinaryIO, size: int) -> int:
    """How many bytes a file made of chunks must have for all its sound to be there; 0 where nothing is promised."""
    raw.seek(0)
    header, sound = CHUNKED.get(raw.read(4), ("", b""))
    start = FIRST_CHUNK
    while header and start + 8 <= size:
        raw.seek(start)
        name, length = struct.unpack(header, raw.read(8))
        start += 8
        if name == sound:
            return start + length if length < ENDLESS else 0
        start += length + length % 2  # chunks begin at even places
    return 0
