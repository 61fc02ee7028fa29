"""A stream of speech on the service's side: its state, its timers and the events about it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from voicekit.soniox.api import limits
from voicekit.soniox.api.wire import TtsConfig
from voicekit.soniox.server.account import Service, StreamUse
from voicekit.soniox.server.realtime.states import ServedTts
from voicekit.soniox.server.refusal import Refusal, timeout


@dataclass(frozen=True, slots=True)
class StreamStarted:
    """Event: a stream begins; its text follows."""

    stream: str
    config: TtsConfig


@dataclass(frozen=True, slots=True)
class TextCame:
    """Event: more text has arrived (it may be empty); `end` is set if no more text will follow."""

    stream: str
    text: str
    end: bool


@dataclass(frozen=True, slots=True)
class StreamOver:
    """Event: a stream was cancelled by the client, or refused for the given reason. No more of it may be spoken."""

    stream: str
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class StreamEnded:
    """Event: the connection has ended, and all its streams have ended with it."""

    refusal: Refusal | None = None


class ServedStream:
    """A stream's state, its timeouts, and how much text and audio it has had so far."""

    __slots__ = (
        "_any_sound", "_config", "_ends_at", "_fed_at", "_judged", "_per_second", "_started_at",
        "letters", "sound", "state", "text_bytes",
    )  # fmt: skip

    def __init__(self, config: TtsConfig, now: float, ends_at: float = math.inf) -> None:
        self.state = ServedTts.OPEN
        self._config = config
        self.text_bytes = self.letters = 0
        self.sound = 0.0  # seconds
        self._per_second = limits.TTS_RAW_FORMATS.get(config.audio_format or "", 0) * (config.sample_rate or 0)
        self._started_at = self._fed_at = now
        self._ends_at = ends_at  # the time at which the stream reaches the time limit of its key
        self._any_sound = False
        self._judged = False  # whether the pace of the audio has been checked

    def feed(self, text: str, now: float) -> None:
        self.text_bytes += len(text.encode())
        self.letters += len(text)
        self._fed_at = now

    def speak(self, data: bytes, seconds: float | None) -> None:
        """Count audio that is being sent. If its duration can't be calculated from its size in bytes, give
        `seconds`."""
        if seconds is None:
            seconds = len(data) / self._per_second if self._per_second else 0.0
        self.sound += seconds
        self._any_sound = self._any_sound or bool(data)

    def used(self, now: float) -> StreamUse:
        """The usage to report if the stream ends now."""
        model, reference = self._config.model or "", self._config.client_reference_id or ""
        return StreamUse(Service.TTS, model, reference, self._started_at, now, self.letters, self.sound)

    @property
    def dies_at(self) -> float:
        """The time at which to call `judge`."""
        if self.state is ServedTts.ENDED:
            return math.inf
        return min(self._ends_at, self._judged_at)

    @property
    def _judged_at(self) -> float:
        starves_at = self._fed_at + limits.TTS_TEXT_WAIT_S if self.state is ServedTts.OPEN else math.inf
        if not self._any_sound:
            return min(starves_at, self._started_at + limits.TTS_AUDIO_WAIT_S)
        return starves_at if self._judged else min(starves_at, self._started_at + limits.TTS_RATE_CHECK_S)

    def judge(self, now: float) -> Refusal | None:
        """Return the reason why the stream must end now; None if it may continue. Whether its audio arrives fast enough
        is checked only once."""
        if now >= self._ends_at:
            return Refusal("temp_api_key_session_expired", "The session duration limit was exceeded.")
        if self.state is ServedTts.OPEN and now >= self._fed_at + limits.TTS_TEXT_WAIT_S:
            return timeout("Request timeout")
        if not self._any_sound and now >= self._started_at + limits.TTS_AUDIO_WAIT_S:
            return timeout("Stream killed: no audio output within timeout")
        # the same arithmetic as in `dies_at`, so that rounding makes no difference
        if now >= self._started_at + limits.TTS_RATE_CHECK_S:
            self._judged = True
            if self.sound < limits.TTS_LEAST_RATE * (now - self._started_at):
                return timeout("Stream killed: output audio rate below minimum")
        return None
