"""chan_websocket, on both sides: Asterisk's media on a websocket, whichever side opens the connection (pure).

These facts come from Asterisk's source and from measurements on Asterisk 22.10.1. Asterisk buffers the audio it gets
and plays it by its own clock, so the audio can be paused. STATUS reports the number of frames still queued; all other
audio that we sent has been heard, to within one frame (20 ms). A flushed mark never comes back, and a flush does not
end a pause.

    bot speaks          START_MEDIA_BUFFERING once, then binary messages; every 0.2 s MARK_MEDIA and GET_STATUS
    bot is cut          FLUSH_MEDIA, CONTINUE_MEDIA, GET_STATUS
    bot is held         PAUSE_MEDIA, GET_STATUS           released: CONTINUE_MEDIA

Without buffering, Asterisk drops an incomplete frame at the end of a message. A message of 70,000 bytes ends the call.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final

from voicekit.audio.format import AudioFormat
from voicekit.call.info import CallEnd, CallInfo, EndReason, Known, Trust
from voicekit.call.wire import (
    CallStarted,
    FarFull,
    MarkPassed,
    PlayedTo,
    WireCleared,
    WireDigit,
    WireEnded,
    WireEvent,
    WireMessage,
    WireNotice,
    WireSound,
)
from voicekit.errors import ConfigError, RemoteProtocolError
from voicekit_asterisk.controls import command, is_json, read_command, read_event
from voicekit_asterisk.peers import (
    AsteriskEvent,
    PeerAsked,
    PeerCleared,
    PeerHungUp,
    PeerMark,
    PeerOther,
    PeerPaused,
    PeerSound,
)

SUBPROTOCOL: Final = "media"

FORMATS: Final[Mapping[str, AudioFormat]] = {
    "slin": AudioFormat(8_000), "slin12": AudioFormat(12_000), "slin16": AudioFormat(16_000),
    "slin24": AudioFormat(24_000), "slin32": AudioFormat(32_000), "slin44": AudioFormat(44_100),
    "slin48": AudioFormat(48_000), "slin96": AudioFormat(96_000), "slin192": AudioFormat(192_000),
    "ulaw": AudioFormat(8_000, "mulaw"), "alaw": AudioFormat(8_000, "alaw"),
}  # fmt: skip
"""Codecs that can be buffered, marked and flushed; opus, speex and g729 can't."""

LONGEST_MESSAGE: Final = 8_000
"""The number of bytes of audio in a message: Asterisk must be able to read the whole message in ten short reads."""

FRAME_S: Final = 0.02

MOST_ASKED: Final = 64
"""The number of GET_STATUS commands that may be unanswered; a peer that never answers is asked no further."""


