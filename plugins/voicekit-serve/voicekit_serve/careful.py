"""No compression on websockets, which hypercorn 0.18 agrees to if a client offers it, as browsers do.

Sound does not get smaller. And a cancelled send loses what the compressor already counts on, so that the far side can
read no later message. `apply` is called once, before anything is served.
"""

from __future__ import annotations

from typing import Any

from hypercorn.protocol import ws_stream


def apply() -> None:
    """Twice is once."""
    setattr(ws_stream, "server_extensions_handshake", _none)  # noqa: B010  # not a name that it exports


def _none(requested: Any, supported: Any) -> None:
    """No extension is agreed to."""
