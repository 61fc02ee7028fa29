"""SignalWire's cXML streams: Twilio's messages, with the codec that `<Stream codec=...>` names, and SignalWire's
signatures.

Sources: SignalWire's pages on cXML `<Stream>`, and, for signatures, its SDK. Not tested against SignalWire itself. Not
verified: the codec's name in `mediaFormat` (we accept L16 in any spelling); the byte order of L16 (we assume
little-endian; `l16="big"` reverses it); and which signature a form has (we accept Twilio's, and the hexadecimal
signature of the raw body).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal
from xml.sax.saxutils import quoteattr

from voicekit.audio.format import AudioFormat
from voicekit.call.wire import CallStarted, WireEvent, WireMessage, WireSound
from voicekit.errors import ConfigError, RemoteProtocolError
from voicekit_phone import twilio
from voicekit_phone.json_stream import MULAW
from voicekit_phone.peers import PeerEvent, PeerSound
from voicekit_phone.reading import part, payload, swapped, text, whole
from voicekit_phone.twilio import TwilioPeer, TwilioWire

CODECS = {"PCMU@8000h": MULAW, "L16@16000h": AudioFormat(16_000), "L16@24000h": AudioFormat(24_000)}
"""The audio format for each value of `<Stream codec>`."""


class SignalWireWire(TwilioWire):
    """Our side of one stream: the same as Twilio's, but with the codec that was requested for the stream."""

    name = "signalwire"

    def __init__(self, *, l16: Literal["big", "little"] = "little") -> None:
        super().__init__()
        self._swap = l16 == "big"
        self._format = MULAW

    def _start(self, start: Mapping[str, Any], message: Mapping[str, Any]) -> CallStarted:
        started = super()._start(start, message)
        self._format = _format(part(start, "mediaFormat"))
        return CallStarted(started.info, self._format, self._format)

    def _media(self, media: Mapping[str, Any]) -> Sequence[WireEvent]:
        if text(media, "track").startswith("outbound"):
            return []
        pcm = payload(media, self.name, self._format.sample_bytes)
        return [WireSound(swapped(pcm) if self._swap and self._format != MULAW else pcm)]

    def sound(self, pcm: bytes) -> Sequence[WireMessage]:
        return super().sound(swapped(pcm) if self._swap and self._format != MULAW else pcm)


class SignalWirePeer(TwilioPeer):
    """SignalWire's side of one stream, for tests."""

    def __init__(
        self,
        format: AudioFormat = MULAW,  # noqa: A002  # the usual word
        *,
        big: bool = False,
        **ids: str,
    ) -> None:
        super().__init__(**ids)
        kind = "audio/x-mulaw" if format == MULAW else "audio/x-l16"
        self._form = {"encoding": kind, "sampleRate": format.rate, "channels": 1}
        self._swap = big and format != MULAW

    def sound(self, pcm: bytes, at_ms: int) -> str:
        return super().sound(swapped(pcm) if self._swap else pcm, at_ms)

    def receive(self, message: WireMessage) -> PeerEvent:
        event = super().receive(message)
        return PeerSound(swapped(event.pcm)) if self._swap and isinstance(event, PeerSound) else event


def stream_cxml(url: str, *, codec: str = "L16@16000h", parameters: Mapping[str, str] | None = None) -> str:
    """cXML that connects the call to `url`. Raises ConfigError if `url` is not wss, or `codec` is not in CODECS."""
    if codec not in CODECS:
        raise ConfigError(f"signalwire: expected a codec from {', '.join(CODECS)}, got {codec!r}")
    plain = twilio.connect_twiml(url, parameters)
    return plain.replace("<Stream ", f'<Stream codec={quoteattr(codec)} realtime="true" ', 1)


def is_signed(key: str, header: str, url: str, form: Iterable[tuple[str, str]], body: bytes) -> bool:
    """Whether `header` is SignalWire's signature of the request; `key` is the signing key on the project's API page."""
    raw = hmac.new(key.encode(), url.encode() + body, hashlib.sha1).hexdigest()
    if hmac.compare_digest(raw.encode(), header.lower().encode("utf-8", "replace")):
        return True
    return twilio.is_signed(key, header, url, form, body)


def _format(form: Mapping[str, Any]) -> AudioFormat:
    kind, rate = text(form, "encoding").lower(), whole(form, "sampleRate") or 8000
    if not kind or "mulaw" in kind or "pcmu" in kind:
        return MULAW
    if "l16" in kind and rate in (8000, 16_000, 24_000):
        return AudioFormat(rate)
    raise RemoteProtocolError("signalwire: expected PCMU at 8000 Hz or L16 at 8, 16 or 24 kHz, got another format")
