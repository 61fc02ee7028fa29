"""Counts the events of calls in counters and histograms. No label contains a call's id, a telephone number or spoken
words.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from voicekit.errors import ServiceError
from voicekit.events import (
    BargeInTimed,
    Blocked,
    Dtmf,
    ModelAnswered,
    Overrun,
    ReplyFailed,
    SessionEvent,
    Switched,
    ToolRan,
    Transferred,
    Trouble,
    TurnEnded,
    TurnTimed,
)

SECONDS = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 10.0)
"""Bucket limits for a caller's wait in seconds: 1 s is good, and after 3 s the caller asks "hello?"."""

RATE = 16_000
"""The rate in Hz assumed for sound that a link lost; the true rate may differ by a factor of up to three."""


class CallMetrics:
    """The metrics of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()

        def seconds(name: str, what: str, *labels: str) -> Histogram:
            return Histogram(f"voicekit_{name}", what, labels, registry=registry, buckets=SECONDS)

        def counter(name: str, what: str, *labels: str) -> Counter:
            return Counter(f"voicekit_{name}", what, labels, registry=registry)

        self._answer = seconds("answer_seconds", "from the caller's last speech to the reply's first sound")
        self._stt = seconds("stt_seconds", "from the caller's last speech to the last final words")
        self._token = seconds("llm_first_token_seconds", "from the request to the model's first token")
        self._tts = seconds("tts_first_sound_seconds", "from the first word to the first sound")
        self._barge_in = seconds("barge_in_seconds", "from the caller's first voice to the bot's silence")
        self._tool = seconds("tool_seconds", "how long tools took", "outcome")
        self._turns = counter("turns", "replies that have ended", "outcome")
        self._lost = counter("lost_sound_seconds", "sound that a full link has dropped", "link")
        self._errors = counter("service_errors", "errors of services", "service", "type")
        self._switches = counter("switches", "times that a fallback service took over", "role")
        self._transfers = counter("transfers", "transfers of callers", "outcome")
        self._keys = counter("keys", "keys that callers have pressed")
        self._blocked = counter("loop_blocked_seconds", "time for which one task blocked the event loop")

    def observe(self, event: SessionEvent) -> None:
        match event:
            case TurnTimed():
                self._answer.observe(event.total)
                if event.stt is not None:
                    self._stt.observe(event.stt)
                if event.tts is not None:
                    self._tts.observe(event.tts)
            case BargeInTimed():
                self._barge_in.observe(event.seconds)
            case TurnEnded():
                self._turns.labels("cut" if event.cut else "heard").inc()
            case ModelAnswered():
                if event.first_token is not None:
                    self._token.observe(event.first_token)
            case ToolRan():
                self._tool.labels(event.outcome).observe(event.seconds)
            case Overrun():
                self._lost.labels(event.link).inc(event.samples / RATE)
            case Trouble() | ReplyFailed():
                self._error(event.error)
            case Switched():
                self._switches.labels(event.role).inc()
                self._error(event.error)
            case Transferred():
                self._transfers.labels("done" if event.error is None else "refused").inc()
            case Dtmf():
                self._keys.inc()
            case Blocked():
                self._blocked.inc(event.seconds)

    def exposition(self) -> str:
        return generate_latest(self.registry).decode()

    def _error(self, error: BaseException) -> None:
        service = error.service if isinstance(error, ServiceError) else "voicekit"
        self._errors.labels(service, type(error).__name__).inc()
