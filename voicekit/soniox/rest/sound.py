"""Judges whether audio that has ended is complete, as far as its format shows this. Pure.

The end of an answer does not prove that the audio is complete: once it has begun to send audio, the service can report
an error only by ending the answer. Some formats mark the end of the audio; in others, at least an incomplete sample or
frame can be detected.
"""

from __future__ import annotations

from typing import Final

from voicekit.soniox.api.limits import TTS_RAW_FORMATS
from voicekit.soniox.rest.frames import ADTS_HEAD, MP3_HEAD, Frames, adts, mp3

OGG_END: Final = 4  # the flag that marks a stream's last page (RFC 3533)
OGG_HEAD: Final = 27  # the number of bytes before a page's segment table; the last of them gives the table's length
WAV_HEAD: Final = 44
ENDLESS: Final = 0x7FFF_0000  # a length of at least this many bytes means "unknown"
TAIL_BYTES: Final = 70_000
"""How many bytes of the end are kept: an Ogg page has at most 65,307 bytes, so they contain the header of the last
page."""


class SoundEnding:
    """Takes audio as it arrives, and keeps its beginning and its end, which show whether it is complete."""

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
        """True if the audio is complete, False if some of it is certainly missing, and None if its format does not show
        this."""
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
        """Corrections for the header of a streamed WAV, which was sent before the length was known: pairs of an offset
        and the number to write there. Empty if nothing needs to be corrected.
        """
        if not self._head.startswith(b"RIFF") or self._head[36:40] != b"data" or self._wav() is not None:
            return ()
        return (4, self.size - 8), (40, self.size - WAV_HEAD)

    def _ogg(self) -> bool:
        """Judge by the last page, which must be complete and marked as the last."""
        page = self._tail[self._tail.rfind(b"OggS") :]
        if len(page) < OGG_HEAD or not page[5] & OGG_END:
            return False
        segments = page[OGG_HEAD : OGG_HEAD + page[OGG_HEAD - 1]]
        return len(page) >= OGG_HEAD + len(segments) + sum(segments)

    def _wav(self) -> bool | None:
        """Judge by the file size in the header, which does not count the first eight bytes."""
        promised = int.from_bytes(self._head[4:8], "little")
        if promised >= ENDLESS or promised == 0:
            return None if (self.size - len(self._head)) % 2 == 0 else False
        return self.size >= promised + 8
