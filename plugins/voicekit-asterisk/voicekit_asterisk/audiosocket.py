"""AudioSocket, on both sides: Asterisk's framing of a call on a TCP connection, without the connection (pure).

    type u8 | length u16, big-endian | payload
    0x01 16 bytes of UUID: the first frame, and the only fact about the call
    0x03 one ASCII digit        0x10 .. 0x18 audio, 16 bit little-endian        0x00 the end        0xff an error

These facts come from Asterisk's source and from measurements on Asterisk 22.10.1. Asterisk plays each frame as it
arrives: it has no buffer and no marks, and no audio can be taken back. Asterisk ends a call if a frame arrives in two
pieces 5 ms apart, or if an audio frame is empty. The application AudioSocket() also ends the call if neither side
sends anything for 2 s. Therefore we write a whole frame every 20 ms, even while the bot is silent: see
`audiosocket_stream`.

The application always sends audio at 8 kHz; the channel AudioSocket/... sends in the format that `c(...)` names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from voicekit.audio.format import AudioFormat
from voicekit.call.info import CallEnd, CallInfo, EndReason, Known
from voicekit.call.wire import CallStarted, WireDigit, WireEnded, WireEvent, WireMessage, WireNotice, WireSound
from voicekit.errors import ConfigError, RemoteProtocolError
from voicekit_asterisk.peers import AsteriskEvent, PeerHungUp, PeerSound

HANGUP: Final = 0x00
IDENTITY: Final = 0x01
DIGIT: Final = 0x03
ERROR: Final = 0xFF

RATES: Final[Mapping[int, int]] = {
    0x10: 8_000, 0x11: 12_000, 0x12: 16_000, 0x13: 24_000, 0x14: 32_000, 0x15: 44_100, 0x16: 48_000, 0x17: 96_000,
    0x18: 192_000,
}  # fmt: skip
"""The rate in Hz of each type of audio frame; the types above 0x10 were added in 2025."""

KINDS: Final[Mapping[int, int]] = {rate: kind for kind, rate in RATES.items()}

HEAD: Final = 3
LONGEST: Final = 0xFFFF
DIGITS: Final = frozenset("0123456789*#ABCD")

GOODBYE: Final = 1000
"""The code of a StreamClosed for an orderly end of the TCP connection; after a reset the code is None."""


def frame(kind: int, payload: bytes = b"") -> bytes:
    """One frame. Raises ConfigError for a payload that does not fit into a frame."""
    if len(payload) > LONGEST:
        raise ConfigError(f"audiosocket: expected at most {LONGEST} bytes in a frame, got {len(payload)}")
    return bytes((kind,)) + len(payload).to_bytes(2, "big") + payload


class FrameReader:
    """Cuts a TCP connection's bytes into whole frames; keeps an incomplete frame until the rest of it arrives."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that `data` completes, each with its header."""
        data = self._rest + data
        start, frames = 0, []
        while len(data) - start >= HEAD:
            end = start + HEAD + int.from_bytes(data[start + 1 : start + HEAD], "big")
            if len(data) < end:
                break
            frames.append(data[start:end])
            start = end
        self._rest = data[start:]
        return frames


def identity_of(message: WireMessage) -> UUID:
    """The UUID in the first frame. Raises RemoteProtocolError if that frame has no UUID."""
    if not isinstance(message, bytes) or len(message) != HEAD + 16 or message[0] != IDENTITY:
        raise RemoteProtocolError("audiosocket: expected a UUID of 16 bytes first, got something else")
    return UUID(bytes=message[HEAD:])


def rate_of(message: bytes) -> int | None:
    """The rate in Hz of the audio in a frame; None if the frame carries no audio."""
    return RATES.get(message[0]) if len(message) > HEAD else None


