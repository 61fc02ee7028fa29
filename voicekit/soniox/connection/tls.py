"""TLS contexts. Each is made only once, and in a thread, since reading the certificates takes up to 60 ms."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable

from voicekit.flow.threads import in_thread

_contexts: dict[Callable[[], ssl.SSLContext], ssl.SSLContext] = {}
_making = threading.Lock()


async def tls_context(make: Callable[[], ssl.SSLContext] | None = None) -> ssl.SSLContext:
    """Return the context that `make()` creates; `make` is called only once. The default context trusts the system's
    certificates."""
    make = make or ssl.create_default_context
    if make not in _contexts:
        await in_thread(_add, make)
    return _contexts[make]


def _add(make: Callable[[], ssl.SSLContext]) -> None:
    with _making:
        if make not in _contexts:
            _contexts[make] = make()
