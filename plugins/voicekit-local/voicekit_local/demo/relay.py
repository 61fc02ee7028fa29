"""A relay to the server. The demo cuts the relay's connections to show how a lost connection is handled."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import trio

from voicekit.errors import ConfigError

BLOCK = 64 * 1024
"""The maximum number of bytes passed on at a time."""


class Relay:
    """Passes bytes between its clients and the server.

    Clients connect to `url`, which is the server's URL, but with the relay's host and port.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.hostname is None or parts.port is None or parts.scheme != "ws":
            raise ConfigError(f"relay: expected an address like ws://127.0.0.1:8000/..., got {url!r}")
        self._target = (parts.hostname, parts.port)
        self._parts = parts
        self._ways: set[trio.CancelScope] = set()
        self.url = url

    def cut(self) -> int:
        """Drop all connections without closing them, as when a network fails. Returns how many there were."""
        cut = len(self._ways)
        for way in self._ways:
            way.cancel()
        return cut

    async def listen(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve on a free port of this machine until cancelled."""
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = listeners[0].socket.getsockname()[1]
        self.url = self._parts._replace(netloc=f"127.0.0.1:{port}").geturl()
        async with trio.open_nursery() as nursery:
            await nursery.start(trio.serve_listeners, self._pass_on, listeners)
            task_status.started()

    async def _pass_on(self, client: trio.SocketStream) -> None:
        with trio.CancelScope() as way:
            self._ways.add(way)
            try:
                server = await trio.open_tcp_stream(*self._target)
                async with client, server, trio.open_nursery() as nursery:
                    nursery.start_soon(_copy, client, server, way)
                    nursery.start_soon(_copy, server, client, way)
            except* OSError:
                pass  # the server can't be reached; the client sees its connection end
            finally:
                self._ways.discard(way)


@asynccontextmanager
async def open_relay(url: str) -> AsyncIterator[Relay]:
    """Run a relay to the websocket server at `url` until the block ends."""
    relay = Relay(url)
    async with trio.open_nursery() as nursery:
        await nursery.start(relay.listen)
        yield relay
        nursery.cancel_scope.cancel()


async def _copy(source: trio.SocketStream, target: trio.SocketStream, way: trio.CancelScope) -> None:
    """Copy until either side closes, and then end both directions."""
    try:
        while block := await source.receive_some(BLOCK):
            await target.send_all(block)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass
    way.cancel()
