"""Genesys AudioHook and Audio Connector, version 2: the bot's and the carrier's side, and the signature of the upgrade.

Sources: four public servers and clients of the protocol, from 2025 and 2026; the vendor's own pages were not
accessible. Not tested against Genesys itself. There are no marks, so the position follows the clock. A packet holds 200
ms of audio, because messages are rate-limited. Not verified: the exact limits, and whether every product supports
`barge_in`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from typing import Any

import trio

from voicekit.audio.format import AudioFormat
from voicekit.call.info import CallEnd, CallInfo, EndReason, Known
from voicekit.call.wire import (
    CallStarted,
    FarHold,
    WireDigit,
    WireEnded,
    WireEvent,
    WireMessage,
    WireNotice,
    WireReply,
    WireSound,
)
from voicekit.errors import ConfigError, RemoteProtocolError
from voicekit_phone.peers import PeerCleared, PeerEvent, PeerHungUp, PeerOther, PeerSound
from voicekit_phone.reading import dumped, end_of, goodbye, known, part, passed_over, read_object, text, whole

MULAW = AudioFormat(8000, "mulaw")
PROBE = "00000000-0000-0000-0000-000000000000"
"""The id of the conversation in a connection test, which is only opened and closed: no bot must start."""

SIGNED = (
    "@request-target",
    "@authority",
    "audiohook-organization-id",
    "audiohook-session-id",
    "audiohook-correlation-id",
    "x-api-key",
)
"""The components that a signature must at least cover."""

OLD_S = 10
"""A signature older than this many seconds is refused."""


CODES = range(400, 600)
"""The codes of errors, like HTTP's; any other number may be a telephone number, and is not shown."""


class GenesysWire:
    """Our side of one session. `outcome` holds the output variables on which Architect acts when the session ends."""

    name = "genesys"
    can = frozenset({"clear", "hang_up"})
    packet = 0.2
    lead = 0.4

    def __init__(self, *, organization: str | None = None) -> None:
        """`organization` is the id in the upgrade's header; an `open` message with another id is rejected."""
        self.outcome: dict[str, str] = {}
        self._organization = organization
        self._session = ""
        self._theirs = self._ours = 0
        self._opened = self._closing = False
        self._channels = 1

    def receive(self, message: WireMessage) -> Sequence[WireEvent]:
        if isinstance(message, bytes):
            return self._sound(message) if self._opened and not self._closing else []
        value = read_object(message, self.name)
        seq = whole(value, "seq")
        if seq != self._theirs + 1:
            raise RemoteProtocolError(f"genesys: expected message number {self._theirs + 1}, got {seq}")
        self._theirs = seq
        parameters = part(value, "parameters")
        match text(value, "type"):
            case "open" if not self._opened:
                return self._open(text(value, "id"), parameters)
            case "ping":
                return [WireReply(self._say("pong"))]
            case "dtmf":
                return [WireDigit(digit)] if (digit := text(parameters, "digit")) else []
            case "paused":
                return [FarHold(True)]
            case "resumed":
                return [FarHold(False)]
            case "update":
                return [WireReply(self._say("updated"))]
            case "close":
                self._closing = True
                reason = goodbye(parameters)
                why = EndReason.CARRIER if reason == "error" else EndReason.CALLER
                return [WireReply(self._say("closed", outputVariables=self.outcome)), WireEnded(CallEnd(why, reason))]
            case "error":
                code = whole(parameters, "code") or 0
                return [WireNotice(f"error {code}" if code in CODES else "error")]
            case kind:
                return [passed_over(kind)]

    def _open(self, session: str, parameters: Mapping[str, Any]) -> Sequence[WireEvent]:
        organization = text(parameters, "organizationId")
        if self._organization is not None and organization != self._organization:
            raise RemoteProtocolError(
                "genesys: expected the same organization in `open` as in the request's headers, got a different one"
            )
        self._session = session
        offered = parameters.get("media")
        offers = [one for one in offered if isinstance(one, dict)] if isinstance(offered, list) else []
        media = next((one for one in offers if text(one, "format") == "PCMU" and whole(one, "rate") == 8000), None)
        if media is None:
            raise RemoteProtocolError("genesys: expected an offer of PCMU at 8000 Hz, got none")
        channels = media.get("channels")
        self._channels = len(channels) if isinstance(channels, list) and channels else 1
        self._opened = True
        opened = WireReply(self._say("opened", media=[media], startPaused=False))
        conversation = text(parameters, "conversationId")
        if conversation == PROBE:
            return [opened, WireNotice("connection probe: no call")]
        person = part(parameters, "participant")
        said = {**part(parameters, "customConfig"), **part(parameters, "inputVariables")}
        info = CallInfo(
            self.name,
            Known(conversation),
            session,
            caller=known(text(person, "ani")),
            called=known(text(person, "dnis")),
            parameters={name: Known(str(value)) for name, value in said.items()},
        )
        return [opened, CallStarted(info, MULAW, MULAW)]

    def _sound(self, message: bytes) -> Sequence[WireEvent]:
        """Take the caller's audio: if there are two interleaved channels, the first one."""
        return [WireSound(message[:: self._channels])]

    def _say(self, kind: str, **parameters: object) -> str:
        self._ours += 1
        said = {"version": "2", "id": self._session, "type": kind, "seq": self._ours, "clientseq": self._theirs}
        return dumped(**said, parameters=parameters)

    def closed(self, code: int | None) -> WireEnded:
        return end_of(self._closing, code)

    def sound(self, pcm: bytes) -> Sequence[WireMessage]:
        return [pcm]

    def mark(self, name: str) -> Sequence[WireMessage]:
        return []

    def clear(self) -> Sequence[WireMessage]:
        return [self._say("event", entities=[{"type": "barge_in", "data": {}}])]

    def digits(self, digits: str) -> Sequence[WireMessage]:
        raise ConfigError("genesys: keys can't be sent to the caller")

    def hang_up(self, reason: str) -> Sequence[WireMessage]:
        if self._closing:
            return []
        why = "error" if reason == EndReason.ERROR.value else "completed"
        return [self._say("disconnect", reason=why, info=reason, outputVariables=self.outcome)]


