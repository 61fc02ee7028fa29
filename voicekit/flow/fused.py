"""The ends of a link, with transforms attached: items pass through the transforms when they are sent or received.

Outputs that cannot yet be delivered are kept, and delivered before those of the next item. A cancelled `send` has taken
the item either completely or not at all. Nothing piles up, because an item is fed only after all output of the previous
items has been delivered.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import trio
from trio.lowlevel import cancel_shielded_checkpoint, checkpoint, checkpoint_if_cancelled

from voicekit.flow.link import Inlet, Outlet, Taker
from voicekit.flow.transform import Transform


class FusedOutlet(Outlet[Any]):
    """An outlet whose items pass through `transform` first. It does not own the outlet behind it."""

    __slots__ = ("_feed", "_outlet", "_pending", "_plain", "_transform")

    def __init__(self, outlet: Outlet[Any], transform: Transform[Any, Any]) -> None:
        super().__init__(outlet._link)
        self._outlet = outlet
        self._plain = type(outlet) is Outlet  # true if there is nothing between `outlet` and the link
        self._feed = transform.feed
        self._transform = transform
        self._pending: deque[Any] = deque()

    async def send(self, item: Any) -> None:
        await checkpoint_if_cancelled()
        if self._pending:
            await self._outlet._send_all(self._pending)
        self._pending.extend(self._feed(item))
        if self._plain and self._pending and self._outlet._offer_all(self._pending):
            await cancel_shielded_checkpoint()
        else:
            await self._outlet._send_all(self._pending)

    async def finish(self) -> None:
        """At the end of the stream, send whatever is still inside the transform."""
        self._pending.extend(self._transform.finish())
        await self._outlet._send_all(self._pending)

    def offer(self, item: Any) -> None:
        self._offer_pending()
        self._pending.extend(self._feed(item))
        # the item counts as accepted: output that does not fit now is sent with the next item
        with suppress(trio.WouldBlock):
            self._offer_pending()

    def clone(self) -> Outlet[Any]:
        raise TypeError(
            "an outlet with transforms can't be cloned, because the state of the transforms belongs to one stream"
        )

    def close(self) -> None:
        """Has no effect: the outlet behind this one is closed by its owner."""

    def __del__(self) -> None:
        """Gives no warning: the outlet behind this one gives its own."""

    async def _send_all(self, items: deque[Any]) -> None:
        await checkpoint_if_cancelled()
        while items:
            if self._pending:
                await self._outlet._send_all(self._pending)
            self._pending.extend(self._feed(items.popleft()))
        await self._outlet._send_all(self._pending)

    def _offer_pending(self) -> None:
        while self._pending:
            self._outlet.offer(self._pending[0])
            self._pending.popleft()


class FusedInlet(Inlet[Any]):
    """An inlet whose items have passed through `transform`. It does not own the inlet behind it."""

    __slots__ = ("_finished", "_inlet", "_made", "_transform")

    def __init__(self, inlet: Inlet[Any], transform: Transform[Any, Any]) -> None:
        super().__init__(inlet._link)
        self._inlet = inlet
        self._transform = transform
        self._made: deque[Any] = deque()
        self._finished = False

    async def receive(self) -> Any:
        if self._made:
            await checkpoint()
        while not self._made:
            try:
                # one item at a time, so that waiting items still count towards the link's capacity
                self._feed(await self._inlet.receive())
            except trio.EndOfChannel:
                self._finish()
        return self._made.popleft()

    async def receive_all(self) -> list[Any]:
        if self._made:
            await checkpoint()
        while not self._made:
            try:
                self._feed(*await self._inlet.receive_all())
            except trio.EndOfChannel:
                self._finish()
        made = list(self._made)
        self._made.clear()
        return made

    def receive_all_nowait(self) -> list[Any]:
        self._feed(*self._inlet.receive_all_nowait())
        made = list(self._made)
        self._made.clear()
        return made

    def receive_nowait(self) -> Any:
        while not self._made:
            try:
                self._feed(self._inlet.receive_nowait())
            except trio.EndOfChannel:
                self._finish()
        return self._made.popleft()

    def hand_to(self, take: Callable[[Any], object], ready: Callable[[], bool] | None = None) -> Taker:
        def hand_on() -> None:
            while self._made:
                take(self._made.popleft())

        def through(item: Any) -> None:
            self._feed(item)
            hand_on()

        def finish() -> None:
            if not self._finished:
                self._finish()
            hand_on()

        taker = self._inlet.hand_to(through, ready)
        taker.at_end = finish
        return taker

    def close(self) -> None:
        """Has no effect: the inlet behind this one is closed by its owner."""

    def __del__(self) -> None:
        """Gives no warning: the inlet behind this one gives its own."""

    def _feed(self, *items: Any) -> None:
        for item in items:
            self._made.extend(self._transform.feed(item))

    def _finish(self) -> None:
        if self._finished:
            raise trio.EndOfChannel from None
        self._finished = True
        self._made.extend(self._transform.finish())
