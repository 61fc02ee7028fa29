"""TCP streams that write without a trio checkpoint if the system accepts a message immediately.

trio's own stream lets other tasks run after each write, but the websocket library already does so before each message.
With these streams, a 20 ms frame gets from its source to the socket in four task steps instead of five.
"""

from __future__ import annotations

import os

import trio


async def open_tcp(host: str, port: int) -> trio.abc.Stream:
    """Open a connection to `host`. Raises OSError if this is not possible."""
    return _PromptStream(await trio.open_tcp_stream(host, port))


class _PromptStream(trio.abc.Stream):
    """The same as trio's stream, except that `send_all` is a checkpoint only if it has to wait."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        try:
            sent = os.write(self._stream.socket.fileno(), data)
        except OSError:  # the socket is full, closed or broken: trio's own method waits, or raises the right error
            sent = 0
        if sent < len(data):
            await self._stream.send_all(memoryview(data)[sent:])

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self._stream.receive_some(max_bytes)

    async def aclose(self) -> None:
        await self._stream.aclose()
