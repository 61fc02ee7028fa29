"""A client's stream with something added: bytes that were read before, and an end of patience."""

from __future__ import annotations

from typing import Final

import trio

IDLE_S: Final = 60.0
"""Seconds in which a client must send or take something; then it is taken for gone."""


class Replayed(trio.abc.HalfCloseableStream):
    """`stream`, of which `head` has been read already, and comes again."""

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
    """`stream`, for as long as its client does something now and then; then it is broken."""

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
