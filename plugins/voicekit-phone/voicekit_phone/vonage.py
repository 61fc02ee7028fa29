"""Vonage Voice API websockets: the bot's and the carrier's side, the NCCO that connects a call, and signed webhooks.

Sources: Vonage's websocket guide of 2026 (and the 2021 version), and its Python SDK. Not tested against Vonage itself.
Each binary message holds exactly 20 ms of audio, in both directions. There is no stop event: a closed socket means that
the caller has hung up. Not verified: whether a notify after a clear is answered (we assume that it never is), and the
largest size of the headers (512 B or 2 kB).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from voicekit.audio.format import AudioFormat
from voicekit.call.info import CallEnd, CallInfo, EndReason, Known
from voicekit.call.wire import (
    CallStarted,
    MarkPassed,
    WireCleared,
    WireDigit,
    WireEnded,
    WireEvent,
    WireMessage,
    WireSound,
)
from voicekit.errors import ConfigError, RemoteProtocolError
from voicekit_phone.peers import PeerCleared, PeerEvent, PeerMark, PeerSound
from voicekit_phone.reading import dumped, known, part, passed_over, read_object, text

RATES = (8000, 16_000, 24_000)
OLD_S = 300
"""A token that was issued more than this many seconds ago is refused."""


class VonageWire:
    """Our side of one websocket. Only a REST request ends the call: if we close the socket, Vonage asks the event URL
    how to continue.
    """

    name = "vonage"
    can = frozenset({"mark", "clear"})
    packet = 0.02
    lead = 0.2

    def __init__(self) -> None:
        self._started = False
        self._format = AudioFormat(16_000)

    def receive(self, message: WireMessage) -> Sequence[WireEvent]:
        if isinstance(message, bytes):
            return [WireSound(message[: len(message) & ~1])] if self._started and len(message) > 1 else []
        value = read_object(message, self.name)
        match text(value, "event"):
            case "websocket:connected" if not self._started:
                return [self._start(value)]
            case "websocket:notify":
                return [MarkPassed(text(part(value, "payload"), "mark"))]
            case "websocket:cleared":
                return [WireCleared()]
            case "websocket:dtmf":
                digit = text(value, "digit") or text(part(value, "dtmf"), "digit")
                return [WireDigit(digit)] if digit else []
            case event:
                return [passed_over(event)]

    def _start(self, value: Mapping[str, Any]) -> CallStarted:
        kind, _, rate = text(value, "content-type").partition(";rate=")
        if kind.strip() != "audio/l16" or rate.strip() not in map(str, RATES):
            raise RemoteProtocolError("vonage: expected audio/l16 at 8000, 16000 or 24000 Hz, got another format")
        self._format = AudioFormat(int(rate))
        self._started = True
        said = {
            n: v for n, v in value.items() if n not in ("event", "content-type") and isinstance(v, str | int | float)
        }
        info = CallInfo(
            self.name,
            Known(text(value, "uuid", "call_uuid")),
            caller=known(text(value, "from")),
            called=known(text(value, "to")),
            parameters={name: Known(str(value)) for name, value in said.items()},
        )
        return CallStarted(info, self._format, self._format)

    def closed(self, code: int | None) -> WireEnded:
        return WireEnded(
            CallEnd(EndReason.CALLER if code == 1000 else EndReason.LOST, "" if code is None else str(code))
        )

    def sound(self, pcm: bytes) -> Sequence[WireMessage]:
        return [pcm]

    def mark(self, name: str) -> Sequence[WireMessage]:
        return [dumped(action="notify", payload={"mark": name})]

    def clear(self) -> Sequence[WireMessage]:
        return [dumped(action="clear")]

    def digits(self, digits: str) -> Sequence[WireMessage]:
        raise ConfigError("vonage: keys are sent by REST, not on the websocket")

    def hang_up(self, reason: str) -> Sequence[WireMessage]:
        return []


class VonagePeer:
    """Vonage's side of one websocket, for tests."""

    def __init__(self, format: AudioFormat = AudioFormat(16_000)) -> None:  # noqa: A002, B008
        self._format = format

    def begin(self, parameters: Mapping[str, str] | None = None) -> Sequence[str]:
        kind = f"audio/l16;rate={self._format.rate}"
        return [json.dumps({"event": "websocket:connected", "content-type": kind, **(parameters or {})})]

    def sound(self, pcm: bytes, at_ms: int) -> bytes:
        return pcm

    def digit(self, digit: str) -> str:
        return dumped(event="websocket:dtmf", digit=digit, duration=220)

    def passed(self, name: str) -> str:
        return dumped(event="websocket:notify", payload={"mark": name})

    def cleared(self) -> str:
        return dumped(event="websocket:cleared")

    def stop(self) -> Sequence[str]:
        return []

    def receive(self, message: WireMessage) -> PeerEvent:
        if isinstance(message, bytes):
            size = self._format.samples(0.02) * 2
            assert len(message) == size, f"each message is exactly 20 ms, {size} bytes, got {len(message)}"
            return PeerSound(message)
        value = read_object(message, "vonage")
        match text(value, "action"):
            case "notify":
                return PeerMark(text(part(value, "payload"), "mark"))
            case "clear":
                return PeerCleared()
            case action:
                raise AssertionError(f"Vonage has no action {action!r}")


