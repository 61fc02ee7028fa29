"""RTVI over a websocket, both sides: `RtviWire` is ours, `RtviPeer` is a client in Python for tests.

A call starts with the client's `client-ready`; our answer is `bot-ready`, for which a client's `connect()` waits. An
RTVI client can't drop audio that it has received, and reports no position, so this wire has neither marks nor a clear.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from voicekit.audio.format import AudioFormat
from voicekit.call.info import CallEnd, CallInfo, EndReason, Known
from voicekit.call.wire import (
    CallStarted,
    WireDigit,
    WireEnded,
    WireEvent,
    WireMessage,
    WireNotice,
    WireReply,
    WireSound,
    WireTyped,
)
from voicekit.errors import ConfigError, RemoteProtocolError
from voicekit_browser.reading import text
from voicekit_browser.rtvi.messages import (
    ABOUT,
    VERSION,
    RtviMessage,
    agreed_version,
    expect_list,
    read_message,
    read_version,
    write_message,
)
from voicekit_browser.rtvi.protobuf import AudioFramePb, MessageFramePb, decode, encode_audio, encode_message
from voicekit_browser.wire import DIGITS, HEARD_RATE, LONGEST_TEXT

LEAD_S = 0.2
"""Seconds of audio sent ahead of time: the client still plays this much after a cut."""

PACKET_S = 0.02

MOST_BUTTONS = 32

Answer = Callable[[str, object], object]
"""A function of the bot's program that answers a `client-message`: it gets the type `t` and the data `d`, and returns
the `d` of the response.
"""


class RtviWire:
    """Our side of one socket. The function `answer` replies to messages of the type `client-message`; if there
    is no such function, the reply to them is an error.
    """

    name = "rtvi"
    can = frozenset({"hang_up"})
    packet = PACKET_S
    lead = LEAD_S

    def __init__(
        self,
        call: Known,
        spoken: AudioFormat,
        *,
        shown: Callable[[RtviWire], Any] | None = None,
        answer: Answer | None = None,
    ) -> None:
        self.version = VERSION
        self._call = call
        self._spoken = spoken
        self._answer = answer
        self._shown = None if shown is None else shown(self)
        self._started = False

    def join(self, session: Any, post: Callable[[Sequence[WireMessage]], None]) -> None:
        """Send the client the events of its session."""
        if self._shown is not None:
            self._shown.join(session, lambda message: post([encode_message(message)]))

    def receive(self, message: WireMessage) -> Sequence[WireEvent]:
        if isinstance(message, str):
            return [WireNotice("text passed over: this wire is binary")]
        frame = decode(message)
        if isinstance(frame, AudioFramePb):
            return self._sound(frame)
        if not isinstance(frame, MessageFramePb):
            return [WireNotice(f"frame {frame.kind} passed over")]
        said = read_message(frame.data)
        if said is None:
            return [WireNotice("a message without RTVI's label passed over")]
        return self._message(said)

    def _sound(self, frame: AudioFramePb) -> Sequence[WireEvent]:
        if frame.rate != HEARD_RATE or frame.channels not in (0, 1) or len(frame.pcm) % 2:
            raise RemoteProtocolError(f"rtvi: expected PCM16 mono at {HEARD_RATE} Hz, got something else")
        return [WireSound(frame.pcm)] if self._started and frame.pcm else []

    def _message(self, said: RtviMessage) -> Sequence[WireEvent]:
        match said.kind:
            case "client-ready":
                return self._ready(said)
            case _ if not self._started:
                raise RemoteProtocolError("rtvi: expected client-ready first, got another message")
            case "disconnect-bot":
                return [WireEnded(CallEnd(EndReason.CALLER))]
            case "send-text" if content := text(said.data, "content", LONGEST_TEXT):
                return [WireTyped(content)]
            case "dtmf":
                return [
                    WireDigit(str(each)) for each in expect_list(said.data, "buttons", MOST_BUTTONS) if each in DIGITS
                ]
            case "client-message":
                return [self._reply(*self._answered(said))]
            case _:
                return [WireNotice("a message of an unknown kind passed over")]

    def _ready(self, said: RtviMessage) -> Sequence[WireEvent]:
        if self._started:
            return []
        version = agreed_version(read_version(said.data))
        if version is None:
            refused = write_message("error-response", {"error": f"expected RTVI {VERSION}, got another"}, said.id)
            return [WireReply(encode_message(refused)), WireEnded(CallEnd(EndReason.REFUSED, "version"))]
        self._started, self.version = True, version
        ready = write_message("bot-ready", {"version": version, "about": ABOUT}, said.id)
        start = CallStarted(CallInfo(self.name, self._call), AudioFormat(HEARD_RATE), self._spoken)
        return [start, WireReply(encode_message(ready))]

    def _answered(self, said: RtviMessage) -> tuple[str, Mapping[str, object], str]:
        kind = text(said.data, "t", 200)
        if self._answer is None:
            return "error-response", {"error": f"this bot answers no client messages: {kind}"}, said.id
        return "server-response", {"t": kind, "d": self._answer(kind, said.data.get("d"))}, said.id

    def _reply(self, kind: str, data: Mapping[str, object], number: str) -> WireReply:
        return WireReply(encode_message(write_message(kind, data, number)))

    def closed(self, code: int | None) -> WireEnded:
        if code in (1000, 1001, 1005):
            return WireEnded(CallEnd(EndReason.CALLER, str(code)))
        return WireEnded(CallEnd(EndReason.LOST, "" if code is None else str(code)))

    def sound(self, pcm: bytes) -> Sequence[WireMessage]:
        return [encode_audio(pcm, self._spoken.rate)]

    def mark(self, name: str) -> Sequence[WireMessage]:
        return []

    def clear(self) -> Sequence[WireMessage]:
        return []

    def digits(self, digits: str) -> Sequence[WireMessage]:
        raise ConfigError("rtvi: keys can't be sent to a client")

    def hang_up(self, reason: str) -> Sequence[WireMessage]:
        return []


class RtviPeer:
    """An RTVI client: its messages, and its reactions to ours."""

    def __init__(self, version: str = VERSION) -> None:
        self._version = version
        self._sent = 0

    def message(self, kind: str, **data: object) -> bytes:
        self._sent += 1
        return encode_message(write_message(kind, data, f"c{self._sent}"))

    def begin(self, parameters: Mapping[str, str] | None = None) -> Sequence[WireMessage]:
        about = {"library": "voicekit's test client"}
        return [self.message("client-ready", version=self._version, about=about)]

    def sound(self, pcm: bytes, at_ms: int = 0) -> bytes:
        return encode_audio(pcm, HEARD_RATE)

    def digit(self, digit: str) -> bytes:
        return self.message("dtmf", buttons=[digit])

    def type(self, line: str) -> bytes:
        return self.message("send-text", content=line, options={"run_immediately": True})

    def stop(self) -> Sequence[WireMessage]:
        return [self.message("disconnect-bot")]

    def receive(self, message: WireMessage) -> AudioFramePb | RtviMessage:
        assert isinstance(message, bytes), "a client passes over text"
        frame = decode(message)
        if isinstance(frame, AudioFramePb):
            assert not len(frame.pcm) % 2, "an odd number of bytes makes the client throw"
            return frame
        assert isinstance(frame, MessageFramePb), "a client knows no other frame"
        said = read_message(frame.data)
        assert said is not None, "a message has RTVI's label"
        return said
