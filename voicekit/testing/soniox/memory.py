"""Two ends of a connection in memory, each with a window as a socket has: who does not read stops who writes."""

from __future__ import annotations

from typing import Final

import trio
from trio.testing import memory_stream_pair

WINDOW_BYTES: Final = 64 * 1024
"""Bytes under way in one direction before the sender waits, as in a small socket buffer."""


def stream_pair(window: int = WINDOW_BYTES) -> tuple[trio.abc.Stream, trio.abc.Stream]:
    """Like `trio.testing.memory_stream_pair`, but bounded."""
    one, other = memory_stream_pair()
    there, back = _Window(window), _Window(window)
    return _End(one, there, back), _End(other, back, there)


class _Window:
    """The bytes under way in one direction."""

    def __init__(self, limit: int) -> None:
        self._room = limit
        self._open = True
        self._waiting = trio.lowlevel.ParkingLot()

    async def sent(self, count: int) -> None:
        self._room -= count
        while self._room < 0 and self._open:
            await self._waiting.park()
        if not self._open:
            raise trio.BrokenResourceError("the other end is closed")

    def taken(self, count: int) -> None:
        self._room += count
        self._waiting.unpark_all()

    def close(self) -> None:
        self._open = False
        self._waiting.unpark_all()


class _End(trio.abc.Stream):
    def __init__(self, stream: trio.abc.Stream, out: _Window, into: _Window) -> None:
        self._stream = stream
        self._out = out
        self._into = into

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)
        await self._out.sent(len(data))

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        data = await self._stream.receive_some(max_bytes)
        self._into.taken(len(data))
        return data

    async def aclose(self) -> None:
        self._out.close()
        self._into.close()
        await self._stream.aclose()
