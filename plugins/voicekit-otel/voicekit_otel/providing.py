"""Where spans go, and how the process ends: flushed in a thread that is left behind after two seconds.

An exporter's own `shutdown` blocks for 7 to 10 s if its collector refuses or hangs, which no deploy has time for.
"""

from __future__ import annotations

import atexit
import threading
from typing import Any, Final

from opentelemetry import trace

FLUSH_S: Final = 2.0
"""Seconds for all of it, at the process's end."""


class _Destination:
    def __init__(self) -> None:
        self.provider: Any = None
        self.words = False


_to = _Destination()


def trace_to(provider: trace.TracerProvider, *, words: bool = False) -> None:
    """Send spans to `provider`, and flush and close it at the process's end. Make it with `shutdown_on_exit=False`.

    `words` puts what was said into the spans.
    """
    if _to.provider is None:
        atexit.register(flush)
    _to.provider, _to.words = provider, words


def tracer() -> tuple[trace.Tracer, bool]:
    provider = _to.provider or trace.get_tracer_provider()
    return provider.get_tracer("voicekit"), _to.words


def flush(seconds: float = FLUSH_S) -> bool:
    """Export what is left and close the provider; whether that was done within `seconds`."""
    shutdown = getattr(_to.provider, "shutdown", None)
    if shutdown is None:
        return True
    thread = threading.Thread(target=shutdown, name="voicekit flushes traces", daemon=True)
    thread.start()
    thread.join(seconds)
    return not thread.is_alive()
