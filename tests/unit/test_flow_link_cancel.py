"""Cancelling anything on a link, at any moment, loses nothing and doubles nothing."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable

import pytest
import trio
from trio.lowlevel import checkpoint
from trio.testing import wait_all_tasks_blocked

from voicekit.flow import Full, Inlet, Outlet, open_link
from voicekit.flow.groups import alone

SCHEDULES = 300
SENDERS = 3
ITEMS = 12  # from each sender


class Trial:
    """Senders and receivers on one link, each of whose calls may be cancelled after a few steps of the scheduler."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.sent: list[tuple[int, int]] = []
        self.received: list[tuple[int, int]] = []

    async def run(self) -> None:
        outlet, inlet = open_link(self.random.randint(1, 12), weigh=lambda item: 1 + item[1] % 7)
        with inlet:
            async with trio.open_nursery() as nursery:
                for sender in range(SENDERS):
                    nursery.start_soon(self.send_all, sender, outlet.clone())
                outlet.close()
                for _ in range(2):
                    nursery.start_soon(self.receive_until_end, inlet)

    async def send_all(self, sender: int, outlet: Outlet) -> None:
        with outlet:
            for number in range(ITEMS):
                item = (sender, number)
                while not await self.attempt(self.send_one, outlet, item):
                    await self.attempt(outlet.until_below, self.random.randint(1, 12))

    async def send_one(self, outlet: Outlet, item: tuple[int, int]) -> None:
        await outlet.send(item)
        self.sent.append(item)

    async def receive_until_end(self, inlet: Inlet) -> None:
        while True:
            try:
                await self.attempt(self.random.choice([self.receive_one, self.receive_many, self.take]), inlet)
            except trio.EndOfChannel:
                return

    async def receive_one(self, inlet: Inlet) -> None:
        self.received.append(await inlet.receive())

    async def receive_many(self, inlet: Inlet) -> None:
        self.received.extend(await inlet.receive_all())

    async def take(self, inlet: Inlet) -> None:
        try:
            self.received.append(inlet.receive_nowait())
        except trio.WouldBlock:
            await checkpoint()

    async def attempt(self, call: Callable[..., Awaitable[None]], *args: object) -> bool:
        """Whether `call` came to its end before it was cancelled; half of them are left in peace."""
        if self.random.random() < 0.5:
            await call(*args)
            return True
        done = False
        with alone():
            async with trio.open_nursery() as nursery:
                scope = trio.CancelScope()

                async def cancel() -> None:
                    for _ in range(self.random.randint(0, 4)):
                        await checkpoint()
                    scope.cancel()

                nursery.start_soon(cancel)
                with scope:
                    await call(*args)
                    done = True
                nursery.cancel_scope.cancel()
        return done


@pytest.mark.slow
def test_what_was_sent_is_received_once_and_what_was_cancelled_never():
    """Over many seeded schedules: sends that returned and items received are the same, in order for each sender."""
    waited = 0
    for seed in range(SCHEDULES):
        trial = Trial(seed)
        trio.run(trial.run)
        assert sorted(trial.received) == sorted(trial.sent) == [(s, n) for s in range(SENDERS) for n in range(ITEMS)]
        waited += trial.received != sorted(trial.received)
    assert waited > SCHEDULES // 2, "the senders hardly ever met on the link"


@pytest.mark.parametrize("full", list(Full))
async def test_a_cancelled_scope_sends_nothing(full):
    """`send` and `offer`-like policies look for a cancellation before they touch the link."""
    outlet, inlet = open_link(10, full)
    with outlet, inlet:
        with trio.CancelScope() as scope:
            scope.cancel()
            await outlet.send(1)
        assert scope.cancelled_caught
        assert inlet.statistics().items == 0


@pytest.mark.parametrize("receive", ["receive", "receive_all"])
async def test_a_cancelled_scope_receives_nothing(receive):
    """A receive that starts in a cancelled scope leaves the queue as it is."""
    outlet, inlet = open_link(10)
    with outlet, inlet:
        outlet.offer(1)
        with trio.CancelScope() as scope:
            scope.cancel()
            await getattr(inlet, receive)()
        assert scope.cancelled_caught
        assert inlet.receive_nowait() == 1


async def test_a_cancel_that_comes_after_the_item_was_let_in_is_too_late():
    """When a receiver has put a waiting sender's item, that send has happened, and so its caller is told."""
    outlet, inlet = open_link(1)
    finished = False
    with outlet, inlet:
        outlet.offer("first")
        async with trio.open_nursery() as nursery:
            scope = trio.CancelScope()

            async def send() -> None:
                nonlocal finished
                with scope:
                    await outlet.send("second")
                    finished = True

            nursery.start_soon(send)
            await wait_all_tasks_blocked()
            assert inlet.receive_nowait() == "first"
            scope.cancel()
        assert finished
        assert inlet.receive_nowait() == "second"


async def test_a_cancel_that_comes_after_the_receiver_was_woken_loses_nothing():
    """An item for a receiver that is cancelled in the same instant is either received or still queued."""
    for _ in range(20):
        outlet, inlet = open_link(10)
        got: list[str] = []
        with outlet, inlet:
            async with trio.open_nursery() as nursery:
                scope = trio.CancelScope()

                async def receive(scope=scope, inlet=inlet, got=got) -> None:
                    with scope:
                        got.append(await inlet.receive())

                nursery.start_soon(receive)
                await wait_all_tasks_blocked()
                outlet.offer("item")
                scope.cancel()
            assert len(got) + inlet.statistics().items == 1