class AudioSocketWire:
    """Our side of one connection; each message is a whole frame. `rate` applies to both directions."""

    name = "audiosocket"
    can = frozenset({"hang_up"})
    packet = 0.02
    lead = 0.06

    def __init__(self, rate: int = 8_000) -> None:
        if rate not in KINDS:
            raise ConfigError(f"audiosocket: expected a rate of {sorted(KINDS)}, got {rate}")
        self._format = AudioFormat(rate)
        self._started = False

    def receive(self, message: WireMessage) -> Sequence[WireEvent]:
        if not isinstance(message, bytes) or len(message) < HEAD:
            raise RemoteProtocolError("audiosocket: expected a complete frame, got something else")
        if not self._started:
            return [self._start(message)]
        kind, payload = message[0], message[HEAD:]
        if kind in RATES:
            return self._sound(RATES[kind], payload)
        match kind:
            case 0x03:
                digit = payload.decode("ascii", "replace").upper()
                if digit not in DIGITS or len(digit) != 1:
                    raise RemoteProtocolError(f"audiosocket: expected one digit, got {len(payload)} bytes")
                return [WireDigit(digit)]
            case 0x00:
                return [WireEnded(CallEnd(EndReason.CALLER))]
            case 0xFF:
                return [WireEnded(CallEnd(EndReason.CARRIER, f"error {payload[:8].hex()}".strip()))]
            case 0x01:
                raise RemoteProtocolError("audiosocket: expected one UUID, got another")
            case _:
                return [WireNotice(f"a frame of type 0x{kind:02x} passed over")]

    def _start(self, message: bytes) -> CallStarted:
        info = CallInfo(self.name, Known(str(identity_of(message))))
        self._started = True
        return CallStarted(info, self._format, self._format)

    def _sound(self, rate: int, payload: bytes) -> Sequence[WireEvent]:
        if rate != self._format.rate:
            raise RemoteProtocolError(f"audiosocket: expected sound at {self._format.rate} Hz, got {rate} Hz")
        pcm = payload[: len(payload) & ~1]
        return [WireSound(pcm)] if pcm else []

    def closed(self, code: int | None) -> WireEnded:
        """If the connection was closed normally, the caller is assumed to have hung up, though there may be
        another cause; a reset counts as a lost call.
        """
        return WireEnded(CallEnd(EndReason.CALLER if code == GOODBYE else EndReason.LOST))

    def sound(self, pcm: bytes) -> Sequence[WireMessage]:
        return [frame(KINDS[self._format.rate], pcm)]

    def silence(self) -> bytes:
        """A frame with 20 ms of silence."""
        return frame(KINDS[self._format.rate], self._format.silence(self._format.samples(self.packet)))

    def mark(self, name: str) -> Sequence[WireMessage]:
        return []

    def clear(self) -> Sequence[WireMessage]:
        return []

    def digits(self, digits: str) -> Sequence[WireMessage]:
        raise ConfigError("audiosocket: keys can't be sent, because Asterisk ends the call on a digit frame")

    def hang_up(self, reason: str) -> Sequence[WireMessage]:
        """End our part of the call; the dialplan continues after its AudioSocket line."""
        return [frame(HANGUP)]


class AudioSocketPeer:
    """Asterisk's side of one connection, for tests: as strict as Asterisk itself."""

    def __init__(self, rate: int = 8_000, *, call: str = "40325ec2-5efd-4bd3-805f-53576e581d13") -> None:
        self._rate = rate
        self._call = UUID(call)

    def begin(self, parameters: Any = None) -> Sequence[bytes]:
        return [frame(IDENTITY, self._call.bytes)]

    def sound(self, pcm: bytes, at_ms: int = 0) -> bytes:
        return frame(KINDS[self._rate], pcm)

    def digit(self, digit: str) -> bytes:
        return frame(DIGIT, digit.encode("ascii"))

    def passed(self, name: str) -> WireMessage:
        raise AssertionError("AudioSocket has no marks")

    def stop(self) -> Sequence[bytes]:
        return []  # closing the connection is the only way to end the call

    def receive(self, message: WireMessage) -> AsteriskEvent:
        assert isinstance(message, bytes), "AudioSocket has no texts"
        assert len(message) >= HEAD, "half a frame ends the call"
        assert int.from_bytes(message[1:HEAD], "big") == len(message) - HEAD, "half a frame ends the call"
        if message[0] == HANGUP:
            return PeerHungUp()
        assert message[0] in RATES, f"a frame of type 0x{message[0]:02x} ends the call"
        assert len(message) > HEAD, "an empty frame of sound ends the call"
        return PeerSound(message[HEAD:])