def connect_ncco(
    url: str, *, rate: int = 16_000, parameters: Mapping[str, str] | None = None, event_url: str | None = None
) -> str:
    """The NCCO that connects the call to `url`. Raises ConfigError if `url` is not wss, or the rate is not in RATES."""
    if urlsplit(url).scheme != "wss" or rate not in RATES:
        raise ConfigError(f"vonage: expected a wss:// address and a rate of {RATES}, got a rate of {rate}")
    endpoint = {
        "type": "websocket",
        "uri": url,
        "content-type": f"audio/l16;rate={rate}",
        "headers": dict(parameters or {}),
        "authorization": {"type": "vonage"},
    }
    action: dict[str, object] = {"action": "connect", "endpoint": [endpoint]}
    if event_url is not None:
        action |= {"eventType": "synchronous", "eventUrl": [event_url]}
    return json.dumps([action])


def busy_ncco() -> str:
    """The NCCO for a call that can't be taken now: it has no actions, so the call ends."""
    return "[]"


def token(secret: str, claims: Mapping[str, object]) -> str:
    """A JWT like those with which Vonage signs webhooks: HS256 with the account's signature secret."""
    head = encoded(b'{"alg":"HS256","typ":"JWT"}')
    signed = f"{head}.{encoded(json.dumps(claims, separators=(',', ':')).encode())}"
    return f"{signed}.{encoded(hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest())}"


def claims_of(
    secret: str, bearer: str, body: bytes, now: float, *, api_key: str | None = None
) -> dict[str, Any] | None:
    """The claims of a webhook's `Authorization: Bearer` token; None unless it was signed with `secret` for this `body`.

    At `now` (the time of day in seconds), the token must be younger than OLD_S. This function does not check that the
    token's `jti` is new.
    """
    try:
        signed, _, signature = bearer.removeprefix("Bearer ").strip().rpartition(".")
        head, _, said = signed.partition(".")
        right = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()
        if json.loads(_decoded(head)).get("alg") != "HS256" or not hmac.compare_digest(right, _decoded(signature)):
            return None
        claims = json.loads(_decoded(said))
        age = now - float(claims["iat"])
    except (ValueError, KeyError, TypeError, AttributeError, Base64Error, RecursionError):
        return None
    if not -60 <= age <= OLD_S or float(claims.get("exp", now)) < now:
        return None
    if api_key is not None and claims.get("api_key") != api_key:
        return None
    if body and not hmac.compare_digest(hashlib.sha256(body).hexdigest(), str(claims.get("payload_hash", "")).lower()):
        return None
    return claims  # type: ignore[no-any-return]  # JSON


def encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
