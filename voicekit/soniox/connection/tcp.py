"""TCP streams that write without a trio checkpoint if the system accepts a message immediately.

trio's own stream lets other tasks run after each write, but the websocket library already does so before each message.
With these streams, a 20 ms frame gets from its source to the socket in four task steps instead of five. With
`send_now`, the task that makes a message can write it, so that no other task has to be woken.
"""

from __future__ import annotations

import os

import trio

RECEIVE_BYTES = 64 * 2**10
"""The maximum number of bytes that are read in one step, unless the calling code asks for another number."""


async def open_tcp(host: str, port: int) -> trio.abc.Stream:
    """Open a connection to `host`. Raises OSError if this is not possible."""
    return PromptStream(await trio.open_tcp_stream(host, port))


class PromptStream(trio.abc.Stream):
    """The same as trio's stream, except that `send_all` is a checkpoint only if it has to wait."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._rest = b""  # what `send_now` could not send

    def send_now(self, data: bytes) -> bool:
        """Take `data`, and send as much of it as the system accepts. If the result is False, the rest goes out with the
        next `send_all`, whose data may be empty. Use this only while no `send_all` is waiting.
        """
        self._rest = (self._rest and self._rest + data) or data
        try:
            sent = os.write(self._stream.socket.fileno(), self._rest)
        except OSError:  # the socket is full, closed or broken: `send_all` waits, or raises the right error
            sent = 0
        self._rest = self._rest[sent:]
        return not self._rest

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        if not self.send_now(bytes(data)):
            rest, self._rest = self._rest, b""
            await self._stream.send_all(rest)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """The same as trio's method, except that it waits first: it is called when everything has been read."""
        while True:
            if (number := self._stream.socket.fileno()) < 0:
                raise trio.ClosedResourceError("this stream is closed")
            await trio.lowlevel.wait_readable(number)
            try:
                return os.read(number, max_bytes or RECEIVE_BYTES)
            except BlockingIOError:
                continue
            except OSError as error:
                raise trio.BrokenResourceError(str(error)) from error

    async def aclose(self) -> None:
        await self._stream.aclose()
