"""TCP streams that write without giving way: a message that the system takes at once costs no task step of its own.

trio's stream lets other tasks run after each write. The websocket library lets them run before each message anyway, and
of the five steps in which a frame of 20 ms came from its source to the socket, that was the last one.
"""

from __future__ import annotations

import os

import trio


async def open_tcp(host: str, port: int) -> trio.abc.Stream:
    """A connection to `host`; OSError if there is none."""
    return _PromptStream(await trio.open_tcp_stream(host, port))


class _PromptStream(trio.abc.Stream):
    """trio's stream, but for `send_all`: it is a checkpoint only if it has to wait."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        try:
            sent = os.write(self._stream.socket.fileno(), data)
        except OSError:  # full, closed or broken: trio's way waits, or raises the right error
            sent = 0
        if sent < len(data):
            await self._stream.send_all(memoryview(data)[sent:])

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self._stream.receive_some(max_bytes)

    async def aclose(self) -> None:
        await self._stream.aclose()