class ChanWebsocketWire:
    """Our side of one websocket. `parameters` are those that came with the connection, for instance in the dialplan's
    `v(...)`.
    """

    name = "chan_websocket"
    can = frozenset({"mark", "clear", "hang_up"})
    packet = FRAME_S
    lead = 0.1

    def __init__(self, parameters: Mapping[str, str] | None = None, *, trust: Trust = "claimed") -> None:
        self._parameters = dict(parameters or {})
        self._trust: Trust = trust
        self._json = True
        self._format: AudioFormat | None = None
        self._frame = FRAME_S  # seconds
        self._is_buffering = False
        self._generation = 0
        self._sent = 0  # the number of samples sent since the queue was last cleared
        # for each GET_STATUS not yet answered: its generation, and the samples sent before the command
        self._asked: deque[tuple[int, int]] = deque()

    def receive(self, message: WireMessage) -> Sequence[WireEvent]:
        if isinstance(message, bytes):
            return self._sound(message)
        name, fields = read_event(message)
        if self._format is None:
            if name != "MEDIA_START":
                return [WireNotice(f"{name} before MEDIA_START passed over")]
            self._json = is_json(message)
            return [self._start(fields)]
        match name:
            case "DTMF_END":
                digit = _text(fields, "digit").upper()
                return [WireDigit(digit)] if len(digit) == 1 and digit in "0123456789*#ABCD" else []
            case "MEDIA_MARK_PROCESSED":
                return [MarkPassed(_text(fields, "correlation_id"))]
            case "MEDIA_XOFF" | "MEDIA_XON":
                return [FarFull(name == "MEDIA_XOFF")]
            case "STATUS":
                return self._answered(fields)
            case _:
                return [WireNotice(f"{name} passed over")]

    def _start(self, fields: Mapping[str, object]) -> CallStarted:
        codec = _text(fields, "format")
        found = FORMATS.get(codec)
        if found is None:
            raise RemoteProtocolError(f"chan_websocket: expected a codec from {', '.join(FORMATS)}, got {codec[:20]!r}")
        ptime = _whole(fields, "ptime")
        if ptime is not None and not 1 <= ptime <= 200:
            raise RemoteProtocolError(f"chan_websocket: expected a ptime of 1 to 200 ms, got {ptime}")
        self._format, self._frame = found, FRAME_S if ptime is None else ptime / 1000
        variables = fields.get("channel_variables")
        said: dict[str, str] = dict(variables) if isinstance(variables, dict) else {}
        known = {key: Known(str(value), "claimed") for key, value in said.items()}
        known |= {key: Known(value, self._trust) for key, value in self._parameters.items()}
        caller, called = known.pop("caller", None), known.pop("called", None)
        call_id, stream_id = _text(fields, "channel_id", "channel"), _text(fields, "connection_id")
        info = CallInfo(self.name, Known(call_id), stream_id=stream_id, caller=caller, called=called, parameters=known)
        return CallStarted(info, found, found)

    def _sound(self, message: bytes) -> Sequence[WireEvent]:
        if self._format is None:  # a frame may arrive before MEDIA_START
            return []
        pcm = message[: len(message) - len(message) % self._format.sample_bytes]
        return [WireSound(pcm)] if pcm else []

    def _answered(self, fields: Mapping[str, object]) -> Sequence[WireEvent]:
        """Take the answer to the oldest GET_STATUS: Asterisk answers in the order in which it was asked."""
        queued = _whole(fields, "queue_length")
        if not self._asked or queued is None or queued < 0:
            return [WireNotice("STATUS passed over")]
        generation, sent = self._asked.popleft()
        if generation != self._generation:
            return []
        if not sent:
            return [WireCleared()] if queued == 0 else []
        assert self._format is not None, "STATUS is read after MEDIA_START"
        return [PlayedTo(max(0, sent - queued * self._format.samples(self._frame)))]

    def closed(self, code: int | None) -> WireEnded:
        reason = EndReason.CALLER if code == 1000 else EndReason.LOST
        return WireEnded(CallEnd(reason, "" if code is None else str(code)))

    def sound(self, pcm: bytes) -> Sequence[WireMessage]:
        begin = [] if self._is_buffering else [self._command("START_MEDIA_BUFFERING")]
        self._is_buffering = True
        self._sent += len(pcm) // (self._format.sample_bytes if self._format else 2)
        return [*begin, *(pcm[at : at + LONGEST_MESSAGE] for at in range(0, len(pcm), LONGEST_MESSAGE))]

    def mark(self, name: str) -> Sequence[WireMessage]:
        return [self._command("MARK_MEDIA", name), *self.query()]

    def clear(self) -> Sequence[WireMessage]:
        self._generation += 1
        self._sent = 0
        self._is_buffering = False
        return [self._command("FLUSH_MEDIA"), self._command("CONTINUE_MEDIA"), *self.query()]

    def pause(self) -> Sequence[WireMessage]:
        return [self._command("PAUSE_MEDIA")]

    def resume(self) -> Sequence[WireMessage]:
        return [self._command("CONTINUE_MEDIA")]

    def query(self) -> Sequence[WireMessage]:
        """Ask how much audio is queued. Send this command after all the audio that the answer should include."""
        if len(self._asked) >= MOST_ASKED:
            return []
        self._asked.append((self._generation, self._sent))
        return [self._command("GET_STATUS")]

    def digits(self, digits: str) -> Sequence[WireMessage]:
        raise ConfigError("chan_websocket: keys can't be sent on this connection; use the ARI transport")

    def hang_up(self, reason: str) -> Sequence[WireMessage]:
        return [self._command("HANGUP")]

    def _command(self, name: str, correlation_id: str = "") -> str:
        return command(name, correlation_id, as_json=self._json)


