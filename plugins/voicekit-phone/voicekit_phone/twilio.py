"""Twilio Media Streams: the bot's and the carrier's side, the TwiML that connects a call, and request signatures.

Sources: Twilio's pages on websocket messages, `<Stream>` and the 319xx errors, in copies from 2024; for signatures, its
Python helper library. Not tested against Twilio itself. All numbers come as text, `connected` has no sequence number,
and a mark that comes back may have been cleared instead of played.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit
from xml.sax.saxutils import quoteattr

from voicekit.call.info import CallInfo, Known
from voicekit.call.wire import CallStarted, WireEvent, WireMessage, WireSound
from voicekit.errors import ConfigError
from voicekit_phone.json_stream import MULAW, JsonStream
from voicekit_phone.peers import PeerCleared, PeerEvent, PeerMark, PeerSound
from voicekit_phone.reading import base64_of, dumped, part, payload, read_object, text


class TwilioWire(JsonStream):
    """Our side of one stream. If we close the socket, the TwiML after `<Connect>` runs; if there is none, the call
    ends.
    """

    name = "twilio"
    can = JsonStream.can | {"hang_up"}
    no_digits = "keys can't be sent while a stream is open"

    def _start(self, start: Mapping[str, Any], message: Mapping[str, Any]) -> CallStarted:
        self._stream = text(start, "streamSid") or text(message, "streamSid") or "stream"
        parameters = {name: Known(str(said)) for name, said in part(start, "customParameters").items()}
        info = CallInfo(self.name, Known(text(start, "callSid")), self._stream, parameters=parameters)
        return CallStarted(info, MULAW, MULAW)

    def _media(self, media: Mapping[str, Any]) -> Sequence[WireEvent]:
        if text(media, "track") in ("", "inbound", "inbound_track"):
            return [WireSound(payload(media, self.name))]
        return []

    def sound(self, pcm: bytes) -> Sequence[WireMessage]:
        return [dumped(event="media", streamSid=self._stream, media={"payload": base64_of(pcm)})]

    def mark(self, name: str) -> Sequence[WireMessage]:
        return [dumped(event="mark", streamSid=self._stream, mark={"name": name})]

    def clear(self) -> Sequence[WireMessage]:
        return [dumped(event="clear", streamSid=self._stream)]


class TwilioPeer:
    """Twilio's side of one stream, for tests: the messages it sends, and how it reacts to ours."""

    def __init__(self, *, stream: str = "MZ01", call: str = "CA01", account: str = "AC01") -> None:
        self._ids = {"streamSid": stream}
        self._call = {"accountSid": account, "callSid": call}
        self._form: dict[str, object] = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
        self._sequence = 0

    def _event(self, event: str, **fields: object) -> str:
        self._sequence += 1
        return dumped(event=event, sequenceNumber=str(self._sequence), **self._ids, **fields)

    def begin(self, parameters: Mapping[str, str] | None = None) -> Sequence[str]:
        start = {**self._ids, **self._call, "tracks": ["inbound"], "mediaFormat": self._form}
        start["customParameters"] = dict(parameters or {})
        return [dumped(event="connected", protocol="Call", version="1.0.0"), self._event("start", start=start)]

    def sound(self, pcm: bytes, at_ms: int) -> str:
        media = {"track": "inbound", "chunk": str(at_ms // 20 + 1), "timestamp": str(at_ms), "payload": base64_of(pcm)}
        return self._event("media", media=media)

    def digit(self, digit: str) -> str:
        return self._event("dtmf", dtmf={"track": "inbound_track", "digit": digit})

    def passed(self, name: str) -> str:
        return self._event("mark", mark={"name": name})

    def stop(self) -> Sequence[str]:
        return [self._event("stop", stop=self._call)]

    def receive(self, message: WireMessage) -> PeerEvent:
        value = read_object(message, "twilio")
        match text(value, "event"):
            case "media":
                return PeerSound(payload(part(value, "media"), "twilio"))
            case "mark":
                return PeerMark(text(part(value, "mark"), "name"))
            case "clear":
                return PeerCleared()
            case event:
                raise AssertionError(f"Twilio has no message called {event!r}")


def connect_twiml(url: str, parameters: Mapping[str, str] | None = None) -> str:
    """TwiML that connects the call to `url`. Raises ConfigError if `url` is not wss, or has a query (Twilio rejects
    those).
    """
    parts = urlsplit(url)
    if parts.scheme != "wss" or parts.query:
        raise ConfigError(
            "twilio: expected a wss:// address without a query: Twilio strips queries, so put tokens into the path"
        )
    inside = "".join(
        f"<Parameter name={quoteattr(name)} value={quoteattr(value)}/>" for name, value in (parameters or {}).items()
    )
    stream = f"<Stream url={quoteattr(url)}>{inside}</Stream>"
    return f'<?xml version="1.0" encoding="UTF-8"?><Response><Connect>{stream}</Connect></Response>'


def busy_twiml() -> str:
    """TwiML for a call that can't be taken now."""
    return '<?xml version="1.0" encoding="UTF-8"?><Response><Reject reason="busy"/></Response>'


def signature(token: str, url: str, form: Iterable[tuple[str, str]] = ()) -> str:
    """The `X-Twilio-Signature` of a request to `url` with the fields in `form`. For an upgrade, `url` begins with
    wss://.
    """
    fields: dict[str, set[str]] = {}
    for name, value in form:
        fields.setdefault(name, set()).add(value)
    signed = url + "".join(name + value for name in sorted(fields) for value in sorted(fields[name]))
    return b64encode(hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()).decode("ascii")


def is_signed(token: str, header: str, url: str, form: Iterable[tuple[str, str]] = (), body: bytes = b"") -> bool:
    """Whether `header` is Twilio's signature of the request. `url` is the public address, as configured at Twilio.

    A body that is not a form is covered by `bodySHA256` in the query. The address is tried with its port and without
    it, since Twilio may sign either.
    """
    fields = list(form)
    parts = urlsplit(url)
    claimed = next(
        (value for name, _, value in (q.partition("=") for q in parts.query.split("&")) if name == "bodySHA256"), None
    )
    if claimed is not None and not hmac.compare_digest(hashlib.sha256(body).hexdigest(), claimed.lower()):
        return False
    if claimed is None and body and not fields:
        return False
    fields = [] if claimed is not None else fields
    ok = False
    for candidate in _with_and_without_port(url):
        ok |= hmac.compare_digest(signature(token, candidate, fields).encode(), header.encode("utf-8", "replace"))
    return ok


def _with_and_without_port(url: str) -> list[str]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    port = parts.port or (443 if parts.scheme in ("https", "wss") else 80)
    return [parts._replace(netloc=host).geturl(), parts._replace(netloc=f"{host}:{port}").geturl()]
