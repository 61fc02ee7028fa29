"""Makes spans from the events of one call: conversation > turn > stt, llm, tts, execute_tool.

An event that reports the end of something also states how long it took. The span ends at the time of this event, and
its start is calculated from the duration.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping

from opentelemetry.context import Context
from opentelemetry.trace import Span, Status, StatusCode, Tracer, set_span_in_context
from opentelemetry.util.types import AttributeValue

from voicekit.events import (
    BargeInTimed,
    Dtmf,
    ModelAnswered,
    ReplyFailed,
    SessionEnded,
    SessionEvent,
    SessionStarted,
    Switched,
    ToolRan,
    Transferred,
    Trouble,
    TurnCommitted,
    TurnEnded,
    TurnTimed,
)

Attributes = Mapping[str, AttributeValue]


class CallSpans:
    """The spans of one session. With `words`, they contain the words spoken."""

    def __init__(self, tracer: Tracer, words: bool = False) -> None:
        self._tracer = tracer
        self._words = words
        self._id = uuid.uuid4().hex
        self._call: Span | None = None
        self._turns: dict[int, tuple[Span, int]] = {}

    def observe(self, event: SessionEvent) -> None:
        now = time.time_ns()
        match event:
            case SessionStarted():
                self._conversation(now)
            case TurnCommitted():
                self._begin_turn(event, now)
            case TurnTimed():
                self._time(event, now)
            case ModelAnswered():
                self._model(event, now)
            case ToolRan():
                attributes: Attributes = {"gen_ai.tool.name": event.name, "voicekit.outcome": event.outcome}
                self._child(event.turn, "execute_tool", now, event.seconds, attributes, event.outcome != "result")
            case TurnEnded():
                self._end_turn(event, now)
            case SessionEnded():
                self._end(event, now)
            case _:
                self._note(event, now)

    def _note(self, event: SessionEvent, now: int) -> None:
        """Add the event to the conversation's span; this is for events without a duration."""
        call = self._conversation(now)
        match event:
            case Trouble() | ReplyFailed():
                call.add_event("error", {"error.type": type(event.error).__name__}, now)
            case Switched():
                found = {"voicekit.role": event.role, "voicekit.left": event.left, "voicekit.taken": event.taken}
                call.add_event("switched", found, now)
            case Transferred():
                call.add_event("transfer", {"voicekit.outcome": "refused" if event.error else "done"}, now)
            case Dtmf():
                call.add_event("dtmf", {}, now)
            case BargeInTimed():
                call.add_event("barge_in", {"turn.number": event.turn, "voicekit.seconds": event.seconds}, now)

    def _conversation(self, now: int) -> Span:
        if self._call is None:
            attributes = {"conversation.id": self._id, "gen_ai.conversation.id": self._id, "conversation.type": "voice"}
            self._call = self._tracer.start_span("conversation", Context(), attributes=attributes, start_time=now)
        return self._call

    def _begin_turn(self, event: TurnCommitted, now: int) -> None:
        attributes: dict[str, AttributeValue] = {"turn.number": event.turn, "voicekit.reason": event.reason}
        if self._words:
            attributes["pii.transcript"] = event.text
        parent = set_span_in_context(self._conversation(now), Context())
        span = self._tracer.start_span("turn", parent, attributes=attributes, start_time=now)
        self._turns[event.turn] = span, now

    def _time(self, event: TurnTimed, now: int) -> None:
        if event.turn in self._turns:
            self._turns[event.turn][0].set_attribute("turn.user_bot_latency_seconds", event.total)
        if event.stt is not None and event.decision is not None:
            committed = now - _ns(event.total - event.decision)
            begun = committed - _ns(event.decision)
            self._span(event.turn, "stt", begun, begun + _ns(event.stt), {"metrics.ttfb": event.stt, "is_final": True})
        if event.tts is not None:
            found: Attributes = {"metrics.ttfb": event.tts, "gen_ai.output.type": "speech"}
            self._child(event.turn, "tts", now, event.tts, found)

    def _model(self, event: ModelAnswered, now: int) -> None:
        attributes: dict[str, AttributeValue] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": event.model,
            "gen_ai.response.finish_reasons": (event.stop,),
        }
        if event.first_token is not None:
            attributes["metrics.ttfb"] = event.first_token
            attributes["gen_ai.response.time_to_first_chunk"] = event.first_token
        if event.input_tokens is not None:
            attributes["gen_ai.usage.input_tokens"] = event.input_tokens
        if event.output_tokens is not None:
            attributes["gen_ai.usage.output_tokens"] = event.output_tokens
        self._child(event.turn, "llm", now, event.seconds, attributes, event.stop == "failed")

    def _child(
        self, turn: int, name: str, now: int, seconds: float, attributes: Attributes, failed: bool = False
    ) -> None:
        self._span(turn, name, now - _ns(seconds), now, attributes, failed)

    def _span(self, turn: int, name: str, begun: int, ended: int, attributes: Attributes, failed: bool = False) -> None:
        above = self._turns[turn][0] if turn in self._turns else self._conversation(begun)
        parent = set_span_in_context(above, Context())
        span = self._tracer.start_span(name, parent, attributes=attributes, start_time=begun)
        if failed:
            span.set_status(Status(StatusCode.ERROR))
        span.end(ended)

    def _end_turn(self, event: TurnEnded, now: int) -> None:
        found = self._turns.pop(event.turn, None)
        if found is None:
            return
        span, begun = found
        span.set_attribute("turn.was_interrupted", event.cut)
        span.set_attribute("turn.duration_seconds", (now - begun) / 1e9)
        span.set_attribute("metrics.character_count", len(event.said))
        if self._words:
            span.set_attribute("pii.reply", event.heard)
        span.end(now)

    def _end(self, event: SessionEnded, now: int) -> None:
        for span, _ in self._turns.values():
            span.end(now)
        self._turns.clear()
        call = self._conversation(now)
        call.set_attribute("voicekit.ended", event.why)
        if event.error is not None:
            call.set_attribute("error.type", type(event.error).__name__)
            call.set_status(Status(StatusCode.ERROR))
        call.end(now)


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)
