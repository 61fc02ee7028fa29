"""The ends of a link: how they close, what each side is told, and what a link says about itself."""

from __future__ import annotations

import gc
import warnings

import pytest
import trio
from trio.lowlevel import checkpoint
from trio.testing import wait_all_tasks_blocked

from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.errors import ConfigError
from voicekit.flow import Full, open_link

FORMAT = AudioFormat(8_000)


def frame(samples: int, at: int = 0) -> AudioFrame:
    return AudioFrame(bytes(2 * samples), at, FORMAT)


async def test_an_end_that_was_closed_by_oneself_raises_closed():
    """Closing is final and may be said twice; every use afterwards is a ClosedResourceError."""
    outlet, inlet = open_link(10)
    outlet.offer(1)
    for end in (outlet, inlet, outlet, inlet):
        end.close()
    for use in (lambda: outlet.send(1), lambda: outlet.until_below(1), inlet.receive, inlet.receive_all):
        with pytest.raises(trio.ClosedResourceError):
            await use()
    for use in (lambda: outlet.offer(1), outlet.clone, inlet.receive_nowait):
        with pytest.raises(trio.ClosedResourceError):
            use()
    assert inlet.statistics().items == 0


async def test_an_outlet_whose_inlet_is_gone_raises_broken():
    """Once nobody can receive, sending is a BrokenResourceError and `broken` says so."""
    outlet, inlet = open_link(10)
    with outlet:
        assert not outlet.broken
        inlet.close()
        assert outlet.broken
        for use in (lambda: outlet.send(1), lambda: outlet.until_below(1)):
            with pytest.raises(trio.BrokenResourceError):
                await use()
        for use in (lambda: outlet.offer(1), outlet.clone):
            with pytest.raises(trio.BrokenResourceError):
                use()


@pytest.mark.parametrize("wait", ["send", "until_below"])
@pytest.mark.parametrize(("closed", "error"), [(0, trio.ClosedResourceError), (1, trio.BrokenResourceError)])
async def test_closing_an_end_wakes_whoever_waits_to_send(wait, closed, error):
    """A waiting sender learns at once that its own end, or the one opposite, is closed."""
    outlet, inlet = open_link(1)
    with outlet, inlet:
        await outlet.send("x")
        async with trio.open_nursery() as nursery:

            async def waiting() -> None:
                with pytest.raises(error):
                    await (outlet.send("y") if wait == "send" else outlet.until_below(1))

            nursery.start_soon(waiting)
            await wait_all_tasks_blocked()
            (outlet, inlet)[closed].close()


@pytest.mark.parametrize("receive", ["receive", "receive_all"])
@pytest.mark.parametrize(("closed", "error"), [(0, trio.EndOfChannel), (1, trio.ClosedResourceError)])
async def test_closing_an_end_wakes_whoever_waits_to_receive(receive, closed, error):
    """A waiting receiver learns at once that the stream has ended, or that its inlet was closed."""
    outlet, inlet = open_link(1)
    with outlet, inlet:
        async with trio.open_nursery() as nursery:

            async def waiting() -> None:
                with pytest.raises(error):
                    await getattr(inlet, receive)()

            nursery.start_soon(waiting)
            await wait_all_tasks_blocked()
            (outlet, inlet)[closed].close()


@pytest.mark.parametrize("receive", ["receive", "receive_all"])
async def test_an_inlet_closed_in_the_middle_of_a_receive_is_no_accident(receive):
    """Closing while a receive that found an item is at its checkpoint gives the item or ClosedResourceError."""
    for _ in range(20):  # trio runs ready tasks in random order
        outlet, inlet = open_link(10)
        outlet.offer(1)
        async with trio.open_nursery() as nursery:

            async def take(inlet=inlet) -> None:
                try:
                    assert await getattr(inlet, receive)() in (1, [1])
                except trio.ClosedResourceError:
                    assert inlet.statistics().items == 0

            nursery.start_soon(take)
            await checkpoint()
            inlet.close()
        outlet.close()


async def test_a_link_ends_when_its_last_outlet_is_closed():
    """Clones close on their own; closing one wakes its own waiting sender and leaves the others waiting."""
    outlet, inlet = open_link(1)
    other = outlet.clone()
    await outlet.send("a")
    async with trio.open_nursery() as nursery:

        async def refused() -> None:
            with pytest.raises(trio.ClosedResourceError):
                await outlet.send("lost")

        nursery.start_soon(refused)
        await wait_all_tasks_blocked()
        nursery.start_soon(other.send, "b")
        await wait_all_tasks_blocked()
        outlet.close()
        await wait_all_tasks_blocked()
        assert [await inlet.receive(), await inlet.receive()] == ["a", "b"]
    with pytest.raises(trio.WouldBlock):
        inlet.receive_nowait()
    other.close()
    with inlet:
        assert [item async for item in inlet] == []


async def test_until_below_waits_until_less_is_queued():
    """It asks before work is made: it goes on when the level has fallen under the one named, by taking or replacing."""
    outlet, inlet = open_link(100, weigh=lambda item: item[1], conflate=lambda item: item[0])
    with outlet, inlet:
        passed: list[str] = []

        async def wait_below(level: int, name: str) -> None:
            await outlet.until_below(level)
            passed.append(name)

        async with trio.open_nursery() as nursery:
            for item in (("a", 40), ("b", 40)):
                outlet.offer(item)
            nursery.start_soon(wait_below, 81, "at once")
            nursery.start_soon(wait_below, 50, "half")
            nursery.start_soon(wait_below, 10, "nearly empty")
            await wait_all_tasks_blocked()
            assert passed == ["at once"]
            outlet.offer(("a", 5))
            await wait_all_tasks_blocked()
            assert passed == ["at once", "half"]
            assert await inlet.receive_all() == [("b", 40), ("a", 5)]
            await wait_all_tasks_blocked()
            assert passed == ["at once", "half", "nearly empty"]


async def test_statistics_are_the_same_at_both_ends(autojump_clock):
    """Level, peak, dropped and the age of the oldest, in virtual time."""
    outlet, inlet = open_link(100, Full.DROP_OLDEST, name="ear")
    with outlet, inlet:
        outlet.offer(frame(60, 0))
        await trio.sleep(2)
        outlet.offer(frame(60, 60))
        seen = outlet.statistics()
        assert seen == inlet.statistics()
        assert (seen.name, seen.full, seen.capacity) == ("ear", Full.DROP_OLDEST, 100)
        assert (seen.level, seen.peak, seen.items, seen.dropped, seen.age) == (60, 60, 2, 60, 2.0)


@pytest.mark.parametrize("capacity", [0, -1, 1.5, None, "10"])
def test_a_capacity_that_is_no_positive_integer_is_refused(capacity):
    """The message says what was expected and what came."""
    with pytest.raises(ConfigError, match=r"link 'mine': expected a capacity of at least 1"):
        open_link(capacity, name="mine")


@pytest.mark.parametrize("policy", ["wait", None, 7])
def test_an_unknown_policy_is_refused(policy):
    """A policy is one of `Full`, and nothing that merely looks like it."""
    with pytest.raises(ConfigError, match=r"link 'mine': expected a policy such as Full.WAIT"):
        open_link(10, policy, name="mine")


def test_an_end_that_was_never_closed_warns_when_it_is_collected():
    """A forgotten end is a leak, and says which link it belonged to."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ends = open_link(10, name="forgotten")
        del ends
        gc.collect()
    said = sorted(str(warning.message) for warning in caught if warning.category is ResourceWarning)
    assert said == ["<Inlet of link 'forgotten'> was never closed", "<Outlet of link 'forgotten'> was never closed"]
