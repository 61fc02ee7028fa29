"""Where spans go, and how they are flushed when the process ends: in a thread that is abandoned after two seconds.

An exporter's own `shutdown` blocks for 7 to 10 s if its collector refuses connections or hangs, which would make
deployments slow.
"""

from __future__ import annotations

import atexit
import threading
from typing import Any, Final

from opentelemetry import trace

FLUSH_S: Final = 2.0
"""Seconds that flushing may take in all when the process ends."""


class _Destination:
    def __init__(self) -> None:
        self.provider: Any = None
        self.words = False


_to = _Destination()


def trace_to(provider: trace.TracerProvider, *, words: bool = False) -> None:
    """Send spans to `provider`, and flush and close it when the process ends.

    The provider must be made with `shutdown_on_exit=False`. With `words`, the spans contain the words spoken.
    """
    if _to.provider is None:
        atexit.register(flush)
    _to.provider, _to.words = provider, words


def tracer() -> tuple[trace.Tracer, bool]:
    provider = _to.provider or trace.get_tracer_provider()
    return provider.get_tracer("voicekit"), _to.words


def flush(seconds: float = FLUSH_S) -> bool:
    """Export the remaining spans and close the provider; return whether both were done within `seconds`."""
    shutdown = getattr(_to.provider, "shutdown", None)
    if shutdown is None:
        return True
    thread = threading.Thread(target=shutdown, name="voicekit flushes traces", daemon=True)
    thread.start()
    thread.join(seconds)
    return not thread.is_alive()
