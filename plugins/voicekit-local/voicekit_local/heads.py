"""Identifies containers by their first bytes, and computes how much audio a number of bytes can contain. Pure."""

from __future__ import annotations

import math
import struct
from typing import Final

_UNREADABLE: Final = {
    b"\x1a\x45\xdf\xa3": "WebM",
    b"ADIF": "AAC",
    b"#!AMR": "AMR",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "ASF",
}
_WAV_PLAIN: Final = (1, 3, 6, 7, 0xFFFE)
_WAV_BLOCKS: Final = (0x02, 0x11)
"""Tags of WAV codecs. _WAV_PLAIN: PCM, float, A-law and mu-law. _WAV_BLOCKS: MS and IMA, with blocks of a fixed size.
"""

VALUES_PER_BYTE: Final = 8
"""The maximum number of values per byte, for codecs without silence detection: one for each bit."""


def mend_head(head: bytes) -> bytes:
    """`head`, but with the greatest possible length if it is the head of a WAV that was written to a pipe. Such a WAV
    gives its length as 0 or as all ones.

    In codecs other than PCM, float, A-law and mu-law, libsndfile counts all samples first, and rejects a file that is
    too long for its counter. For these codecs, the length is set to a quarter of a gigabyte instead.
    """
    at = head.find(b"data") if head.startswith(b"RIFF") else -1
    if at < 0 or head[at + 4 : at + 8] not in (bytes(4), b"\xff" * 4):
        return head
    block = wav_block(head)
    length = 0xFFFF_FFFF if block is None else (1 << 28) // block[0] * block[0]
    return head[: at + 4] + struct.pack("<I", length) + head[at + 8 :]


def unreadable(head: bytes) -> str | None:
    """The name of the container that begins with `head`, if it is a known kind that this server can't read.

    >>> unreadable(b"Eß£"), unreadable(b"RIFF....WAVE")
    ('WebM', None)
    """
    boxed = head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide")
    frames = len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0
    found = next((name for magic, name in _UNREADABLE.items() if head.startswith(magic)), None)
    return found or ("MP4" if boxed else "AAC" if frames else None)


def wav_block(head: bytes) -> tuple[int, int] | None:
    """A WAV's block size in bytes, and the samples per channel in a block; None for PCM, float, A-law and mu-law."""
    at = head.find(b"fmt ") if head.startswith(b"RIFF") else -1
    if at < 0 or len(head) < at + 28:
        return None
    tag, size, bits, samples = (struct.unpack_from("<H", head, at + place)[0] for place in (8, 20, 22, 26))
    if tag in _WAV_PLAIN or not size:
        return None
    return (size, samples) if tag in _WAV_BLOCKS and samples else (bits or 1, 8)


def values(fed: int, block: tuple[int, int] | None) -> float:
    """How many samples per channel `fed` bytes can contain, in a codec whose blocks have no end mark.

    In such codecs, libsndfile does not notice the end of a pipe, and continues up to the length in the header.
    """
    return fed * VALUES_PER_BYTE if block is None else math.ceil(fed / block[0]) * block[1]
