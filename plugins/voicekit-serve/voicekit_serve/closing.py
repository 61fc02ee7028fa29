"""Corrects four faults in how hypercorn 0.18 ends websockets and connections.

1. hypercorn reports the code 1006 for every close that does not come from the app. On wires without another goodbye
(Vonage, jambonz, chan_websocket), 1000 means that the caller has hung up, and 1006 that the connection was lost. Here,
the far side's own code is reported.

2. If a connection ends while a message is being sent, hypercorn raises trio.BusyResourceError, which ends the server
with all its calls. Here, only this connection ends.

3. hypercorn agrees to compression if a client offers it, as browsers do. Compression does not make audio smaller, and
it leaves a client unable to read the message after a cancelled send. Here, compression is always declined.

4. When a server stops listening, hypercorn immediately closes accepted connections that have not sent a request. This
turns away callers whom another process would have taken. Here, such connections get time to send their request.
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
    """A hypercorn websocket that reports the far side's own close code."""

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
            self._their_code = int(event.code)  # our answer repeats the far side's code
        await super()._send_wsproto_event(event)


async def send_or_close(server: TCPServer, event: Any) -> None:
    """Like `TCPServer.protocol_send`, but treats a connection that is being closed as closed."""
    try:
        await _protocol_send(server, event)
    except trio.BusyResourceError:
        await server.protocol.handle(Closed())


async def close_if_idle(server: TCPServer) -> None:
    """Like `TCPServer._idle_timeout`, but idle connections stay open for `SiteConfig.asking` seconds after the listener
    closes.

    hypercorn cancels this task as soon as it has read a request.
    """
    with trio.move_on_after(server.config.keep_alive_timeout):
        await server.context.terminated.wait()
        await trio.sleep(getattr(server.config, "asking", 0.0))
    with trio.CancelScope(shield=True):
        await server._initiate_server_close()


class SiteConfig(Config):
    """hypercorn's Config, plus `asking`: how long, in seconds, open connections may still send a request after the
    listener has closed.
    """

    asking = 0.0


_protocol_send = TCPServer.protocol_send


def mend_hypercorn() -> None:
    """Correct hypercorn in this process. A second call changes nothing."""
    for module in (h11, h2):
        module.WSStream = ClosingStream  # type: ignore[attr-defined]
    setattr(ws_stream, "server_extensions_handshake", _no_extension)  # noqa: B010  # hypercorn does not export it
    setattr(TCPServer, "protocol_send", send_or_close)  # noqa: B010  # an assignment would not pass the type check
    setattr(TCPServer, "_idle_timeout", close_if_idle)  # noqa: B010  # same reason


def _no_extension(requested: Any, supported: Any) -> None:
    """Refuse all extensions."""
