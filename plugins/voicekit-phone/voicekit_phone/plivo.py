"""Plivo's audio streams, and Vobiz, which uses the same messages: the bot's and the carrier's side, the XML that
connects a call, and signatures of version 3.

Sources: Plivo's pages on `<Stream>`, its Python SDK, and two agents that Plivo has published; for Vobiz, a third-party
client. Not tested against Plivo or Vobiz themselves. L16 is little-endian; the `contentType` that we send has no rate.
Not verified: whether the upgrade is signed, and whether checkpoints after a clear come back (two clients agree that
they never do).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from xml.sax.saxutils import escape, quoteattr

from voicekit.audio.format import AudioFormat
from voicekit.call.info import CallEnd, CallInfo, EndReason, Known
from voicekit.call.wire import CallStarted, MarkPassed, WireCleared, WireEnded, WireEvent, WireMessage, WireSound
from voicekit.errors import ConfigError, RemoteProtocolError
from voicekit_phone.json_stream import JsonStream
from voicekit_phone.peers import PeerCleared, PeerDigits, PeerEvent, PeerHungUp, PeerMark, PeerSound
from voicekit_phone.reading import base64_of, dumped, part, payload, read_object, text, whole

FORMATS = (AudioFormat(16_000), AudioFormat(8000), AudioFormat(8000, "mulaw"))


class PlivoWire(JsonStream):
    """Our side of one stream. Only a REST request ends the call: if we close the socket, the next XML element runs."""

    name = "plivo"
    can = JsonStream.can | {"digits"}

    def __init__(self) -> None:
        super().__init__()
        self._format = FORMATS[0]

    def _start(self, start: Mapping[str, Any], message: Mapping[str, Any]) -> CallStarted:
        self._stream = text(start, "streamId") or text(message, "streamId")
        form = part(start, "mediaFormat")
        self._format = _format(text(form, "encoding"), whole(form, "sampleRate") or 8000)
        info = CallInfo(
            self.name,
            Known(text(start, "callId")),
            self._stream,
            parameters={name: Known(said) for name, said in _headers(message.get("extra_headers")).items()},
        )
        return CallStarted(info, self._format, self._format)

    def _media(self, media: Mapping[str, Any]) -> Sequence[WireEvent]:
        if text(media, "track").startswith("outbound"):
            return []
        return [WireSound(payload(media, self.name, self._format.sample_bytes))]

    def _other(self, event: str, value: Mapping[str, Any]) -> Sequence[WireEvent]:
        match event:
            case "playedStream":
                return [MarkPassed(text(value, "name"))]
            case "clearedAudio":
                return [WireCleared()]
        return super()._other(event, value)

    def sound(self, pcm: bytes) -> Sequence[WireMessage]:
        kind = "audio/x-mulaw" if self._format.encoding == "mulaw" else "audio/x-l16"
        return [
            dumped(
                event="playAudio",
                media={"contentType": kind, "sampleRate": self._format.rate, "payload": base64_of(pcm)},
            )
        ]

    def mark(self, name: str) -> Sequence[WireMessage]:
        return [dumped(event="checkpoint", streamId=self._stream, name=name)]

    def clear(self) -> Sequence[WireMessage]:
        return [dumped(event="clearAudio", streamId=self._stream)]

    def digits(self, digits: str) -> Sequence[WireMessage]:
        return [dumped(event="sendDTMF", dtmf=digits)]


class VobizWire(PlivoWire):
    """Vobiz uses Plivo's messages, and a `stop` of our own, which ends the stream. A closed socket means that the
    caller has hung up.
    """

    name = "vobiz"
    can = PlivoWire.can | {"hang_up"}

    def closed(self, code: int | None) -> WireEnded:
        return WireEnded(CallEnd(EndReason.CALLER, "" if code is None else str(code)))

    def hang_up(self, reason: str) -> Sequence[WireMessage]:
        return [dumped(event="stop", streamId=self._stream)]


class PlivoPeer:
    """Plivo's side of one stream, for tests."""

    def __init__(
        self,
        format: AudioFormat = FORMATS[0],  # noqa: A002  # the usual word
        *,
        call: str = "c-1",
        stream: str = "s-1",
        headers_as_json: bool = False,
    ) -> None:
        self._kind = {
            "encoding": "audio/x-mulaw" if format.encoding == "mulaw" else "audio/x-l16",
            "sampleRate": format.rate,
        }
        self._call = call
        self._stream = stream
        self._as_json = headers_as_json
        self._headers = ""
        self._sequence = -1

    def _event(self, event: str, **fields: object) -> str:
        self._sequence += 1
        return dumped(event=event, sequenceNumber=self._sequence, **fields)

    def begin(self, parameters: Mapping[str, str] | None = None) -> Sequence[str]:
        said = dict(parameters or {})
        self._headers = (
            json.dumps(said) if self._as_json else ";".join(f"{name}={value}" for name, value in said.items())
        )
        start = {"callId": self._call, "streamId": self._stream, "accountId": "MA1", "tracks": ["inbound"]}
        return [self._event("start", start=start | {"mediaFormat": self._kind}, extra_headers=self._headers)]

    def sound(self, pcm: bytes, at_ms: int) -> str:
        stamp = str(1_795_983_657_000 + at_ms)
        media = {"track": "inbound", "timestamp": stamp, "chunk": at_ms // 20 + 1, "payload": base64_of(pcm)}
        return self._event("media", streamId=self._stream, media=media, extra_headers=self._headers)

    def digit(self, digit: str) -> str:
        return self._event("dtmf", streamId=self._stream, dtmf={"digit": digit, "track": "inbound"})

    def passed(self, name: str) -> str:
        return self._event("playedStream", streamId=self._stream, name=name)

    def cleared(self) -> str:
        """The answer to a clear. The checkpoints before the clear never come back."""
        return self._event("clearedAudio", streamId=self._stream)

    def stop(self) -> Sequence[str]:
        return [self._event("stop", streamId=self._stream)]

    def receive(self, message: WireMessage) -> PeerEvent:
        value = read_object(message, "plivo")
        match text(value, "event"):
            case "playAudio":
                media = part(value, "media")
                kind = {"encoding": text(media, "contentType"), "sampleRate": media.get("sampleRate")}
                assert kind == self._kind, f"this stream plays {self._kind}, got {kind}"
                return PeerSound(payload(media, "plivo"))
            case "checkpoint":
                return PeerMark(text(value, "name"))
            case "clearAudio":
                return PeerCleared()
            case "sendDTMF":
                return PeerDigits(text(value, "dtmf"))
            case "stop":
                return PeerHungUp()
            case event:
                raise AssertionError(f"Plivo has no message called {event!r}")


def stream_xml(url: str, *, format: AudioFormat = FORMATS[0], parameters: Mapping[str, str] | None = None) -> str:  # noqa: A002
    """XML that connects the call to `url` for as long as the socket is open.

    Raises ConfigError if `url` is not wss, if Plivo can't stream `format`, or if the parameters do not fit into
    Plivo's header (letters and digits only, 512 bytes in all).
    """
    if urlsplit(url).scheme != "wss":
        raise ConfigError("plivo: expected a wss:// address")
    if format not in FORMATS:
        raise ConfigError(f"plivo: expected one of {', '.join(map(str, FORMATS))}, got {format}")
    said = ",".join(f"{name}={value}" for name, value in (parameters or {}).items())
    if len(said) > 512 or not all(part.isalnum() for pair in (parameters or {}).items() for part in pair):
        raise ConfigError("plivo: expected parameters made of letters and digits, at most 512 bytes in total")
    kind = "audio/x-mulaw" if format.encoding == "mulaw" else "audio/x-l16"
    how = f'bidirectional="true" keepCallAlive="true" audioTrack="inbound" contentType="{kind};rate={format.rate}"'
    headers = f" extraHeaders={quoteattr(said)}" if said else ""
    return f'<?xml version="1.0" encoding="UTF-8"?><Response><Stream {how}{headers}>{escape(url)}</Stream></Response>'


def dial_xml(to: str) -> str:
    """XML that connects the call to `to`, a number or a SIP address."""
    inside = f"<User>{escape(to)}</User>" if to.startswith(("sip:", "sips:")) else f"<Number>{escape(to)}</Number>"
    return f'<?xml version="1.0" encoding="UTF-8"?><Response><Dial>{inside}</Dial></Response>'


def busy_xml() -> str:
    """XML for a call that can't be taken now."""
    return '<?xml version="1.0" encoding="UTF-8"?><Response><Hangup reason="busy"/></Response>'


def signature(token: str, nonce: str, method: str, url: str, form: Iterable[tuple[str, str]] = ()) -> str:
    """The `X-Plivo-Signature-V3` of a GET or POST request to `url`, as configured at Plivo; `form` is for a POST."""
    parts = urlsplit(url)
    fields = sorted(form) if method.upper() == "POST" else []
    asked = "&".join(f"{name}={value}" for name, value in sorted(parse_qsl(parts.query, keep_blank_values=True)))
    base = f"{parts.scheme}://{parts.netloc}{parts.path}"
    if asked or fields:
        base += f"?{asked}"
    if asked and fields:
        base += "."
    base += "".join(name + value for name, value in fields)
    signed = f"{base}.{nonce}"
    return b64encode(hmac.new(token.encode(), signed.encode(), hashlib.sha256).digest()).decode("ascii")


def is_signed(token: str, header: str, nonce: str, method: str, url: str, form: Iterable[tuple[str, str]] = ()) -> bool:
    """Whether `header`, a comma-separated list, contains the request's signature."""
    right = signature(token, nonce, method, url, form).encode()
    return any(hmac.compare_digest(right, one.strip().encode("utf-8", "replace")) for one in header.split(","))


def _format(encoding: str, rate: int) -> AudioFormat:
    kind = encoding.partition(";")[0].strip().lower()
    if kind == "audio/x-mulaw":
        return AudioFormat(8000, "mulaw")
    if kind == "audio/x-l16" and rate in (8000, 16_000):
        return AudioFormat(rate)
    raise RemoteProtocolError("plivo: expected audio/x-l16 at 8000 or 16000 Hz, or audio/x-mulaw, got another format")


def _headers(said: object) -> dict[str, str]:
    """The fields in `extra_headers`, which is "k=v;k2=v2", a JSON object, or a JSON object in a string."""
    if isinstance(said, str) and said.lstrip().startswith("{"):
        try:
            said = json.loads(said)
        except ValueError:
            return {}
    if isinstance(said, dict):
        return {str(name): str(value) for name, value in said.items()}
    pairs = (pair.partition("=") for pair in said.replace(",", ";").split(";")) if isinstance(said, str) else ()
    return {name.strip(): value.strip() for name, equals, value in pairs if equals}
