"""Items that are taken in the step of their sender: order, errors, backpressure, the end, and the context."""

from __future__ import annotations

from contextvars import ContextVar

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from voicekit.flow.fused import FusedInlet
from voicekit.flow.link import Inlet, Taker, open_link
from voicekit.flow.store import Full
from voicekit.flow.transform import Each

WHOSE: ContextVar[str] = ContextVar("whose", default="nobody's")


async def receive(inlet: Inlet[int], taken: list[int]) -> None:
    with inlet.hand_to(taken.append) as taker:
        await taker.ended()


async def test_an_item_is_taken_before_its_sender_goes_on():
    """Nothing is queued, and no task has to wake."""
    outlet, inlet = open_link(4)
    taken: list[int] = []
    async with trio.open_nursery() as nursery:
        with inlet:
            nursery.start_soon(receive, inlet, taken)
            await wait_all_tasks_blocked()
            with outlet:
                outlet.offer(1)
                assert taken == [1]
                await outlet.send(2)
                assert taken == [1, 2]
            await wait_all_tasks_blocked()
    assert inlet.statistics().peak == 0


async def test_what_was_queued_before_is_taken_first():
    """Whoever comes late to a link takes what waits there at once."""
    outlet, inlet = open_link(4)
    taken: list[int] = []
    with outlet, inlet:
        outlet.offer(1)
        with inlet.hand_to(taken.append):
            assert taken == [1]
            outlet.offer(2)
    assert taken == [1, 2]


async def test_what_is_sent_while_one_is_taken_comes_behind_it():
    """A taker that sends to its own link is not called inside itself."""
    outlet, inlet = open_link(8)
    taken: list[str] = []

    def take(number: int) -> None:
        taken.append(f"begin {number}")
        if number < 3:
            outlet.offer(number + 1)
        taken.append(f"end {number}")

    with outlet, inlet, inlet.hand_to(take):
        outlet.offer(1)
    assert taken == ["begin 1", "end 1", "begin 2", "end 2", "begin 3", "end 3"]


async def test_an_error_is_the_receivers_and_not_the_senders():
    """The sender goes on; `ended` raises what happened."""
    outlet, inlet = open_link(4)

    def take(number: int) -> None:
        raise ValueError(number)

    with outlet, inlet, inlet.hand_to(take) as taker:
        outlet.offer(1)
        outlet.offer(2)  # queued, but never taken
        with pytest.raises(ValueError, match="1"):
            await taker.ended()
    assert inlet.statistics().peak == 1


async def test_an_error_is_raised_even_if_its_receiver_is_cancelled_at_that_instant():
    """It is not lost for want of somebody who still waits for the end."""
    outlet, inlet = open_link(4)

    def take(number: int) -> None:
        raise ValueError(number)

    async def receive_one() -> None:
        with inlet.hand_to(take) as taker:
            await taker.ended()

    with outlet, inlet, pytest.RaisesGroup(pytest.RaisesExc(ValueError, match="1")):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(receive_one)
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
            outlet.offer(1)


async def test_items_queue_while_the_receiver_is_not_ready_and_senders_wait():
    """Backpressure is that of the link."""
    outlet, inlet = open_link(2, Full.WAIT)
    taken: list[int] = []
    ready = False
    async with trio.open_nursery() as nursery:
        with outlet, inlet, inlet.hand_to(taken.append, lambda: ready) as taker:
            outlet.offer(1)
            outlet.offer(2)
            nursery.start_soon(outlet.send, 3)
            await wait_all_tasks_blocked()
            assert taken == []
            ready = True
            taker.resume()
            assert taken == [1, 2, 3]
            await wait_all_tasks_blocked()


async def test_ended_waits_for_what_is_queued_when_all_outlets_are_closed():
    """The end comes behind the last item."""
    outlet, inlet = open_link(2)
    taken: list[int] = []
    ready, over = False, trio.Event()

    async def until_over(taker: Taker) -> None:
        await taker.ended()
        over.set()

    async with trio.open_nursery() as nursery:
        with inlet, inlet.hand_to(taken.append, lambda: ready) as taker:
            nursery.start_soon(until_over, taker)
            with outlet:
                outlet.offer(1)
            await wait_all_tasks_blocked()
            assert not over.is_set()
            ready = True
            taker.resume()
            await wait_all_tasks_blocked()
            assert over.is_set()
            assert taken == [1]


async def test_after_the_with_items_queue_again():
    """A taker that is gone is not called."""
    outlet, inlet = open_link(2)
    taken: list[int] = []
    with outlet, inlet:
        with inlet.hand_to(taken.append) as taker:
            pass
        outlet.offer(1)
        taker.resume()
        assert taken == []
        assert await inlet.receive() == 1


async def test_items_are_taken_in_the_context_of_the_receiver():
    """Context variables are those of the receiver, whoever sends."""
    outlet, inlet = open_link(2)
    seen: list[str] = []

    async def receiver() -> None:
        WHOSE.set("the receiver's")
        with inlet, inlet.hand_to(lambda _: seen.append(WHOSE.get())) as taker:
            await taker.ended()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receiver)
        await wait_all_tasks_blocked()
        WHOSE.set("the sender's")
        with outlet:
            outlet.offer(1)
    assert seen == ["the receiver's"]


async def test_a_fused_inlet_hands_over_what_its_transform_makes_of_it_and_the_rest_at_the_end():
    """Transforms stand before the taker."""

    class Pairs(Each):
        def __init__(self) -> None:
            super().__init__(lambda item: item)
            self.kept: list[int] = []

        def feed(self, item: int) -> tuple[object, ...]:
            self.kept.append(item)
            if len(self.kept) < 2:
                return ()
            pair, self.kept = tuple(self.kept), []
            return (pair,)

        def finish(self) -> tuple[object, ...]:
            return tuple(self.kept)

    outlet, plain = open_link(4)
    inlet = FusedInlet(plain, Pairs())
    taken: list[object] = []
    with plain, inlet, inlet.hand_to(taken.append) as taker:
        with outlet:
            for number in (1, 2, 3):
                outlet.offer(number)
        assert taken == [(1, 2)]
        await taker.ended()
    assert taken == [(1, 2), 3]
