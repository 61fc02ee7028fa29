"""Transforms, and link ends with transforms on them: order, the end of a stream, what cancelling leaves behind."""

from __future__ import annotations

import random

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.lowlevel import checkpoint
from trio.testing import assert_checkpoints, wait_all_tasks_blocked

from voicekit.errors import LinkOverflow
from voicekit.flow import Full, StreamContext, each, open_link, tap
from voicekit.flow.fused import FusedInlet, FusedOutlet
from voicekit.flow.transform import Each, Fused


class Pairs:
    """Joins every two items; the odd one is still inside when the stream ends. Notes what it is asked."""

    def __init__(self, mark: str = "+") -> None:
        self.mark = mark
        self.held: list[str] = []

    def feed(self, item):
        self.held.append(item)
        if len(self.held) == 2:
            yield self.mark.join(self.held)
            self.held.clear()

    def finish(self):
        yield from self.held
        yield f"end{self.mark}"


class Thrice:
    """Three items from each, numbered."""

    def feed(self, item):
        return [f"{item}{n}" for n in "abc"]

    def finish(self):
        return ["z"]


def through(transform, items) -> list:
    return [*(made for item in items for made in transform.feed(item)), *transform.finish()]


@given(st.lists(st.sampled_from([Pairs, Thrice]), max_size=4), st.lists(st.sampled_from("xyz"), max_size=9))
def test_fused_transforms_do_what_they_do_one_after_the_other(kinds, items):
    """One pass through the fused transform equals whole passes through each, what was still inside included."""
    expected = items
    for kind in kinds:
        expected = through(kind(), expected)
    assert through(Fused([kind() for kind in kinds]), items) == expected


def test_the_end_passes_through_the_later_transforms_before_they_end():
    """What an early transform still held is fed to the later ones, and only then do those finish."""
    assert through(Fused([Pairs("+"), Pairs("-")]), "abc") == ["a+b-c", "end+", "end-"]


def test_each_drops_what_becomes_none_and_tap_passes_everything_on():
    """`each` maps or drops, `tap` only looks; both are called once for each item, in order."""
    seen: list[object] = []
    odd = each(lambda n: n * 10 if n % 2 else None)
    assert through(odd.start(StreamContext()), [1, 2, 3, 0]) == [10, 30]
    assert through(tap(seen.append).start(StreamContext()), [1, None, 2]) == [1, None, 2]
    assert seen == [1, None, 2]
    assert tap(print).name == "print"


async def test_a_fused_outlet_sends_what_comes_of_each_item_and_at_the_end_what_is_left():
    """Any number of outputs for each item, in order; `finish` sends what is still inside."""
    outlet, inlet = open_link(100)
    with outlet, inlet:
        fused = FusedOutlet(outlet, Fused([Pairs(), Thrice()]))
        for item in "xyq":
            with assert_checkpoints():
                await fused.send(item)
        await fused.finish()
        made = await inlet.receive_all()
    assert made == through(Fused([Pairs(), Thrice()]), "xyq")


async def test_a_cancelled_send_loses_nothing_that_was_fed():
    """The outputs that were not delivered go out before those of the next item."""
    outlet, inlet = open_link(2, weigh=lambda item: 1)
    with outlet, inlet:
        fused = FusedOutlet(outlet, Thrice())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fused.send, "x")
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        assert await inlet.receive_all() == ["xa", "xb"]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fused.send, "y")
            assert [await inlet.receive() for _ in range(4)] == ["xc", "ya", "yb", "yc"]


async def test_a_send_in_a_cancelled_scope_feeds_nothing():
    """A cancellation that was there before the send leaves the transform as it was."""
    outlet, inlet = open_link(10)
    with outlet, inlet:
        pairs = Pairs()
        with trio.CancelScope() as scope:
            scope.cancel()
            await FusedOutlet(outlet, pairs).send("x")
        assert scope.cancelled_caught
        assert pairs.held == []


async def test_nothing_piles_up_behind_a_full_link_however_often_a_send_is_cancelled():
    """An item is fed only when all that came of the ones before it is delivered: every buffer has a bound."""
    fed: list[int] = []
    outlet, inlet = open_link(1, weigh=lambda item: 1)
    with outlet, inlet:
        fused = FusedOutlet(outlet, Each(lambda item: fed.append(item) or item))
        await fused.send(0)
        for n in range(1, 50):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(fused.send, n)
                await wait_all_tasks_blocked()
                nursery.cancel_scope.cancel()
        assert fed == [0, 1]
        with trio.CancelScope() as scope:
            scope.cancel()
            await fused.send(99)
        assert fed == [0, 1]


@pytest.mark.parametrize("seed", range(60))
async def test_tasks_that_share_a_fused_outlet_lose_and_double_nothing(seed):
    """Several senders, some cancelled, some offering: all that was fed comes out once, in the order of feeding."""
    chance = random.Random(seed)
    fed: list[str] = []
    out: list[str] = []
    outlet, inlet = open_link(chance.randint(1, 6), weigh=lambda item: 1)
    fused = FusedOutlet(outlet, Fused([Each(lambda item: fed.append(item) or item), Thrice()]))

    async def send(name: str) -> None:
        for n in range(8):
            with trio.CancelScope() as scope:
                if chance.random() < 0.3:
                    nursery.start_soon(cancel_soon, scope)
                if chance.random() < 0.7:
                    await fused.send(f"{name}{n}")
                else:
                    await offer(f"{name}{n}")

    async def offer(item: str) -> None:
        try:
            fused.offer(item)
        except trio.WouldBlock:
            await checkpoint()

    async def cancel_soon(scope: trio.CancelScope) -> None:
        for _ in range(chance.randint(0, 4)):
            await checkpoint()
        scope.cancel()

    async def receive() -> None:
        async for item in inlet:
            out.append(item)

    with inlet:
        async with trio.open_nursery() as receiving:
            receiving.start_soon(receive)
            with outlet:
                async with trio.open_nursery() as nursery:
                    for name in "pqr":
                        nursery.start_soon(send, name)
                await fused.finish()
    assert out == through(Thrice(), fed)


