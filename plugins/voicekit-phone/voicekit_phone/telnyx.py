"""Telnyx media streaming in rtp mode: the bot's and the carrier's side, and request signatures.

Sources: Telnyx's pages on the media websocket and on TeXML as of 2026, and, for signatures, its Python SDK. Not tested
against Telnyx itself. Messages may arrive out of order. The caller's audio has the codec of the caller's leg, even if
we asked for another. Not verified: the byte order of L16 (RFC 2586 says big-endian, and two unmerged reports agree),
and whether we can send pieces of audio shorter than 20 ms.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any, Literal
from urllib.parse import urlsplit
from xml.sax.saxutils import quoteattr

from voicekit.audio.format import AudioFormat
from voicekit.call.info import CallInfo, Known
from voicekit.call.wire import CallStarted, WireEvent, WireMessage, WireSound
from voicekit.errors import ConfigError, RemoteProtocolError
from voicekit_phone.json_stream import MULAW, JsonStream
from voicekit_phone.peers import PeerCleared, PeerEvent, PeerMark, PeerSound
from voicekit_phone.reading import base64_of, dumped, known, part, payload, read_object, swapped, text, whole

WINDOW = 4
"""The number of audio messages that may wait for a missing one; after that, the missing message counts as lost."""

STALE_S = 300
"""A webhook that was signed more than this many seconds ago is refused."""


class TelnyxWire(JsonStream):
    """Our side of one stream. Only a REST request ends a call: if we close the socket, the caller stays on the line."""

    name = "telnyx"
    no_digits = "keys are sent by REST, not on the stream"

    def __init__(self, *, l16: Literal["big", "little"] = "big", spoken: AudioFormat | None = None) -> None:
        """`spoken` is the format of `stream_bidirectional_codec`, if that is not the leg's own codec."""
        super().__init__()
        self._big = l16 == "big"
        self._spoken = spoken
        self._heard = self._sent = MULAW
        self._next: int | None = None
        self._early: dict[int, bytes] = {}

    def _start(self, start: Mapping[str, Any], message: Mapping[str, Any]) -> CallStarted:
        form = part(start, "media_format")
        self._heard = _format(text(form, "encoding") or "PCMU", whole(form, "sample_rate") or 8000)
        self._sent = self._spoken or self._heard
        said = part(start, "custom_parameters")
        if not said and isinstance(start.get("custom_parameters"), list):
            said = {
                text(one, "name"): text(one, "value") for one in start["custom_parameters"] if isinstance(one, dict)
            }
        info = CallInfo(
            self.name,
            Known(text(start, "call_control_id")),
            text(message, "stream_id"),
            caller=known(text(start, "from")),
            called=known(text(start, "to")),
            parameters={name: Known(str(value)) for name, value in said.items()},
        )
        return CallStarted(info, self._heard, self._sent)

    def _media(self, media: Mapping[str, Any]) -> Sequence[WireEvent]:
        if text(media, "track").startswith("outbound"):
            return []
        sound = payload(media, self.name, self._heard.sample_bytes)
        if self._heard.encoding == "pcm16" and self._big:
            sound = swapped(sound)
        chunk = whole(media, "chunk")
        if chunk is None:
            return [WireSound(sound)]
        if self._next is None:
            self._next = chunk
        if chunk < self._next:
            return []  # the chunk was already counted as lost, or was sent twice
        self._early[chunk] = sound
        if len(self._early) > WINDOW:
            self._next = min(self._early)
        return self._in_order()

    def _in_order(self) -> list[WireEvent]:
        ready: list[WireEvent] = []
        while self._next is not None and self._next in self._early:
            ready.append(WireSound(self._early.pop(self._next)))
            self._next += 1
        return ready

    def _last(self) -> Sequence[WireEvent]:
        rest: list[WireEvent] = [WireSound(self._early[chunk]) for chunk in sorted(self._early)]
        self._early.clear()
        return rest

    def sound(self, pcm: bytes) -> Sequence[WireMessage]:
        if self._sent.encoding == "pcm16" and self._big:
            pcm = swapped(pcm)
        return [dumped(event="media", media={"payload": base64_of(pcm)})]

    def mark(self, name: str) -> Sequence[WireMessage]:
        return [dumped(event="mark", mark={"name": name})]

    def clear(self) -> Sequence[WireMessage]:
        return [dumped(event="clear")]


