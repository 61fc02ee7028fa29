"""Passes audio from a microphone's thread to trio, through a ring buffer that never makes the thread wait.

The thread appends to a deque of limited length, which is one atomic step, and wakes trio; repeated requests to wake
count as one. If trio takes no audio for too long, the oldest audio is dropped, which leaves a gap in the count of
samples.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from dataclasses import dataclass

import trio


@dataclass(frozen=True, slots=True)
class Block:
    """A block of audio as the device delivered it.

    `count` is the number of samples before this block, and `came` is the time of its arrival by trio's clock. `torn`
    means that audio before this block was lost, and that the device does not know how much.
    """

    pcm: bytes
    count: int
    came: float
    torn: bool = False


class Handover:
    """A ring buffer that belongs to trio's thread. Only `put` may be called from another thread, and it never waits."""

    def __init__(self, sample_bytes: int, blocks: int) -> None:
        self.count = 0  # the number of samples put in so far
        self._sample_bytes = sample_bytes
        self._blocks: deque[Block] = deque(maxlen=blocks)
        self._torn = False
        self._clock = trio.lowlevel.current_clock()
        self._token = trio.lowlevel.current_trio_token()
        self._waiting = trio.lowlevel.ParkingLot()

    def put(self, pcm: bytes, torn: bool) -> None:
        """Add a block of audio from the device."""
        torn, self._torn = torn or self._torn, False
        self._blocks.append(Block(pcm, self.count, self._clock.current_time(), torn))
        self.count += len(pcm) // self._sample_bytes
        with suppress(trio.RunFinishedError):  # trio has ended, so the sound is not needed
            self._token.run_sync_soon(self._waiting.unpark_all, idempotent=True)

    def tear(self) -> None:
        """Mark the next block as torn: some audio before it was lost."""
        self._torn = True

    def clear(self) -> None:
        self._blocks.clear()

    async def take(self) -> Block:
        """Remove and return the oldest block. Waits if there is none."""
        await trio.lowlevel.checkpoint()
        while not self._blocks:
            await self._waiting.park()
        return self._blocks.popleft()
