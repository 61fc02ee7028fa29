"""Encodes and decodes the frames of pipecat's WebSocket transport: protocol buffers, without a library (pure).

    Frame           one of: 1 text, 2 audio, 3 transcription, 4 message
    text            1 id, 2 name, 3 text
    audio           1 id, 2 name, 3 bytes, 4 rate, 5 channels, 6 pts
    transcription   1 id, 2 name, 3 text, 4 user, 5 time
    message         1 data

Unknown fields are ignored, as protocol buffers require. A truncated field raises RemoteProtocolError.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from voicekit.errors import RemoteProtocolError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""Wire types."""

LONGEST_VARINT = 10
"""Bytes in the longest varint: 64 bits, seven in each byte."""


@dataclass(frozen=True, slots=True)
class AudioFramePb:
    pcm: bytes = field(repr=False)
    rate: int
    channels: int = 1


@dataclass(frozen=True, slots=True)
class MessageFramePb:
    """An RTVI message, as JSON text."""

    data: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class OtherFramePb:
    """A frame that we ignore: text, a transcription, or a frame of an unknown kind."""

    kind: int


FramePb: TypeAlias = AudioFramePb | MessageFramePb | OtherFramePb


def encode_audio(pcm: bytes, rate: int, channels: int = 1) -> bytes:
    return _field(2, _field(3, pcm) + _number(4, rate) + _number(5, channels))


def encode_message(data: str) -> bytes:
    return _field(4, _field(1, data.encode("utf-8", "replace")))


def decode(frame: bytes) -> FramePb:
    """The decoded frame. If `frame` contains several kinds, the last one counts, as protocol buffers require."""
    found: FramePb = OtherFramePb(0)
    for number, value in _fields(frame):
        if not isinstance(value, bytes):
            continue
        if number == 2:
            found = _audio(value)
        elif number == 4:
            found = _message(value)
        else:
            found = OtherFramePb(number)
    return found


def _audio(body: bytes) -> AudioFramePb:
    values = dict(_fields(body))
    pcm, rate, channels = values.get(3, b""), values.get(4, 0), values.get(5, 0)
    if not isinstance(pcm, bytes) or not isinstance(rate, int) or not isinstance(channels, int):
        raise RemoteProtocolError("rtvi: expected an audio frame with bytes, a rate and channels, got something else")
    return AudioFramePb(pcm, rate, channels)


def _message(body: bytes) -> MessageFramePb:
    data = dict(_fields(body)).get(1, b"")
    try:
        return MessageFramePb(data.decode("utf-8") if isinstance(data, bytes) else "")
    except UnicodeDecodeError:
        raise RemoteProtocolError("rtvi: expected a message in UTF-8, got something else") from None


def _fields(body: bytes) -> Iterator[tuple[int, bytes | int]]:
    """The number and the value of each field."""
    place = 0
    while place < len(body):
        key, place = _varint(body, place)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, place = _varint(body, place)
            yield number, value
            continue
        if kind == BYTES:
            size, place = _varint(body, place)
        elif kind in (FIXED64, FIXED32):
            size = 8 if kind == FIXED64 else 4
        else:
            raise RemoteProtocolError(f"rtvi: expected a protocol buffer, got wire type {kind}")
        if number == 0 or place + size > len(body):
            raise RemoteProtocolError("rtvi: expected a complete protocol buffer, got part of one")
        yield number, body[place : place + size]
        place += size


def _varint(body: bytes, place: int) -> tuple[int, int]:
    value = 0
    for n in range(LONGEST_VARINT):
        if place + n >= len(body):
            break
        byte = body[place + n]
        value |= (byte & 0x7F) << (7 * n)
        if not byte & 0x80:
            return value & (1 << 64) - 1, place + n + 1
    raise RemoteProtocolError("rtvi: expected a complete number in a protocol buffer, got part of one")


def _field(number: int, body: bytes) -> bytes:
    return _as_varint(number << 3 | BYTES) + _as_varint(len(body)) + body


def _number(number: int, value: int) -> bytes:
    return _as_varint(number << 3 | VARINT) + _as_varint(value)


def _as_varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