class OutcomeControl:
    """Transfers a call: the session ends, and its output variable `route` tells Architect's flow the target."""

    can = frozenset({"transfer"})

    def __init__(self, wire: GenesysWire, route: str) -> None:
        self._wire = wire
        self._route = route

    async def hang_up(self) -> None:
        raise ConfigError("genesys: end a session on its socket, not by a request")

    async def transfer(self, to: str) -> None:
        self._wire.outcome[self._route] = to
        await trio.lowlevel.checkpoint()

    async def send_digits(self, digits: str) -> None:
        raise ConfigError("genesys: keys can't be sent to the caller")


class GenesysPeer:
    """Genesys's side of one session, for tests. Like Genesys, it checks the sequence numbers of our messages."""

    def __init__(self, *, session: str = "5d0c", conversation: str = "k1", organization: str = "o1") -> None:
        self._session = session
        self._conversation = conversation
        self._organization = organization
        self._ours = self._theirs = 0

    def _say(self, kind: str, **parameters: object) -> str:
        self._ours += 1
        said = {"version": "2", "id": self._session, "type": kind, "seq": self._ours, "serverseq": self._theirs}
        return dumped(**said, position="PT0S", parameters=parameters)

    def begin(self, parameters: Mapping[str, str] | None = None) -> Sequence[str]:
        person = {"id": "p1", "ani": "tel:+3545550001", "aniName": "Jon", "dnis": "tel:+3545550002"}
        media = [{"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8000}]
        ids = {"organizationId": self._organization, "conversationId": self._conversation}
        more = {"participant": person, "media": media, "language": "is-IS", "inputVariables": dict(parameters or {})}
        return [self._say("open", **ids, **more)]

    def sound(self, pcm: bytes, at_ms: int) -> bytes:
        return pcm

    def digit(self, digit: str) -> str:
        return self._say("dtmf", digit=digit)

    def ping(self) -> str:
        return self._say("ping", rtt="PT0.05S")

    def hold(self, held: bool) -> str:
        return self._say("paused" if held else "resumed")

    def passed(self, name: str) -> str:
        raise AssertionError("Genesys has no marks")

    def stop(self) -> Sequence[str]:
        return [self._say("close", reason="end")]

    def receive(self, message: WireMessage) -> PeerEvent:
        if isinstance(message, bytes):
            assert len(message) <= 64_000, f"a message of sound has at most 64000 bytes, got {len(message)}"
            return PeerSound(message)
        value = read_object(message, "genesys")
        self._theirs += 1
        assert whole(value, "seq") == self._theirs, f"expected message {self._theirs}, got {text(value, 'seq')}"
        assert isinstance(value.get("parameters"), dict), "parameters are an object, also when there are none"
        match text(value, "type"):
            case "event":
                return PeerCleared()
            case "disconnect":
                return PeerHungUp()
            case "opened" | "pong" | "updated" | "closed" as kind:
                return PeerOther(kind)
            case kind:
                raise AssertionError(f"Genesys has no message called {kind!r}")


def signature_base(headers: Mapping[str, str], target: str, components: Sequence[str], inside: str) -> bytes:
    """The text that the signature of an upgrade covers: a line for each component, and the parameters last. The
    names in `headers` are in lower case.
    """
    values = {**headers, "@request-target": target, "@authority": headers.get("host", "")}
    lines = [f'"{name}": {values[name].strip()}' for name in components]
    return "\n".join([*lines, f'"@signature-params": {inside}']).encode()


def is_signed(secret: str, headers: Mapping[str, str], target: str, now: float) -> str | None:
    """The nonce of a correctly signed upgrade; None for any other. The calling code must check that the nonce is new.

    The names in `headers` are in lower case, `target` is the path with the query, `secret` is in base64, as Genesys
    shows it, and `now` is the Unix time in seconds. Supports RFC 9421's hmac-sha256 as AudioHook uses it.
    """
    given = re.fullmatch(r"\s*([\w-]+)=(\(([^()]*)\)(;.*))\s*", headers.get("signature-input", ""))
    if given is None:
        return None
    components = re.findall(r'"([^"]+)"', given[3])
    said = dict(re.findall(r';([a-z]+)="?([^";]*)"?', given[4]))
    signature = re.search(rf"(?:^|,)\s*{re.escape(given[1])}=:([^:]+):", headers.get("signature", ""))
    try:
        if signature is None or not set(SIGNED) <= set(components) or said.get("alg", "hmac-sha256") != "hmac-sha256":
            return None
        if said["keyid"] != headers["x-api-key"] or len(said["nonce"]) < 22:
            return None
        if not -OLD_S <= now - int(said["created"]) <= OLD_S or now > int(said.get("expires", "9" * 12)):
            return None
        right = hmac.new(
            b64decode(secret), signature_base(headers, target, components, given[2]), hashlib.sha256
        ).digest()
        return said["nonce"] if hmac.compare_digest(right, b64decode(signature[1])) else None
    except (KeyError, ValueError, Base64Error):
        return None


def sign(secret: str, headers: dict[str, str], target: str, *, created: int, nonce: str) -> None:
    """Add the headers `signature-input` and `signature` to `headers`, as Genesys does. For tests."""
    names = " ".join(f'"{name}"' for name in SIGNED)
    times = f"created={created};expires={created + OLD_S}"
    inside = f'({names});keyid="{headers["x-api-key"]}";nonce="{nonce}";alg="hmac-sha256";{times}'
    made = hmac.new(b64decode(secret), signature_base(headers, target, SIGNED, inside), hashlib.sha256).digest()
    headers["signature-input"] = f"sig1={inside}"
    headers["signature"] = f"sig1=:{b64encode(made).decode('ascii')}:"
