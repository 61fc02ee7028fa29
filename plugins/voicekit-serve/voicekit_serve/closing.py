"""How a websocket ends, where hypercorn 0.18 has it wrong.

Its stream tells the app 1006 for every close that is not the app's own. On a wire whose only goodbye is the close
(Vonage, jambonz, chan_websocket), 1000 means that the caller has hung up and 1006 that the connection was lost, so the
code decides why a call ended.

And a connection that ends while a message is being sent raises trio.BusyResourceError out of hypercorn, which ends the
server with all its calls. It is one connection that is over, so it is treated as every other that is.

And compression is agreed to if a client offers it, as browsers do. Sound does not get smaller, a cancelled send loses
what the compressor already counts on, and the next message can't be read.

And a server that listens no more closes at once what it has accepted and not yet read a request from: it turns away a
caller whom a sibling would have taken. Such a connection is given the time to ask.
"""

from __future__ import annotations

from typing import Any

import trio
from hypercorn.config import Config
from hypercorn.events import Closed
from hypercorn.protocol import h2, h11, ws_stream
from hypercorn.protocol.events import StreamClosed
from hypercorn.protocol.ws_stream import WSStream
from hypercorn.trio.tcp_server import TCPServer
from wsproto.connection import ConnectionState
from wsproto.events import CloseConnection


class ClosingStream(WSStream):
    """A websocket of hypercorn's that passes on the far side's own code."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._their_code: int | None = None

    async def handle(self, event: Any) -> None:
        if isinstance(event, StreamClosed) and self._their_code is not None and not self.closed:
            self.closed = True
            if self.app_put is not None:
                await self.app_put({"type": "websocket.disconnect", "code": self._their_code})
            return
        await super().handle(event)

    async def _send_wsproto_event(self, event: Any) -> None:
        if isinstance(event, CloseConnection) and self.connection.state is ConnectionState.REMOTE_CLOSING:
            self._their_code = int(event.code)  # our answer, which repeats their code
        await super()._send_wsproto_event(event)


async def send_or_close(server: TCPServer, event: Any) -> None:
    """`TCPServer.protocol_send`, to which a connection that is being closed is a closed one."""
    try:
        await _protocol_send(server, event)
    except trio.BusyResourceError:
        await server.protocol.handle(Closed())


async def close_if_idle(server: TCPServer) -> None:
    """`TCPServer._idle_timeout`, with `SiteConfig.asking` s for what is idle when the listener closes.

    A request, once it was read, cancels this task.
    """
    with trio.move_on_after(server.config.keep_alive_timeout):
        await server.context.terminated.wait()
        await trio.sleep(getattr(server.config, "asking", 0.0))
    with trio.CancelScope(shield=True):
        await server._initiate_server_close()


class SiteConfig(Config):
    """hypercorn's, and for how many seconds a connection may send a request after the listener has closed."""

    asking = 0.0


_protocol_send = TCPServer.protocol_send


def mend_hypercorn() -> None:
    """Have hypercorn's connections of this process end as they should. Twice is once."""
    for module in (h11, h2):
        module.WSStream = ClosingStream  # type: ignore[attr-defined]
    setattr(ws_stream, "server_extensions_handshake", _no_extension)  # noqa: B010  # not a name that it exports
    setattr(TCPServer, "protocol_send", send_or_close)  # noqa: B010  # as an assignment, it has another type
    setattr(TCPServer, "_idle_timeout", close_if_idle)  # noqa: B010  # the same


def _no_extension(requested: Any, supported: Any) -> None:
    """Agree to none."""
