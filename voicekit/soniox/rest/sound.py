"""Whether sound that has ended is complete, as far as its format shows. Pure.

The end of an answer proves nothing: once sound flows, the service can report an error only by ending it. Some formats
mark their end, others have at least whole samples or frames.
"""

from __future__ import annotations

from typing import Final

from voicekit.soniox.api.limits import TTS_RAW_FORMATS
from voicekit.soniox.rest.frames import ADTS_HEAD, MP3_HEAD, Frames, adts, mp3

OGG_END: Final = 4  # the flag of a stream's last page (RFC 3533)
OGG_HEAD: Final = 27  # bytes of a page before its segment table; the last of them is the table's length
WAV_HEAD: Final = 44
ENDLESS: Final = 0x7FFF_0000  # lengths from here on mean "unknown"
TAIL_BYTES: Final = 70_000
"""An Ogg page has at most 65,307 bytes, so a tail of this length contains the last page's header."""


class SoundEnding:
    """Watches sound pass, and keeps its beginning and its end."""

    def __init__(self, audio_format: str) -> None:
        self._format = audio_format
        self._head = b""
        self._tail = b""
        framed = {"mp3": (MP3_HEAD, mp3), "aac": (ADTS_HEAD, adts)}.get(audio_format)
        self._frames = None if framed is None else Frames(*framed)
        self.size = 0

    def feed(self, data: bytes) -> None:
        if len(self._head) < WAV_HEAD:
            self._head = (self._head + data)[:WAV_HEAD]
        self._tail = (self._tail + data)[-TAIL_BYTES:]
        if self._frames is not None:
            self._frames.feed(data)
        self.size += len(data)

    @property
    def whole(self) -> bool | None:
        """True if the format marks this as the end, False if it doesn't, None if it has no such mark."""
        if not self.size:
            return False
        if self._format in TTS_RAW_FORMATS:
            return None if self.size % TTS_RAW_FORMATS[self._format] == 0 else False
        if self._format == "opus" and self._head.startswith(b"OggS"):
            return self._ogg()
        if self._format == "wav" and self._head.startswith(b"RIFF"):
            return self._wav()
        return False if self._frames is not None and self._frames.cut else None

    @property
    def wav_sizes(self) -> tuple[tuple[int, int], ...]:
        """Which numbers to write where in a WAV whose header could not know its length; empty if nothing needs to be
        corrected.
        """
        if not self._head.startswith(b"RIFF") or self._head[36:40] != b"data" or self._wav() is not None:
            return ()
        return (4, self.size - 8), (40, self.size - WAV_HEAD)

    def _ogg(self) -> bool:
        """By the last page: it must be marked as the last, and be complete."""
        page = self._tail[self._tail.rfind(b"OggS") :]
        if len(page) < OGG_HEAD or not page[5] & OGG_END:
            return False
        segments = page[OGG_HEAD : OGG_HEAD + page[OGG_HEAD - 1]]
        return len(page) >= OGG_HEAD + len(segments) + sum(segments)

    def _wav(self) -> bool | None:
        """By the file size in its header, which does not count its own eight bytes."""
        promised = int.from_bytes(self._head[4:8], "little")
        if promised >= ENDLESS or promised == 0:
            return None if (self.size - len(self._head)) % 2 == 0 else False
        return self.size >= promised + 8