class ChanWebsocketPeer:
    """Asterisk's side of one websocket, for tests."""

    COMMANDS = frozenset({
        "ANSWER", "HANGUP", "START_MEDIA_BUFFERING", "STOP_MEDIA_BUFFERING", "MARK_MEDIA", "FLUSH_MEDIA", "PAUSE_MEDIA",
        "CONTINUE_MEDIA", "GET_STATUS", "REPORT_QUEUE_DRAINED", "SET_MEDIA_DIRECTION",
    })  # fmt: skip

    def __init__(self, codec: str = "slin16", *, as_json: bool = True, call: str = "1.5") -> None:
        self._codec = codec
        self._json = as_json
        self._call = call
        self._frame_bytes = FORMATS[codec].samples(FRAME_S) * FORMATS[codec].sample_bytes
        self._is_buffering = False

    def begin(self, parameters: Mapping[str, str] | None = None) -> Sequence[str]:
        fields: dict[str, Any] = {
            "connection_id": "peer", "channel": "WebSocket/peer/0x1", "channel_id": self._call, "format": self._codec,
            "optimal_frame_size": self._frame_bytes, "ptime": 20,
        }  # fmt: skip
        return [self.event("MEDIA_START", fields | ({"channel_variables": dict(parameters)} if parameters else {}))]

    def event(self, name: str, fields: Mapping[str, Any]) -> str:
        """An event as Asterisk sends it on this connection."""
        if self._json:
            import json

            return json.dumps({"event": name, **fields}, separators=(",", ":"))
        pairs = (f"{key}:{value}" for key, value in fields.items() if not isinstance(value, dict))
        return " ".join((name, *pairs))

    def sound(self, pcm: bytes, at_ms: int = 0) -> bytes:
        return pcm

    def digit(self, digit: str) -> str:
        return self.event("DTMF_END", {"channel_id": self._call, "digit": digit})

    def passed(self, name: str) -> str:
        return self.event("MEDIA_MARK_PROCESSED", {"channel_id": self._call, "correlation_id": name})

    def status(self, queued: int, *, paused: bool = False) -> str:
        """The answer to GET_STATUS when `queued` frames have not been played yet."""
        levels = {"xon_level": 800, "xoff_level": 900, "queue_full": False, "bulk_media": self._is_buffering}
        fields = {"channel_id": self._call, "queue_length": queued} | levels | {"media_paused": paused}
        return self.event("STATUS", fields)

    def stop(self) -> Sequence[str]:
        return []  # closing the socket ends the call

    def receive(self, message: WireMessage) -> AsteriskEvent:
        if isinstance(message, bytes):
            assert len(message) <= 65_500, "a message of this size closes the connection with 1009"
            assert self._is_buffering or len(message) % self._frame_bytes == 0, "a frame that is cut is dropped"
            return PeerSound(message)
        assert len(message) <= 128, "a command of this size is passed over"
        name, correlation_id = read_command(message)
        assert name in self.COMMANDS, f"Asterisk knows no command {name!r}"
        match name:
            case "START_MEDIA_BUFFERING" | "STOP_MEDIA_BUFFERING":
                self._is_buffering = name.startswith("START")
                return PeerOther(name)
            case "MARK_MEDIA":
                return PeerMark(correlation_id)
            case "FLUSH_MEDIA":
                self._is_buffering = False
                return PeerCleared()
            case "PAUSE_MEDIA" | "CONTINUE_MEDIA":
                return PeerPaused(name == "PAUSE_MEDIA")
            case "GET_STATUS":
                return PeerAsked()
            case "HANGUP":
                return PeerHungUp()
            case _:
                return PeerOther(name)


def _text(fields: Mapping[str, object], *names: str) -> str:
    """The value of the first of `names` that is present, as text; "" if none is."""
    found = (fields.get(name) for name in names)
    return next((str(value) for value in found if isinstance(value, str | int) and not isinstance(value, bool)), "")


def _whole(fields: Mapping[str, object], name: str) -> int | None:
    try:
        return int(_text(fields, name)[:20] or "-")
    except ValueError:
        return None
