"""The bounded link between two tasks: an Outlet to send into, an Inlet to receive from, and a rule for when it is full.

`open_link` returns both ends. Errors are trio's: `trio.EndOfChannel` when every outlet is closed and everything has
been received, `trio.BrokenResourceError` when the inlet is closed, `trio.ClosedResourceError` on an end that you have
closed yourself. `send` and `receive` are checkpoints and atomic under cancellation: a cancelled send has sent nothing,
a cancelled receive has taken nothing. `voicekit.flow.store` defines what counts as full, and what happens then.

Waiting senders are served in order, by the task that makes room. No other sender overtakes them, so light items can't
keep a heavy one out forever. Only items without weight skip the queue.

If a receiver never waits, its items can be handed to it in the same step in which they are sent (`Inlet.hand_to`). This
saves a task switch for each item, and the queue stays empty.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Hashable
from contextvars import Context, copy_context
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import trio
from trio import current_time
from trio.lowlevel import cancel_shielded_checkpoint, checkpoint, checkpoint_if_cancelled

from voicekit.flow.store import Full, LinkStatistics, Store, check_rule, weigh
from voicekit.flow.wait_queue import WaitQueue

T_co = TypeVar("T_co", covariant=True)
T_contra = TypeVar("T_contra", contravariant=True)


class _Link(Store):
    """What both ends share: the store, the tasks that wait on either side, and the open ends."""

    __slots__ = ("inlet_open", "outlets", "readers", "senders", "taker", "watchers")

    def __init__(self, *store: Any) -> None:
        super().__init__(*store)
        self.outlets = 1
        self.inlet_open = True
        self.taker: Taker | None = None
        self.readers: WaitQueue[None] = WaitQueue()
        self.senders: WaitQueue[deque[Any]] = WaitQueue()
        self.watchers: WaitQueue[None] = WaitQueue()

    def lowered(self) -> None:
        """Admit tasks that are waiting for room, now that less is queued on the link."""
        if self.senders:
            self.let_in()
        if self.watchers:
            self.watchers.wake_all()

    def let_in(self) -> None:
        """Queue the items of waiting senders while there is room. A sender continues when all of its items are in."""
        now = current_time()
        while self.senders:
            items = self.senders.first()
            while items:
                if not self.offer(items[0], now):
                    return
                items.popleft()
                if self.readers:
                    self.readers.wake_first()
            self.senders.wake_first()

    def wake_all(self) -> None:
        """Wake every waiting task after an end has been closed, so that all of them notice."""
        self.readers.wake_all()
        self.senders.wake_all()
        self.watchers.wake_all()


class Taker:
    """Takes each item from a link in the same step in which it is sent. Made by `Inlet.hand_to`; use it in a `with`."""

    __slots__ = ("_busy", "_context", "_error", "_link", "_ready", "_take", "_told", "at_end")

    def __init__(self, link: _Link, take: Callable[[Any], object], ready: Callable[[], bool] | None) -> None:
        self._link = link
        self._take = take
        self._ready = ready
        self._context: Context = copy_context()
        self._busy = False  # true while `take` is running: items that it sends meanwhile are queued
        self._error: BaseException | None = None
        self._told = False  # whether `ended` has raised the error
        self.at_end: Callable[[], None] | None = None

    def __enter__(self) -> Self:
        self._link.taker = self
        self.resume()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._link.taker = None
        if self._error is None or self._told:
            return
        # If the body of the `with` failed, a ClosedResourceError may be just a consequence of the failure.
        if kind is None or not isinstance(self._error, trio.ClosedResourceError):
            raise self._error  # `ended` was cancelled before it could raise this

    async def ended(self) -> None:
        """Wait until the link has ended and everything has been taken. Raises what `take` raised."""
        await checkpoint()
        link = self._link
        while self._error is None and (link.items or link.outlets):
            await link.readers.wait(None)
        if self._error is not None:
            self._told = True
            raise self._error
        if self.at_end is not None:
            self.at_end()

    def takes(self, item: Any) -> bool:
        """Take `item` if nothing is queued before it, and return whether it was taken."""
        if self._busy or self._link.items or (self._ready is not None and not self._ready()):
            return False
        self._hand(item)
        if self._link.items:
            self.resume()
        return True

    def resume(self) -> None:
        """Take queued items while `ready` allows. Call this when `ready` may have become true again."""
        link = self._link
        while link.items and not self._busy and link.taker is self and (self._ready is None or self._ready()):
            item = link.take()
            link.lowered()
            self._hand(item)
        if not link.items and not link.outlets:
            link.readers.wake_all()

    def _hand(self, item: Any) -> None:
        self._busy = True
        try:
            self._context.run(self._take, item)
        except BaseException as error:  # the error is raised in the receiver, since the sender did nothing wrong
            self._error = error
            self._link.taker = None
            self._link.wake_all()
        finally:
            self._busy = False


class _End(ABC):
    """What both ends have in common: a link, its statistics, and the need to be closed."""

    __slots__ = ("_closed", "_link")

    def __init__(self, link: _Link) -> None:
        self._link = link
        self._closed = False

    @abstractmethod
    def close(self) -> None: ...

    def statistics(self) -> LinkStatistics:
        return self._link.statistics(current_time() if self._link.items else 0.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.close()

    def __del__(self) -> None:
        if not self._closed:
            warnings.warn(f"{self!r} was never closed", ResourceWarning, 2, source=self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of link {self._link.name!r}>"


class Outlet(_End, Generic[T_contra]):
    """The end to send into. Several tasks may share an outlet; `clone` makes another, which is closed separately."""

    __slots__ = ()

    async def send(self, item: T_contra) -> None:
        """Put `item` on the link according to the policy. Waits only if the policy is WAIT and the link is full."""
        await checkpoint_if_cancelled()
        if self._offer(item):
            await cancel_shielded_checkpoint()
        else:
            await self._send_all(deque((item,)))

    def offer(self, item: T_contra) -> None:
        """Put `item` on the link without waiting. Raises `trio.WouldBlock` if the policy is WAIT and the link is
        full.
        """
        if not self._offer(item):
            raise trio.WouldBlock

    @property
    def capacity(self) -> int:
        """The total weight that the link holds."""
        return self._link.capacity

    def is_below(self, level: int) -> bool:
        """Whether less than `level` is queued now."""
        self._check()
        return self._link.level < level

    async def until_below(self, level: int) -> None:
        """Wait until less than `level` is queued. Call it before making something that would only wait in the link."""
        await checkpoint_if_cancelled()
        if self.is_below(level):
            await cancel_shielded_checkpoint()
        while self._link.level >= level:
            await self._link.watchers.wait(None)
            self._check()

    def clone(self) -> Outlet[T_contra]:
        """Another outlet of the same link; the link ends when all of them are closed."""
        self._check()
        self._link.outlets += 1
        return Outlet(self._link)

    def close(self) -> None:
        """Close this outlet: nothing more can be sent into it. A second call has no effect."""
        if not self._closed:
            self._closed = True
            self._link.outlets -= 1
            self._link.wake_all()

    @property
    def broken(self) -> bool:
        """Whether the inlet is closed, so that no item will be received."""
        return not self._link.inlet_open

    async def _send_all(self, items: deque[Any]) -> None:
        """Move `items` to the link, in order; if this is cancelled, what could not be sent stays in `items`."""
        await checkpoint_if_cancelled()
        self._check()
        waited = False
        while not self._offer_all(items):
            await self._link.senders.wait(items, self._link.let_in)
            waited = True
        if not waited:
            await cancel_shielded_checkpoint()

    def _offer_all(self, items: deque[Any]) -> bool:
        while items and self._offer(items[0]):
            items.popleft()
        return not items

    def _offer(self, item: T_contra) -> bool:
        link = self._link
        if self._closed or not link.inlet_open:
            self._check()
        taker = link.taker
        if taker is not None and taker.takes(item):
            return True
        if link.senders and link.weigh(item):
            return False  # other senders came first
        if not link.offer(item, current_time()):
            return False
        if taker is None and link.readers:
            link.readers.wake_first()
        if link.conflate is not None:
            link.lowered()
        return True

    def _check(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError(f"this outlet of link {self._link.name!r} is closed")
        if not self._link.inlet_open:
            raise trio.BrokenResourceError(f"the inlet of link {self._link.name!r} is closed")


class Inlet(_End, Generic[T_co]):
    """The end to receive from; `async for item in inlet` runs until the link ends."""

    __slots__ = ()

    async def receive(self) -> T_co:
        """Wait for the next item, and return it."""
        await checkpoint_if_cancelled()
        if self._has_item():
            item = self._take()
            await cancel_shielded_checkpoint()
            return item
        await self._wait()
        return self._take()

    async def receive_all(self) -> list[T_co]:
        """Wait until something is queued, and return all of it."""
        await checkpoint_if_cancelled()
        if self._has_item():
            # lets other tasks run first, so that items that arrive meanwhile are taken too
            await cancel_shielded_checkpoint()
        await self._wait()
        return self.receive_all_nowait()

    def hand_to(self, take: Callable[[T_co], object], ready: Callable[[], bool] | None = None) -> Taker:
        """Use the result in a `with`: inside, `take(item)` is called for each item in the same step in which it is
        sent.

        `take` must not wait. Its errors are not raised in the sender, but by the result's `ended()` or, if no task
        waits in `ended()` any more, at the end of the `with`. While `ready()` is false, items queue as usual;
        `resume()` checks `ready()` again. Items that are sent during a call to `take` are taken after that call.
        """
        return Taker(self._link, take, ready)

    def receive_nowait(self) -> T_co:
        """The next item. Raises `trio.WouldBlock` if there is none."""
        if not self._has_item():
            raise trio.WouldBlock
        return self._take()

    def receive_all_nowait(self) -> list[T_co]:
        """All that is queued; [] if there is nothing."""
        if not self._link.items:
            return []
        items: list[T_co] = self._link.take_all()
        self._link.lowered()
        return items

    async def _wait(self) -> None:
        while not self._has_item():
            await self._link.readers.wait(None)

    def _has_item(self) -> bool:
        link = self._link
        if self._closed:
            raise trio.ClosedResourceError(f"the inlet of link {link.name!r} is closed")
        if link.items:
            return True
        if not link.outlets:
            raise trio.EndOfChannel
        return False

    def _take(self) -> T_co:
        link = self._link
        item: T_co = link.take()
        if link.senders or link.watchers:
            link.lowered()
        return item

    def close(self) -> None:
        """Receive nothing more: queued items are dropped, and senders get `trio.BrokenResourceError`. A second call has
        no effect.
        """
        if not self._closed:
            self._closed = True
            self._link.inlet_open = False
            self._link.clear()
            self._link.wake_all()

    def __aiter__(self) -> Inlet[T_co]:
        return self

    async def __anext__(self) -> T_co:
        try:
            return await self.receive()
        except trio.EndOfChannel:
            raise StopAsyncIteration from None


def open_link(
    capacity: int,
    full: Full = Full.WAIT,
    *,
    weigh: Callable[[Any], int] = weigh,
    name: str = "link",
    conflate: Callable[[Any], Hashable | None] | None = None,
    on_drop: Callable[[int], None] | None = None,
) -> tuple[Outlet[Any], Inlet[Any]]:
    """The two ends of a new link that holds items up to a total weight of `capacity`. Your code must ensure that both
    ends are closed.

    `conflate` returns a key for items of which only the latest matters: queuing such an item removes the queued item
    with the same key. When something is dropped, `on_drop` is called immediately with its weight; `on_drop` must not
    raise an error. Raises ConfigError for a capacity below 1 or an unknown policy.
    """
    check_rule(name, capacity, full)
    link = _Link(capacity, full, weigh, name, conflate, on_drop)
    return Outlet(link), Inlet(link)
