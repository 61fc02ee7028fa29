"""A wire for your own websocket: PCM16 mono audio in binary messages, in both directions.

The call starts with the first message, whatever it is. A text message from the far side is ignored, unless it is a
telephone key, such as "5". The far side gets audio and a single text message, `clear`, which means: drop what has been
sent but not yet played.
"""

from __future__ import annotations

from collections.abc import Sequence

from voicekit.audio.format import AudioFormat
from voicekit.call.info import CallEnd, CallInfo, EndReason, Known
from voicekit.call.wire import CallStarted, WireDigit, WireEnded, WireEvent, WireMessage, WireNotice, WireSound
from voicekit.errors import ConfigError, RemoteProtocolError

CLEAR = "clear"
KEYS = frozenset("0123456789*#ABCD")
GOODBYE = (1000, 1001)
"""The codes with which a browser closes the websocket when the page is left."""


class PlainWire:
    """A `voicekit.call.wire.Wire` for PCM16 at `rate` Hz. `call_id` is the program's own name for the call."""

    name = "plain"
    can = frozenset({"clear", "hang_up"})
    packet = 0.02
    lead = 0.2

    def __init__(self, rate: int = 16_000, call_id: str = "") -> None:
        self._format = AudioFormat(rate)
        self._call_id = call_id
        self._started = False

    def receive(self, message: WireMessage) -> Sequence[WireEvent]:
        events: list[WireEvent] = []
        if not self._started:
            self._started = True
            events.append(CallStarted(CallInfo(self.name, Known(self._call_id, "signed")), self._format, self._format))
        if isinstance(message, str):
            events.append(WireDigit(message) if message in KEYS else WireNotice("a text that is no key"))
        elif len(message) % self._format.sample_bytes:
            raise RemoteProtocolError(f"expected whole samples of 2 bytes, got {len(message)} bytes")
        elif message:
            events.append(WireSound(message))
        return events

    def closed(self, code: int | None) -> WireEnded:
        return WireEnded(
            CallEnd(EndReason.CALLER if code in GOODBYE else EndReason.LOST, "" if code is None else str(code))
        )

    def sound(self, pcm: bytes) -> Sequence[WireMessage]:
        return [pcm]

    def mark(self, name: str) -> Sequence[WireMessage]:
        return []

    def clear(self) -> Sequence[WireMessage]:
        return [CLEAR]

    def digits(self, digits: str) -> Sequence[WireMessage]:
        raise ConfigError("send_digits: a plain wire has no way to send keys")

    def hang_up(self, reason: str) -> Sequence[WireMessage]:
        return []
