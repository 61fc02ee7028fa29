"""Wrappers around a client's stream: one returns bytes that were already read, the other adds a time limit."""

from __future__ import annotations

from typing import Final

import trio

IDLE_S: Final = 60.0
"""Seconds within which a client must send or accept something; otherwise it counts as lost."""


class Replayed(trio.abc.HalfCloseableStream):
    """`stream`, with bytes that have already been read (`head`) put back at its start."""

    def __init__(self, stream: trio.abc.HalfCloseableStream, head: bytes) -> None:
        self._stream = stream
        self._head = head

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        if not self._head:
            return await self._stream.receive_some(max_bytes)
        await trio.lowlevel.checkpoint()
        count = len(self._head) if max_bytes is None else max_bytes
        data, self._head = self._head[:count], self._head[count:]
        return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def send_eof(self) -> None:
        await self._stream.send_eof()


class Patient(trio.abc.HalfCloseableStream):
    """`stream`, but it raises an error if the client does not send or accept anything for IDLE_S."""

    def __init__(self, stream: trio.abc.HalfCloseableStream) -> None:
        self._stream = stream

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        with trio.move_on_after(IDLE_S):
            return await self._stream.receive_some(max_bytes)
        raise trio.BrokenResourceError(f"nothing was received for {IDLE_S:g} s")

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        with trio.move_on_after(IDLE_S) as waiting:
            await self._stream.send_all(data)
        if waiting.cancelled_caught:
            raise trio.BrokenResourceError(f"nothing could be sent for {IDLE_S:g} s")

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def send_eof(self) -> None:
        await self._stream.send_eof()
