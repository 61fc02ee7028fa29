"""Detects audio files that contain less than their header declares, so that a truncated file isn't mistaken for a
complete one.

WAV and AIFF declare a number of bytes, and libsndfile plays what is there without reporting anything. FLAC declares a
number of samples, and libsndfile fails when it reaches the missing part. OGG and MP3 are streams that declare nothing,
so they play as far as they go. A size that was never filled in (0, or a number that means "unknown") declares nothing
either: programs that write to a pipe, and recorders that were killed, leave such sizes. libsndfile then gets a header
with the real size, because it takes a 0 literally and, in some encodings, never finds the end of the audio.
"""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path
from typing import Any, BinaryIO

from msgspec import Struct

from voicekit.errors import ConfigError

CHUNKED = {b"RIFF": ("<4sI", b"data"), b"FORM": (">4sI", b"SSND")}
"""The files made of chunks, by their first four bytes: how a chunk begins, and which chunk contains the sound."""

FIRST_CHUNK = 12
"""Offset of the first chunk in bytes, after the file's kind and size and the kind of its content."""

ENDLESS = 0x7FFF_0000
"""Programs that write to a pipe can't know the size in bytes; they write a number from this one to 0xFFFFFFFF instead.
"""

SLACK = 64
"""Bytes that may be missing at the end: writers that miscount a block or a header are off by some dozens."""

UNKNOWN = 1 << 62
"""If a header declares no length, libsndfile returns its largest number, which is above this one."""


class Ending(Struct, frozen=True):
    """The size of the audio in a file: where in the header it is declared, what it really is, and how much is missing.

    `mended` contains the bytes to be read in place of the declared size. If it is empty, the header is correct, and
    `at` has no meaning.
    """

    at: int = 0
    mended: bytes = b""
    missing: int = 0


def find_ending(path: Path, *, cut_short: bool = False) -> Ending:
    """Read the header of the file. Raises ConfigError if the file is missing, unreadable or empty, or is a WAV or AIFF
    that was cut short.

    With `cut_short`, no error is raised for such a file.
    """
    try:
        with path.open("rb") as raw:
            size = raw.seek(0, os.SEEK_END)
            ending = _ending(raw, size)
    except OSError as error:
        raise ConfigError(f"sound file {path}: can't be opened: {error.strerror}") from error
    if not size:
        raise ConfigError(f"sound file {path}: expected sound, got an empty file (0 bytes)")
    if ending.missing > SLACK and not cut_short:
        promised = size + ending.missing
        raise ConfigError(
            f"sound file {path}: incomplete: its header declares {promised} bytes, but it has {size}; "
            "set cut_short=yes to play what is there"
        )
    return ending


class MendedFile(io.FileIO):
    """A file opened for reading. Reading its header returns the real size of the audio in place of the declared one."""

    def __init__(self, path: Path, ending: Ending) -> None:
        super().__init__(path)
        self._ending = ending

    def readinto(self, buffer: Any) -> int:
        start = self.tell()
        count = super().readinto(buffer) or 0
        view = memoryview(buffer).cast("B")
        for place, byte in enumerate(self._ending.mended, self._ending.at - start):
            if 0 <= place < count:
                view[place] = byte
        return count

    def read(self, size: int | None = -1) -> bytes:
        buffer = bytearray(os.fstat(self.fileno()).st_size if size is None or size < 0 else size)
        return bytes(buffer[: self.readinto(buffer)])


def refuse_without_end(file: Any, path: Path) -> None:
    """Raise ConfigError when `file`, a soundfile object, is a FLAC whose last sample can't be read.

    The check decodes one FLAC frame. MP3 is not checked, since an MP3 would have to be decoded from its beginning.
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
            f"sound file {path}: incomplete: its header declares {file.frames} samples, but the last is missing: "
            f"{why(error)}"
        ) from error


def why(error: Exception) -> str:
    """libsndfile's error message, without the path that soundfile puts before it."""
    reason: str = getattr(error, "error_string", str(error))
    return reason.strip().rstrip(".")


def _ending(raw: BinaryIO, size: int) -> Ending:
    """How the audio of a file made of chunks ends. The result is empty for other files."""
    raw.seek(0)
    kind = raw.read(4)
    header, sound = CHUNKED.get(kind, ("", b""))
    start = FIRST_CHUNK
    while header and start + 8 <= size:
        raw.seek(start)
        name, length = struct.unpack(header, raw.read(8))
        start += 8
        if name == sound:
            rest = size - start
            unknown = length >= ENDLESS or (
                length == 0 and rest > 0 and not _is_made_of_chunks(raw, start, size, header)
            )
            if not unknown and length <= rest:
                return Ending()
            return Ending(start - 4, struct.pack(f"{header[0]}I", rest), 0 if unknown else length - rest)
        start += length + length % 2  # chunks begin at even positions
    return Ending()


def _is_made_of_chunks(raw: BinaryIO, start: int, size: int, header: str) -> bool:
    """Whether other chunks follow an empty one, to the end of the file. If so, the audio really is empty."""
    while start + 8 <= size:
        raw.seek(start)
        name, length = struct.unpack(header, raw.read(8))
        if not name.isascii() or not name.decode().isprintable():
            return False
        start += 8 + length + length % 2
    return start in (size, size + 1)
