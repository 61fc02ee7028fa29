"""What the streams of Twilio, Telnyx, Plivo and Exotel have in common: JSON messages with an `event` field.

    start, media, dtmf, mark, stop        the carrier's messages; their fields are different for each carrier
    sound, mark, clear                    our messages

A carrier's class reads `start` and `media` and writes our messages; `JsonStream` does the rest.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from voicekit.audio.format import AudioFormat
from voicekit.call.info import CallEnd, EndReason
from voicekit.call.wire import CallStarted, MarkPassed, WireDigit, WireEnded, WireEvent, WireMessage
from voicekit.errors import ConfigError
from voicekit_phone.reading import end_of, goodbye, part, passed_over, read_object, text

MULAW = AudioFormat(8000, "mulaw")


class JsonStream(ABC):
    """Our side of one stream: a subclass reads `start` and `media`, and writes our messages."""

    name = ""
    can: frozenset[str] = frozenset({"mark", "clear"})
    packet = 0.02
    lead = 0.2
    no_digits: ClassVar[str] = "keys can't be sent on this connection"

    def __init__(self) -> None:
        self._stream = ""
        self._started = self._stopped = False

    def receive(self, message: WireMessage) -> Sequence[WireEvent]:
        value = read_object(message, self.name)
        match text(value, "event"):
            case "media" if self._started:
                return self._media(part(value, "media"))
            case "start" if not self._started:
                started = self._start(part(value, "start"), value)
                self._started = True
                return [started]
            case "mark":
                return [MarkPassed(text(part(value, "mark"), "name"))]
            case "dtmf":
                return [WireDigit(digit)] if (digit := text(part(value, "dtmf"), "digit")) else []
            case "stop":
                self._stopped = True
                why = goodbye(part(value, "stop"))
                return [*self._last(), WireEnded(CallEnd(EndReason.CALLER, why))]
            case "connected":
                return []
            case event:
                return self._other(event, value)

    @abstractmethod
    def _start(self, start: Mapping[str, Any], message: Mapping[str, Any]) -> CallStarted:
        """The beginning of the call; `start` is the part of `message` with that name."""

    @abstractmethod
    def _media(self, media: Mapping[str, Any]) -> Sequence[WireEvent]: ...

    def _last(self) -> Sequence[WireEvent]:
        """The audio that is still waiting when the stream ends."""
        return ()

    def _other(self, event: str, value: Mapping[str, Any]) -> Sequence[WireEvent]:
        """Take a message that only this carrier has."""
        return [passed_over(event)]

    def closed(self, code: int | None) -> WireEnded:
        return end_of(self._stopped, code)

    def digits(self, digits: str) -> Sequence[WireMessage]:
        raise ConfigError(f"{self.name}: {self.no_digits}")

    def hang_up(self, reason: str) -> Sequence[WireMessage]:
        return []
