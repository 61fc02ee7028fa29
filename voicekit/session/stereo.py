"""A stereo WAV file with two tracks that are written independently; the file is playable at all times.

The left track is the caller and the right track is the bot. The audio of the two sides arrives in different pieces and
at different times, so the tracks are not merged: each piece is written at its own position, which may be before or
after the end of the other track. Positions that were never written are silence, and take no space on most disks. The
header is correct after every batch: if the program is killed, the file can be played to the end of the last batch.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable
from io import FileIO
from pathlib import Path

from voicekit.audio.codec import convert
from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame, Sound
from voicekit.audio.resample import Resampler
from voicekit.errors import DeviceError
from voicekit.flow.scribe import private

HEADER_BYTES = 44
BLOCK_BYTES = 4
"""The bytes of one PCM16 sample for each of the two tracks."""

LARGEST_BYTES = 0x7FFF_0000
"""The maximum number of bytes of sound in a file, since larger numbers are read as "length unknown": nine hours at 16
kHz, three at 48 kHz.
"""


class TwoTrackFile:
    """A new WAV file at `path`, which must not exist. Raises OSError if the file can't be created.

    The file is opened for each batch, and then closed again. So there is nothing to close at the end, and an abandoned
    thread can't write to another file.
    """

    def __init__(self, path: Path, rate: int) -> None:
        self.path = path
        self.rate = rate
        self.samples = 0
        with open(path, "xb", opener=private) as file:
            file.write(self._header())

    def write(self, pieces: Iterable[tuple[int, int, bytes]]) -> None:
        """Write each of `pieces` to the file; a piece is a tuple (track, first sample, PCM16 mono).

        Raises DeviceError for more audio than a WAV file can hold, and OSError if the disk fails; the audio written so
        far stays playable.
        """
        with FileIO(self.path, "r+", opener=private) as file:
            try:
                for track, at, pcm in pieces:
                    self._lay(file, track, at, pcm)
            finally:
                file.truncate(HEADER_BYTES + self.samples * BLOCK_BYTES)  # removes an incomplete piece from the file
                file.seek(0)
                _write_all(file, self._header())

    def _lay(self, file: FileIO, track: int, at: int, pcm: bytes) -> None:
        samples = len(pcm) // 2
        if (at + samples) * BLOCK_BYTES > LARGEST_BYTES:
            raise DeviceError(
                f"{self.path}: a WAV file can't hold more than {LARGEST_BYTES // self._second} s of this format"
            )
        there = max(0, min(samples, self.samples - at))
        file.seek(HEADER_BYTES + at * BLOCK_BYTES)
        both = array("h", file.read(there * BLOCK_BYTES).ljust(samples * BLOCK_BYTES, b"\0"))
        both[track::2] = array("h", pcm)
        file.seek(HEADER_BYTES + at * BLOCK_BYTES)
        _write_all(file, both.tobytes())
        self.samples = max(self.samples, at + samples)

    @property
    def _second(self) -> int:
        return self.rate * BLOCK_BYTES

    def _header(self) -> bytes:
        size = self.samples * BLOCK_BYTES
        what = struct.pack("<HHIIHH", 1, 2, self.rate, self._second, BLOCK_BYTES, 16)
        return (
            b"RIFF"
            + struct.pack("<I", 36 + size)
            + b"WAVEfmt "
            + struct.pack("<I", len(what))
            + what
            + b"data"
            + (struct.pack("<I", size))
        )


class Track:
    """Converts the frames of one side to PCM16 mono at the file's rate, and their positions to match."""

    def __init__(self, number: int, source: AudioFormat, rate: int) -> None:
        self._number = number
        self._target = AudioFormat(rate)
        self._resampler = None if source.rate == rate else Resampler(source, self._target)

    def feed(self, frame: AudioFrame) -> list[tuple[int, int, bytes]]:
        if self._resampler is None:
            return [(self._number, frame.at, convert(frame.pcm, frame.format, self._target))]
        return self._pieces(self._resampler.feed(frame))

    def finish(self) -> list[tuple[int, int, bytes]]:
        """Return the audio that is still in the resampling filter."""
        return [] if self._resampler is None else self._pieces(self._resampler.finish())

    def _pieces(self, sounds: list[Sound]) -> list[tuple[int, int, bytes]]:
        return [(self._number, sound.at, sound.pcm) for sound in sounds if isinstance(sound, AudioFrame)]


def _write_all(file: FileIO, data: bytes) -> None:
    """Write all of `data`: a full disk may accept a part of it, and only the next write raises the error."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]
