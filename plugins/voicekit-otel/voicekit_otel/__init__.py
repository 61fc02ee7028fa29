"""Calls as OpenTelemetry traces: spans with explicit times, made from the events of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicekit import hookimpl
from voicekit_otel.providing import flush, trace_to, tracer

if TYPE_CHECKING:
    from voicekit.events import SessionEvent
    from voicekit.extend import SessionView

__all__ = ["flush", "trace_to"]


@hookimpl
def voicekit_observe(event: SessionEvent, session: SessionView) -> None:
    from voicekit_otel.spans import CallSpans

    spans = session.stash.get(CallSpans)
    if spans is None:
        spans = session.stash[CallSpans] = CallSpans(*tracer())
    spans.observe(event)
