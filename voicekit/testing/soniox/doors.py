"""How clients come to a double: in memory or over loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import trio

from voicekit.errors import ConfigError
from voicekit.flow.groups import alone
from voicekit.soniox.api.region import Endpoints
from voicekit.testing.soniox.memory import stream_pair

HOST: Final = "soniox.test"
"""Where a double in memory is; no such host exists."""
STT_PATH: Final = "/transcribe-websocket"
TTS_PATH: Final = "/tts-websocket"


class Doors:
    """The addresses of a double, and the task group in which its connections are served by `_serve`."""

    _nursery: trio.Nursery | None = None

    @property
    def endpoints(self) -> Endpoints:
        """Addresses for connections in memory."""
        return _endpoints(HOST)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """While this is open, connections can be made in memory."""
        with alone():
            async with trio.open_nursery() as self._nursery:
                yield
                self._nursery.cancel_scope.cancel()
        self._nursery = None

    @asynccontextmanager
    async def serve(self, port: int = 0) -> AsyncIterator[Endpoints]:
        """Serve on a port of 127.0.0.1; yields the addresses."""
        listeners = await trio.open_tcp_listeners(port, host="127.0.0.1")
        async with self.listening():
            await self._group.start(trio.serve_listeners, self._serve, listeners)
            yield _endpoints(f"127.0.0.1:{listeners[0].socket.getsockname()[1]}")

    def connected(self, nursery: trio.Nursery | None = None) -> trio.abc.Stream:
        """The client's end of a new connection in memory; the other end is served in `nursery`, or while listening."""
        group = nursery or self._group
        ours, theirs = stream_pair()
        group.start_soon(self._serve, ours)
        return theirs

    @property
    def _group(self) -> trio.Nursery:
        if self._nursery is None:
            raise ConfigError(f"{type(self).__name__}: connections work only inside `async with peer.listening()`")
        return self._nursery

    async def _serve(self, stream: trio.abc.Stream) -> None:
        raise NotImplementedError


def _endpoints(host: str) -> Endpoints:
    web = f"http://{host}"
    return Endpoints(rest=web, stt=f"ws://{host}{STT_PATH}", tts=f"ws://{host}{TTS_PATH}", tts_rest=web)
