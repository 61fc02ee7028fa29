"""jambonz `listen`: the bot's and the carrier's side, and the verbs that connect a call.

Sources: the code of jambonz's media module and feature server, and its documentation. Not tested against jambonz
itself. A mark takes effect with the next binary message, so the last mark of a reply comes back only with the next
reply. At most 30 marks can wait; the rest are lost. The sample value -1 is the module's own marker, so we never send
it.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from voicekit.audio.format import AudioFormat
from voicekit.call.info import CallEnd, CallInfo, EndReason, Known
from voicekit.call.wire import (
    CallStarted,
    MarkPassed,
    WireDigit,
    WireEnded,
    WireEvent,
    WireMessage,
    WireSound,
)
from voicekit.errors import ConfigError, RemoteProtocolError
from voicekit_phone.peers import PeerCleared, PeerEvent, PeerHungUp, PeerMark, PeerSound
from voicekit_phone.reading import dumped, known, part, passed_over, read_object, text, whole

SUBPROTOCOL = "audio.jambonz.org"
"""The subprotocol that must be accepted at the upgrade."""

RATES = (8000, 16_000, 24_000, 32_000, 48_000, 64_000)


class JambonzWire:
    """Our side of one socket. If we close it, the call continues with the next verb; `disconnect` hangs up."""

    name = "jambonz"
    can = frozenset({"mark", "clear", "hang_up"})
    packet = 0.02
    lead = 0.2

    def __init__(self) -> None:
        self._started = False
        self._format = AudioFormat(16_000)

    def receive(self, message: WireMessage) -> Sequence[WireEvent]:
        if isinstance(message, bytes):
            return [WireSound(message[: len(message) & ~1])] if self._started and len(message) > 1 else []
        value = read_object(message, self.name)
        if not self._started:
            return [self._start(value)]
        match text(value, "event") or text(value, "type"):
            case "dtmf":
                return [WireDigit(digit)] if (digit := text(value, "dtmf")) else []
            case "mark":
                return [MarkPassed(text(part(value, "data"), "name"))]
            case kind:
                return [passed_over(kind)]

    def _start(self, value: Mapping[str, Any]) -> CallStarted:
        rate = whole(value, "sampleRate")
        if rate not in RATES or not text(value, "callSid"):
            raise RemoteProtocolError(
                "jambonz: expected a first message with callSid and sampleRate, got a different message"
            )
        self._format = AudioFormat(rate)
        self._started = True
        info = CallInfo(
            self.name,
            Known(text(value, "callSid")),
            direction="outbound" if text(value, "direction") == "outbound" else "inbound",
            caller=known(text(value, "from")),
            called=known(text(value, "to")),
            parameters={name: Known(str(said)) for name, said in part(value, "metadata").items()},
        )
        return CallStarted(info, self._format, self._format)

    def closed(self, code: int | None) -> WireEnded:
        return WireEnded(
            CallEnd(EndReason.CALLER if code == 1000 else EndReason.LOST, "" if code is None else str(code))
        )

    def sound(self, pcm: bytes) -> Sequence[WireMessage]:
        samples = array("h", pcm)
        if -1 in samples:
            samples = array("h", (0 if sample == -1 else sample for sample in samples))
        return [samples.tobytes()]

    def mark(self, name: str) -> Sequence[WireMessage]:
        return [dumped(type="mark", data={"name": name})]

    def clear(self) -> Sequence[WireMessage]:
        return [dumped(type="killAudio")]

    def digits(self, digits: str) -> Sequence[WireMessage]:
        raise ConfigError("jambonz: keys can't be sent on this socket")

    def hang_up(self, reason: str) -> Sequence[WireMessage]:
        return [dumped(type="disconnect")]


class JambonzPeer:
    """jambonz's side of one socket, for tests."""

    def __init__(self, format: AudioFormat = AudioFormat(16_000), *, call: str = "j1") -> None:  # noqa: A002, B008
        self._rate = format.rate
        self._call = call

    def begin(self, parameters: Mapping[str, str] | None = None) -> Sequence[str]:
        said = {"callSid": self._call, "from": "+15550001", "to": "+15550002", "direction": "inbound"}
        return [dumped(**said, sampleRate=self._rate, mixType="mono", metadata=dict(parameters or {}))]

    def sound(self, pcm: bytes, at_ms: int) -> bytes:
        return pcm

    def digit(self, digit: str) -> str:
        return dumped(event="dtmf", dtmf=digit, duration="1600")

    def passed(self, name: str) -> str:
        return dumped(type="mark", data={"name": name, "event": "playout"})

    def stop(self) -> Sequence[str]:
        return []

    def receive(self, message: WireMessage) -> PeerEvent:
        if isinstance(message, bytes):
            assert -1 not in array("h", message), "the sample -1 is a marker, and must not be sent"
            return PeerSound(message)
        value = read_object(message, "jambonz")
        match text(value, "type"):
            case "mark":
                return PeerMark(text(part(value, "data"), "name"))
            case "killAudio":
                return PeerCleared()
            case "disconnect":
                return PeerHungUp()
            case kind:
                raise AssertionError(f"jambonz has no message called {kind!r}")


def listen_verbs(url: str, *, rate: int = 16_000, parameters: Mapping[str, str] | None = None) -> str:
    """The verbs that connect the call to `url`. Raises ConfigError if `url` is not a websocket URL, or the rate is not
    in RATES.
    """
    if urlsplit(url).scheme not in ("ws", "wss") or rate not in RATES:
        raise ConfigError(f"jambonz: expected a ws:// or wss:// address and a rate of {RATES}, got a rate of {rate}")
    both = {"enabled": True, "streaming": True, "sampleRate": rate}
    listen = {"verb": "listen", "url": url, "mixType": "mono", "sampleRate": rate, "passDtmf": True}
    return json.dumps([listen | {"bidirectionalAudio": both, "metadata": dict(parameters or {})}])


def busy_verbs() -> str:
    """The verbs for a call that can't be taken now."""
    return json.dumps([{"verb": "sip:decline", "status": 486, "reason": "Busy Here"}])
