"""From the thread of a microphone to trio, through a ring that makes neither side wait.

The thread appends to a deque of limited length, which is one atomic step, and asks trio to look; repeated requests
count as one. If nothing looks for too long, the oldest sound is dropped, and the count of samples shows it.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from dataclasses import dataclass

import trio


@dataclass(frozen=True, slots=True)
class Block:
    """Sound as the device delivered it: `came` is the time (trio's clock), `count` the number of samples before it.

    `torn`: sound was lost before it, and the device does not know how much.
    """

    pcm: bytes
    count: int
    came: float
    torn: bool = False


class Handover:
    """Made on trio's thread. Only `put` may be called from another thread, and it never waits."""

    def __init__(self, sample_bytes: int, blocks: int) -> None:
        self.count = 0  # samples put in so far
        self._sample_bytes = sample_bytes
        self._blocks: deque[Block] = deque(maxlen=blocks)
        self._torn = False
        self._clock = trio.lowlevel.current_clock()
        self._token = trio.lowlevel.current_trio_token()
        self._waiting = trio.lowlevel.ParkingLot()

    def put(self, pcm: bytes, torn: bool) -> None:
        """Take a block of sound from the device."""
        torn, self._torn = torn or self._torn, False
        self._blocks.append(Block(pcm, self.count, self._clock.current_time(), torn))
        self.count += len(pcm) // self._sample_bytes
        with suppress(trio.RunFinishedError):  # the loop has ended, so the sound is not needed
            self._token.run_sync_soon(self._waiting.unpark_all, idempotent=True)

    def tear(self) -> None:
        """The next block does not follow on the last one."""
        self._torn = True

    def clear(self) -> None:
        self._blocks.clear()

    async def take(self) -> Block:
        """The oldest block; waits for one."""
        await trio.lowlevel.checkpoint()
        while not self._blocks:
            await self._waiting.park()
        return self._blocks.popleft()
