"""Two habits of hypercorn 0.18 that end calls, mended from outside; `apply` is called once, before anything is served.

A connection that is being closed while another task sends on it raises BusyResourceError, which nothing catches: every
call of the process would end with it. And compression is agreed to if a client offers it (browsers do). Sound does not
get smaller, a cancelled send loses what the compressor already counts on, and the next message can't be read.
"""

from __future__ import annotations

from typing import Any

import trio
from hypercorn.events import Closed
from hypercorn.protocol import ws_stream
from hypercorn.trio import run
from hypercorn.trio.tcp_server import TCPServer


class CarefulTcpServer(TCPServer):
    """A connection; what is sent while it closes is lost, and nothing else is."""

    async def protocol_send(self, event: Any) -> None:
        try:
            await super().protocol_send(event)
        except trio.BusyResourceError:
            await self.protocol.handle(Closed())


def apply() -> None:
    """Twice is once."""
    setattr(run, "TCPServer", CarefulTcpServer)  # noqa: B010  # not a name that it exports
    setattr(ws_stream, "server_extensions_handshake", _none)  # noqa: B010


def _none(requested: Any, supported: Any) -> None:
    """No extension is agreed to."""