class TelnyxPeer:
    """Telnyx's side of one stream, for tests."""

    def __init__(self, *, codec: str = "PCMU", rate: int = 8000, call: str = "v3:abc", stream: str = "9d1f") -> None:
        self._form = {"encoding": codec, "sample_rate": rate, "channels": 1}
        self._swap = codec == "L16"
        self._call = call
        self._stream = stream
        self._sequence = 0
        self._chunk = 0

    def _event(self, event: str, **fields: object) -> str:
        self._sequence += 1
        return dumped(event=event, sequence_number=str(self._sequence), stream_id=self._stream, **fields)

    def begin(self, parameters: Mapping[str, str] | None = None) -> Sequence[str]:
        start = {"user_id": "u1", "call_control_id": self._call, "call_session_id": "s1", "from": "+3545550001"}
        start |= {"to": "+3545550002", "client_state": "", "tags": [], "media_format": self._form}  # type: ignore[dict-item]
        start["custom_parameters"] = dict(parameters or {})  # type: ignore[assignment]
        return [dumped(event="connected", version="1.0.0"), self._event("start", start=start)]

    def sound(self, pcm: bytes, at_ms: int) -> str:
        self._chunk += 1
        sound = base64_of(swapped(pcm) if self._swap else pcm)
        media = {"track": "inbound", "chunk": str(self._chunk), "timestamp": str(at_ms), "payload": sound}
        return self._event("media", media=media)

    def digit(self, digit: str) -> str:
        return self._event("dtmf", dtmf={"digit": digit})

    def passed(self, name: str) -> str:
        return self._event("mark", mark={"name": name})

    def stop(self) -> Sequence[str]:
        return [self._event("stop", stop={"user_id": "u1", "call_control_id": self._call})]

    def receive(self, message: WireMessage) -> PeerEvent:
        value = read_object(message, "telnyx")
        match text(value, "event"):
            case "media":
                sound = payload(part(value, "media"), "telnyx")
                return PeerSound(swapped(sound) if self._swap else sound)
            case "mark":
                return PeerMark(text(part(value, "mark"), "name"))
            case "clear":
                return PeerCleared()
            case event:
                raise AssertionError(f"Telnyx has no message called {event!r}")


def stream_texml(url: str, *, codec: str = "PCMU") -> str:
    """TeXML that connects the call to `url` in both directions. Raises ConfigError if `url` is not wss."""
    if urlsplit(url).scheme != "wss":
        raise ConfigError("telnyx: expected a wss:// address")
    how = f'track="inbound_track" bidirectionalMode="rtp" bidirectionalCodec={quoteattr(codec)}'
    stream = f"<Stream url={quoteattr(url)} {how}/>"
    return f'<?xml version="1.0" encoding="UTF-8"?><Response><Connect>{stream}</Connect></Response>'


def streaming_start(url: str, *, token: str, codec: str = "PCMU") -> dict[str, object]:
    """The body of the REST requests `answer` and `streaming_start`. It requests rtp mode, without which our audio is
    dropped.
    """
    return {
        "stream_url": url,
        "stream_track": "inbound_track",
        "stream_bidirectional_mode": "rtp",
        "stream_bidirectional_codec": codec,
        "stream_auth_token": token,
    }


def is_signed(public_key: str, signature: str, timestamp: str, body: bytes, now: float) -> bool:
    """Whether the owner of `public_key` (base64, 32 bytes) signed `body` within the five minutes before `now`.

    `signature` and `timestamp` are the headers telnyx-signature-ed25519 and telnyx-timestamp; `now` is the time of day,
    in seconds. Raises ConfigError if `public_key` is not a key. Needs the package cryptography.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        key = Ed25519PublicKey.from_public_bytes(b64decode(public_key, validate=True))
    except ValueError:
        raise ConfigError("telnyx: expected the public key from the portal: 32 bytes in base64") from None
    try:
        if not abs(now - int(timestamp)) <= STALE_S:
            return False
        key.verify(b64decode(signature, validate=True), timestamp.encode() + b"|" + body)
    except (ValueError, InvalidSignature):
        return False
    return True


def _format(encoding: str, rate: int) -> AudioFormat:
    match encoding.upper():
        case "PCMU":
            return AudioFormat(8000, "mulaw")
        case "PCMA":
            return AudioFormat(8000, "alaw")
        case "L16" if 8000 <= rate <= 48_000:
            return AudioFormat(rate)
    raise RemoteProtocolError("telnyx: expected a call in PCMU, PCMA or L16, got another codec: set stream_codec")
