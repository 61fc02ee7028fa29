"""The gate that a reply made on a guess waits at, until the caller's turn is committed.

It stands in front of a stage of the reply line. What is made behind it piles up in the link before that stage, and
when the link is full whoever makes it waits: so a guess costs as little as a reply that nobody listens to. The stage
itself begins with the commit, and a guess that is thrown away has never begun it.
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
    """Whether a reply's turn is committed, and what was ordered for when it is."""

    def __init__(self, *, made: bool) -> None:
        self.event = trio.Event()  # set when the reply exists
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
        """Carry out `order` now, or when the turn is committed; never, if it is not."""
        if self.event.is_set():
            order()
        else:
            self._orders.append(order)


class AfterCommit(Layer):
    """Lets its stage run only once the reply that it runs for is committed."""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Run[Any, Any]]:
        async with self.stage.open() as run:

            async def run_when_committed(inbox: Inlet[Any], outbox: Outlet[Any]) -> None:
                await this_reply.get().commitment.wait_made()
                await run(inbox, outbox)

            yield run_when_committed
