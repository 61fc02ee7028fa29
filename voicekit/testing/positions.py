"""Audio in which each sample encodes its position, so that lost or doubled samples can be detected anywhere.

Sample number n has the value n modulo 8,192, plus 16,384 while the user makes a sound. Within each block of 8,192
samples, the bit that stands for 8,192 spells out the block's number in 32 bits, one bit per sample, over and over. So
each sequence of WINDOW samples is unique.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from functools import lru_cache

POSITIONS = 8_192
"""Samples per block; a sample's value modulo this number is its position in its block."""

SOUNDING = 16_384
"""The value that is added to the samples of a sound."""

WINDOW = 32
"""How many samples spell the number of their block."""

_SPELT = 8_192  # the value of the bit with which a sample spells one binary digit of its block's number
_PLACES = int.from_bytes(array("h", range(POSITIONS)).tobytes(), "little")
_LOUD = int.from_bytes(array("h", [SOUNDING] * POSITIONS).tobytes(), "little")


def sounding(at: int, samples: int, spans: Iterable[tuple[int, int]]) -> bytes:
    """`samples` samples of PCM16, from position `at` on. The user makes a sound during `spans`, which are in order and
    don't overlap."""
    pcm, done = b"", at
    for start, end in spans:
        start, end = max(start, done), min(end, at + samples)
        if start < end:
            pcm += _cut(done, start, 0) + _cut(start, end, 1)
            done = end
    return pcm + _cut(done, at + samples, 0)


def _cut(start: int, end: int, loud: int) -> bytes:
    first, last = start // POSITIONS, max(start, end - 1) // POSITIONS
    pcm = _block(first)[loud] if first == last else b"".join(_block(block)[loud] for block in range(first, last + 1))
    offset = first * POSITIONS
    return pcm[2 * (start - offset) : 2 * (end - offset)]


@lru_cache(maxsize=8)
def _block(number: int) -> tuple[bytes, bytes]:
    """A block's samples, quiet and sounding. They are computed as big integers, which takes 60 us instead of a
    millisecond."""
    spelling = array("h", [(number >> bit & 1) * _SPELT for bit in range(WINDOW)]).tobytes()
    quiet = _PLACES | int.from_bytes(spelling * (POSITIONS // WINDOW), "little")
    return quiet.to_bytes(2 * POSITIONS, "little"), (quiet | _LOUD).to_bytes(2 * POSITIONS, "little")
