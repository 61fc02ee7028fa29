"""The peer's end of a byte stream that fails on demand: at a given byte, or before, inside or after a message."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Final

import trio

from voicekit.testing.soniox.faults import Cut, HalfOpen, Stall, StopReading, WireFault

DATA_FRAMES: Final = (1, 2)  # the opcodes that begin text and binary messages (RFC 6455)


class FaultyStream(trio.abc.Stream):
    """A server's `stream`, with `faults`. `head` is what has already been read from `stream`.

    `gone` is called when the client has gone or has been cut off. For each Cut, `cut` is called with the fault's
    `away`.
    """

    def __init__(
        self,
        stream: trio.abc.Stream,
        head: bytes,
        faults: Iterable[WireFault],
        gone: Callable[[], None],
        cut: Callable[[float], None],
    ) -> None:
        self._stream = stream
        self._faults = list(faults)
        self._gone = gone
        self._cut = cut
        wanted = [fault.at.received for fault in self._faults if fault.at is not None]
        self._messages = _Messages(number for number in wanted if number is not None)
        self._messages.feed(head)
        self._held = head  # bytes that have been read but not passed on yet
        self._taken = 0  # the number of bytes passed on so far
        self._sent = 0
        self._sent_messages = 0
        self._swallows = False
        self._deaf = False
        self._broken = False
        self._still_until = -math.inf

    async def strike(self, fault: WireFault) -> None:
        """Make `fault` happen now."""
        if fault in self._faults:
            self._faults.remove(fault)
        match fault:
            case Cut(away=away):
                self._broken, self._held = True, b""
                self._cut(away)
                await self._stream.aclose()
            case HalfOpen():
                self._swallows = True
            case StopReading():
                self._deaf = True
            case Stall(seconds=seconds):
                self._still_until = trio.current_time() + seconds

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        while True:
            fault = self._due()
            if fault is not None:
                await self.strike(fault)
            elif self._deaf:
                await trio.sleep_forever()
            elif self._held and not self._swallows:
                return self._give()
            else:
                data = await self._read(max_bytes)
                if not data:
                    return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        data = bytes(data)
        is_message = bool(self._sent and data) and data[0] & 0xF in DATA_FRAMES
        self._sent_messages += is_message
        while (found := self._next_split(data, is_message)) is not None:
            split, fault = found
            await self._write(data[:split])
            data, is_message = data[split:], False
            await self.strike(fault)
        await self._write(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self._stream.aclose()

    # --- receiving ---

    async def _read(self, max_bytes: int | None) -> bytes:
        try:
            data = bytes(await self._stream.receive_some(max_bytes))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._gone()
            raise trio.BrokenResourceError("the connection is cut") from None
        if not data:
            self._gone()
        self._messages.feed(data)
        self._held = b"" if self._swallows else self._held + data
        return data

    def _due(self) -> WireFault | None:
        """The fault that happens before another byte is passed on."""
        return next((fault for fault in self._faults if self._is_due(fault)), None)

    def _is_due(self, fault: WireFault) -> bool:
        limit = self._limit(fault)
        if limit is None or limit > self._taken:
            return False
        waits = fault.at is not None and fault.at.received is not None and fault.where == "before"
        return bool(self._held) or not waits

    def _give(self) -> bytes:
        limits = [limit for fault in self._faults if (limit := self._limit(fault)) is not None]
        count = min([len(self._held), *(limit - self._taken for limit in limits)])
        data, self._held = self._held[:count], self._held[count:]
        self._taken += count
        return data

    def _limit(self, fault: WireFault) -> int | None:
        """How many bytes are passed on before `fault`; None if the fault does not depend on them, or if their number is
        not known yet."""
        at = fault.at
        if at is None or at.received is None:
            return None if at is None else at.bytes_received
        span = self._messages.spans.get(at.received)
        if span is None:
            return None
        start, end = span
        return {"before": start, "inside": (start + end) // 2, "after": end}[fault.where]

    # --- sending ---

    async def _write(self, data: bytes) -> None:
        await trio.sleep_until(self._still_until)
        if self._broken:
            raise trio.BrokenResourceError("the connection is cut")
        self._sent += len(data)
        if self._swallows or not data:
            await trio.lowlevel.checkpoint()
        else:
            await self._stream.send_all(data)

    def _next_split(self, data: bytes, is_message: bool) -> tuple[int, WireFault] | None:
        """The first fault that happens in `data`, and the index at which it happens."""
        splits = []
        for place, fault in enumerate(self._faults):
            split = self._split(fault, data, is_message)
            if split is not None and split <= len(data):
                splits.append((split, place))
        return None if not splits else (min(splits)[0], self._faults[min(splits)[1]])

    def _split(self, fault: WireFault, data: bytes, is_message: bool) -> int | None:
        at = fault.at
        if at is None:
            return None
        if at.bytes_sent is not None:
            return max(0, at.bytes_sent - self._sent)
        if is_message and at.sent == self._sent_messages:
            return {"before": 0, "inside": len(data) // 2, "after": len(data)}[fault.where]
        return None


class _Messages:
    """Finds where some of the client's messages begin and end, in bytes from the beginning of the connection."""

    def __init__(self, wanted: Iterable[int]) -> None:
        self.spans: dict[int, tuple[int, int]] = {}
        self._wanted = frozenset(wanted)
        self._count = 0
        self._rest = b""
        self._at = 0  # the position of the first byte in `_rest`
        self._passing = 0  # the number of bytes to skip before the next frame
        self._upgraded = False

    def feed(self, data: bytes) -> None:
        if not self._wanted:
            return
        self._rest += data
        if not self._upgraded and (end := self._rest.find(b"\r\n\r\n")) >= 0:
            self._upgraded, self._passing = True, end + 4
        while self._pass() and self._upgraded and (size := _frame_size(self._rest)) is not None:
            self._passing = size
            if self._rest[0] & 0xF in DATA_FRAMES:
                self._count += 1
                if self._count in self._wanted:
                    self.spans[self._count] = (self._at, self._at + size)

    def _pass(self) -> bool:
        """Skip the rest of the current frame, as far as it has come, and return whether another frame begins here."""
        count = min(self._passing, len(self._rest))
        self._rest = self._rest[count:]
        self._at += count
        self._passing -= count
        return not self._passing


def _frame_size(data: bytes) -> int | None:
    """The number of bytes of the frame with which `data` begins; None while its header is not complete (RFC 6455,
    5.2)."""
    if len(data) < 2:
        return None
    length, mask = data[1] & 0x7F, 4 * (data[1] >> 7)
    extra = {126: 2, 127: 8}.get(length, 0)
    if len(data) < 2 + extra:
        return None
    return 2 + extra + mask + (int.from_bytes(data[2 : 2 + extra], "big") if extra else length)
