"""Offering from a device's own thread: nothing that goes wrong there may end trio's loop, or stay unknown."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
import trio

from voicekit.errors import LinkOverflow
from voicekit.flow import Full, open_link
from voicekit.flow.fused import FusedOutlet
from voicekit.flow.transform import Each


async def offer_in_thread(*offers: Callable[[], None]) -> None:
    """Run `offers` in a foreign thread, and wait until the loop has dealt with what they posted."""
    posted = trio.Event()
    token = trio.lowlevel.current_trio_token()

    def work() -> None:
        for offer in offers:
            offer()
        token.run_sync_soon(posted.set)

    thread = threading.Thread(target=work)
    thread.start()
    await posted.wait()
    thread.join()


async def test_a_thread_offers_and_a_task_receives():
    """Items arrive in the order in which the thread offered them."""
    outlet, inlet = open_link(100)
    token = trio.lowlevel.current_trio_token()
    with outlet, inlet:
        await offer_in_thread(*(lambda n=n: outlet.offer_from_thread(token, n) for n in range(5)))
        assert await inlet.receive_all() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("full", [Full.WAIT, Full.FAIL])
@pytest.mark.parametrize("receive", ["receive", "receive_all"])
async def test_a_thread_that_overfills_a_link_fails_the_receiver(full, receive):
    """The thread sees nothing of it; the receiver raises LinkOverflow, again and again, whatever is queued."""
    outlet, inlet = open_link(1, full, name="device")
    token = trio.lowlevel.current_trio_token()
    with outlet, inlet:
        await offer_in_thread(*[lambda: outlet.offer_from_thread(token, "x")] * 2)
        for _ in range(2):
            with pytest.raises(LinkOverflow, match="'device'"):
                await getattr(inlet, receive)()


async def test_a_waiting_receiver_learns_of_the_failure():
    """A receiver that is already waiting is woken by the failure of the link."""
    outlet, inlet = open_link(10)
    token = trio.lowlevel.current_trio_token()
    broken = FusedOutlet(outlet, Each(lambda item: 1 // item))
    with outlet, inlet:
        async with trio.open_nursery() as nursery:

            async def receive() -> None:
                with pytest.raises(ZeroDivisionError):
                    await inlet.receive()

            nursery.start_soon(receive)
            await offer_in_thread(lambda: broken.offer_from_thread(token, 0))


async def test_an_error_in_a_transform_is_raised_at_the_receiver_and_not_in_the_loop():
    """What a fused transform makes of an item may fail; trio's loop goes on and the receiver has the error itself."""
    outlet, inlet = open_link(10)
    token = trio.lowlevel.current_trio_token()
    fused = FusedOutlet(outlet, Each(lambda item: 10 // item))
    with outlet, inlet:
        await offer_in_thread(*(lambda n=n: fused.offer_from_thread(token, n) for n in (5, 0)))
        with pytest.raises(ZeroDivisionError):
            await inlet.receive()


@pytest.mark.parametrize("closed", [0, 1])
async def test_sound_that_comes_after_the_end_belongs_to_nobody(closed):
    """A device that still delivers when either end is closed disturbs nobody."""
    outlet, inlet = open_link(10)
    token = trio.lowlevel.current_trio_token()
    with outlet, inlet:
        (outlet, inlet)[closed].close()
        await offer_in_thread(lambda: outlet.offer_from_thread(token, 1))
        assert inlet.statistics().items == 0


def test_a_device_may_outlive_the_loop():
    """A callback that comes after trio has ended does nothing and raises nothing."""

    async def main() -> tuple:
        outlet, inlet = open_link(10)
        outlet.close()
        inlet.close()
        return outlet, trio.lowlevel.current_trio_token()

    outlet, token = trio.run(main)
    assert outlet.offer_from_thread(token, 1) is None
    with pytest.raises(trio.RunFinishedError):
        token.run_sync_soon(lambda: None)
