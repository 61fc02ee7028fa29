"""Loops on an absolute schedule: a late round is followed by a short one, so nothing drifts."""

from __future__ import annotations

import trio


class periodic:
    """`async for n in periodic(0.02)`: round n, counted from 0, is due at `start + n * period`, or immediately if that
    time has passed.
    """

    def __init__(self, period: float, *, start: float | None = None) -> None:
        self._period = period
        self._start = start
        self._round = 0

    def __aiter__(self) -> periodic:
        return self

    async def __anext__(self) -> int:
        if self._start is None:
            self._start = trio.current_time()
        await trio.sleep_until(self._start + self._round * self._period)
        self._round += 1
        return self._round - 1
