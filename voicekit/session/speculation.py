"""The gate at which a guessed reply waits until the caller's turn is committed.

The gate is in front of one stage of the reply pipeline. The output of earlier stages accumulates in the link before the
gate; when the link is full, those stages wait. So a guess can't produce more than fits into the link. The stage behind
the gate starts when the turn is committed; if the guess is discarded, that stage never starts.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import trio

from voicekit.contracts import this_reply
from voicekit.flow.layers import Layer
from voicekit.flow.link import Inlet, Outlet
from voicekit.flow.stage import Run


class Commitment:
    """Whether a reply's turn has been committed, and the actions that must wait for that."""

    def __init__(self, *, made: bool) -> None:
        self.event = trio.Event()  # set when the turn is committed
        self._orders: list[Callable[[], None]] = []
        if made:
            self.event.set()

    def make(self) -> None:
        self.event.set()
        orders, self._orders = self._orders, []
        for order in orders:
            order()

    async def wait_made(self) -> None:
        await self.event.wait()

    def when_made(self, order: Callable[[], None]) -> None:
        """Call `order()` when the turn is committed: immediately if it already has been, never if it is discarded."""
        if self.event.is_set():
            order()
        else:
            self._orders.append(order)


class AfterCommit(Layer):
    """A layer whose stage runs only after the reply's turn has been committed."""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Run[Any, Any]]:
        async with self.stage.open() as run:

            async def run_when_committed(inbox: Inlet[Any], outbox: Outlet[Any]) -> None:
                await this_reply.get().commitment.wait_made()
                await run(inbox, outbox)

            yield run_when_committed
