"""Call metrics for Prometheus: the events of all sessions, counted in one registry per process."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from voicekit import hookimpl

if TYPE_CHECKING:
    from voicekit.events import SessionEvent
    from voicekit.extend import SessionView
    from voicekit_metrics.counting import CallMetrics


@lru_cache(maxsize=1)
def the_metrics() -> CallMetrics:
    """The metrics of this process."""
    from voicekit_metrics.counting import CallMetrics

    return CallMetrics()


def exposition() -> str:
    """All metrics of this process in the text format of Prometheus."""
    return the_metrics().exposition()


@hookimpl
def voicekit_observe(event: SessionEvent, session: SessionView) -> None:
    the_metrics().observe(event)
