"""Finds the frames in MP3 and AAC (ADTS) audio by their headers, to detect audio that ends inside a frame. Pure.

Neither format declares the number of frames, so audio that ends after a whole frame may or may not be complete. Data
that is not understood is accepted, because complete audio must not be rejected.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

Length: TypeAlias = Callable[[bytes], int | None]
"""A function that returns the length of a frame in bytes, including its header, from its first bytes; None if they do
not begin a frame."""

# the size, in bytes, of an ID3v2 tag's header, which gives the tag's length; a tag may precede the frames
MP3_HEAD: Final = 10
ADTS_HEAD: Final = 7
LAYER_3: Final = 1
MPEG_1: Final = 3
RATES: Final = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
"""Sample rates in Hz, by version number (for MPEG 1, 2 and 2.5) and by rate number (ISO 11172-3, 13818-3)."""
KBPS_1: Final = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
KBPS_2: Final = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
"""Bit rates in kbit/s, for numbers from 1 on: for layer 3 of MPEG 1, and (KBPS_2) of MPEG 2 and 2.5."""


class Frames:
    """Keeps track of frame boundaries in audio that arrives in pieces."""

    def __init__(self, head: int, length: Length) -> None:
        self._size = head
        self._length = length
        self._head = b""
        self._left = 0  # the number of bytes of the current frame that have not arrived yet
        self._lost = False

    @property
    def cut(self) -> bool:
        """Whether the audio so far ends inside a frame."""
        return not self._lost and (self._left > 0 or self._head.startswith(b"\xff"))

    def feed(self, data: bytes) -> None:
        place = 0
        while place < len(data) and not self._lost:
            if self._left:
                step = min(self._left, len(data) - place)
                self._left -= step
            else:
                step = min(self._size - len(self._head), len(data) - place)
                self._head += data[place : place + step]
                self._begin()
            place += step

    def _begin(self) -> None:
        if len(self._head) == self._size:
            length = self._length(self._head)
            self._lost = length is None or length < self._size
            self._left, self._head = (length or 0) - self._size, b""


def mp3(head: bytes) -> int | None:
    """The length of an MP3 frame, or of the tag that may come before the first frame, as its header declares it."""
    if head.startswith(b"ID3"):
        size = sum(byte << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
        return MP3_HEAD + size + (10 if head[5] & 0x10 else 0)
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    bits, rate = head[2] >> 4, head[2] >> 2 & 3
    if head[0] != 0xFF or head[1] < 0xE0 or layer != LAYER_3 or version not in RATES or rate == 3 or bits in (0, 15):
        return None
    kbps, samples = (KBPS_1, 1152) if version == MPEG_1 else (KBPS_2, 576)
    return samples * 125 * kbps[bits - 1] // RATES[version][rate] + (head[2] >> 1 & 1)


def adts(head: bytes) -> int | None:
    """The length of an AAC frame, as its header declares it."""
    if head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
        return None
    return (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
