"""Exotel's Voicebot applet: the bot's and the carrier's side.

Sources: Exotel's AgentStream pages as of 2026, which contradict each other in places, and its sample server. Not tested
against Exotel itself. Nothing is signed; a token in the socket's address and the list of Exotel's IP addresses protect
the socket. Not verified: whether marks after a clear come back, and the default encoding (one page says mu-law). We
use the encoding in `media_format`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from voicekit.audio.format import AudioFormat
from voicekit.call.info import CallInfo, Known
from voicekit.call.wire import CallStarted, WireEvent, WireMessage, WireSound
from voicekit.errors import RemoteProtocolError
from voicekit_phone.json_stream import JsonStream
from voicekit_phone.peers import PeerCleared, PeerEvent, PeerMark, PeerSound
from voicekit_phone.reading import base64_of, dumped, known, part, payload, read_object, text, whole

STEP = 320
"""The length of an audio message must be a multiple of this many bytes, from SMALLEST to LARGEST, or there are gaps."""

SMALLEST = 3_200
LARGEST = 100_000


class ExotelWire(JsonStream):
    """Our side of one stream. If we close the socket, the call continues with the next applet."""

    name = "exotel"
    can = JsonStream.can | {"hang_up"}
    packet = 0.1
    lead = 0.3
    no_digits = "keys can't be sent to the caller"

    def __init__(self) -> None:
        super().__init__()
        self._format = AudioFormat(8000)

    def _media(self, media: Mapping[str, Any]) -> Sequence[WireEvent]:
        return [WireSound(payload(media, self.name, self._format.sample_bytes))]

    def _start(self, start: Mapping[str, Any], message: Mapping[str, Any]) -> CallStarted:
        form = part(start, "media_format")
        rate = whole(form, "sample_rate") or 8000
        if rate not in (8000, 16_000, 24_000):
            raise RemoteProtocolError(f"exotel: expected 8000, 16000 or 24000 Hz, got {rate}")
        self._format = AudioFormat(8000, "mulaw") if "mulaw" in text(form, "encoding") else AudioFormat(rate)
        # A message consists of whole steps, and of at least SMALLEST bytes: 200 ms at 8 kHz, 100 ms at 16 kHz or more.
        step = max(SMALLEST, self._format.samples(self.packet) * self._format.sample_bytes)
        self.packet = self._format.seconds(-(-step // STEP) * STEP // self._format.sample_bytes)
        self.lead = max(self.lead, 2 * self.packet)
        self._stream = text(start, "stream_sid", "streamSid") or text(message, "stream_sid", "streamSid")
        info = CallInfo(
            self.name,
            Known(text(start, "call_sid", "callSid")),
            self._stream,
            caller=known(text(start, "from")),
            called=known(text(start, "to")),
            parameters={name: Known(str(said)) for name, said in part(start, "custom_parameters").items()},
        )
        return CallStarted(info, self._format, self._format)

    def sound(self, pcm: bytes) -> Sequence[WireMessage]:
        return [dumped(event="media", stream_sid=self._stream, media={"payload": base64_of(pcm)})]

    def mark(self, name: str) -> Sequence[WireMessage]:
        return [dumped(event="mark", stream_sid=self._stream, mark={"name": name})]

    def clear(self) -> Sequence[WireMessage]:
        return [dumped(event="clear", stream_sid=self._stream)]


class ExotelPeer:
    """Exotel's side of one stream, for tests."""

    def __init__(self, format: AudioFormat = AudioFormat(16_000), *, call: str = "call1", camel: bool = False) -> None:  # noqa: A002, B008
        self._rate = format.rate
        self._call = call
        self._id = {"streamSid" if camel else "stream_sid": "ex1"}
        self._sequence = 0

    def _event(self, event: str, **fields: object) -> str:
        self._sequence += 1
        return dumped(event=event, sequence_number=str(self._sequence), **self._id, **fields)

    def begin(self, parameters: Mapping[str, str] | None = None) -> Sequence[str]:
        form = {"encoding": "audio/x-raw", "sample_rate": str(self._rate), "bit_rate": "16"}
        start = {**self._id, "call_sid": self._call, "account_sid": "acc1", "from": "+911150000001"}
        more = {"to": "+911150000002", "custom_parameters": dict(parameters or {}), "media_format": form}
        return [dumped(event="connected"), self._event("start", start=start | more)]

    def sound(self, pcm: bytes, at_ms: int) -> str:
        return self._event(
            "media", media={"chunk": str(at_ms // 100 + 1), "timestamp": str(at_ms), "payload": base64_of(pcm)}
        )

    def digit(self, digit: str) -> str:
        return self._event("dtmf", dtmf={"digit": digit, "duration": "120"})

    def passed(self, name: str) -> str:
        return self._event("mark", mark={"name": name})

    def stop(self) -> Sequence[str]:
        return [self._event("stop", stop={"call_sid": self._call, "account_sid": "acc1", "reason": "callended"})]

    def receive(self, message: WireMessage) -> PeerEvent:
        value = read_object(message, "exotel")
        match text(value, "event"):
            case "media":
                sound = payload(part(value, "media"), "exotel")
                assert not len(sound) % STEP, f"a message is a multiple of {STEP} bytes, got {len(sound)}"
                assert SMALLEST <= len(sound) <= LARGEST, (
                    f"a message has {SMALLEST} to {LARGEST} bytes, got {len(sound)}"
                )
                return PeerSound(sound)
            case "mark":
                return PeerMark(text(part(value, "mark"), "name"))
            case "clear":
                return PeerCleared()
            case event:
                raise AssertionError(f"Exotel has no message called {event!r}")