async def test_offering_on_a_full_wait_link_refuses_or_accepts_a_whole_item():
    """An accepted item whose outputs don't all fit goes out with the next one; a refused one was not fed."""
    outlet, inlet = open_link(2, weigh=lambda item: 1)
    with outlet, inlet:
        fused = FusedOutlet(outlet, Thrice())
        fused.offer("x")
        with pytest.raises(trio.WouldBlock):
            fused.offer("refused")
        assert await inlet.receive_all() == ["xa", "xb"]
        fused.offer("y")
        assert await inlet.receive_all() == ["xc", "ya"]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fused.finish)
            assert [await inlet.receive() for _ in range(3)] == ["yb", "yc", "z"]


async def test_a_fused_outlet_passes_on_the_errors_of_its_link():
    """LinkOverflow, Broken and Closed are those of the link, also when a transform swallows everything."""
    outlet, inlet = open_link(1, Full.FAIL, weigh=lambda item: 1)
    silent = FusedOutlet(outlet, Each(lambda item: None))
    with outlet:
        with inlet, pytest.raises(LinkOverflow):
            await FusedOutlet(outlet, Thrice()).send("x")
        with pytest.raises(trio.BrokenResourceError):
            await FusedOutlet(outlet, Thrice()).send("x")
        with pytest.raises(trio.BrokenResourceError):
            await silent.send("x")
        assert silent.broken
    with pytest.raises(trio.ClosedResourceError):
        await silent.send("x")


async def test_a_fused_outlet_can_not_be_cloned_and_does_not_close_what_is_behind_it():
    """Its transforms belong to one stream, and the outlet behind it to whoever opened that."""
    outlet, inlet = open_link(10)
    with outlet, inlet:
        with FusedOutlet(outlet, Thrice()) as fused, pytest.raises(TypeError, match="can't be cloned"):
            fused.clone()
        with FusedInlet(inlet, Thrice()):
            pass
        outlet.offer("still open")
        assert inlet.receive_nowait() == "still open"


async def test_a_fused_outlet_on_a_fused_outlet_runs_both():
    """A layer around a stage may hang its own transform in front of the line's."""
    outlet, inlet = open_link(2, weigh=lambda item: 1)
    made: list[str] = []

    async def receive() -> None:
        async for item in inlet:
            made.append(item)

    with inlet:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(receive)
            with outlet:
                inner = FusedOutlet(outlet, Thrice())
                outer = FusedOutlet(inner, Pairs())
                for item in "abc":
                    await outer.send(item)
                await outer.finish()
                await inner.finish()
    assert made == through(Fused([Pairs(), Thrice()]), "abc")


@pytest.mark.parametrize("receive", ["receive", "receive_all", "receive_nowait"])
async def test_a_fused_inlet_gives_what_comes_of_each_item_and_at_the_end_what_is_left(receive):
    """Whichever way it is received, the outputs are the same; then the stream ends, as often as one asks."""
    outlet, inlet = open_link(100)
    out: list[str] = []
    expected = through(Fused([Pairs(), Thrice()]), "abcde")
    with inlet:
        fused = FusedInlet(FusedInlet(inlet, Pairs()), Thrice())
        with outlet:
            for item in "abcde":
                outlet.offer(item)
        while len(out) < len(expected):
            got = getattr(fused, receive)()
            got = got if receive == "receive_nowait" else await got
            out.extend([got] if isinstance(got, str) else got)
        with pytest.raises(trio.EndOfChannel):
            await fused.receive()
        with pytest.raises(trio.EndOfChannel):
            fused.receive_nowait()
    assert out == expected


async def test_a_fused_inlet_takes_no_more_from_the_link_than_it_is_asked_for():
    """Receiving one item leaves the rest on the link, so that its capacity stays the bound of what waits."""
    outlet, inlet = open_link(100)
    with outlet, inlet:
        fused = FusedInlet(inlet, Thrice())
        for item in "xyz":
            outlet.offer(item)
        for wanted in ("xa", "xb", "xc"):
            with assert_checkpoints():
                assert await fused.receive() == wanted
        assert inlet.statistics().items == 2
        with assert_checkpoints():
            assert await fused.receive_all() == ["ya", "yb", "yc", "za", "zb", "zc"]
        with pytest.raises(trio.WouldBlock):
            fused.receive_nowait()


async def test_a_cancelled_receive_on_a_fused_inlet_takes_nothing():
    """What was made of the items received so far waits for the next receive."""
    outlet, inlet = open_link(100)
    with outlet, inlet:
        fused = FusedInlet(inlet, Thrice())
        outlet.offer("x")
        assert await fused.receive() == "xa"
        for receive in (fused.receive, fused.receive_all):
            with trio.CancelScope() as scope:
                scope.cancel()
                await receive()
            assert scope.cancelled_caught
        assert await fused.receive_all() == ["xb", "xc"]
