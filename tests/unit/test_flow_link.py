"""The link between two tasks: its policies, who waits for how long, and who goes first."""

from __future__ import annotations

import pytest
import trio
from trio.testing import assert_checkpoints, wait_all_tasks_blocked

from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame, Gap
from voicekit.errors import LinkOverflow
from voicekit.events import SpeechStarted
from voicekit.flow import Full, open_link

FORMAT = AudioFormat(8_000)
MARK = SpeechStarted(0)


def frame(samples: int, at: int = 0) -> AudioFrame:
    return AudioFrame(bytes(2 * samples), at, FORMAT)


async def drained(inlet) -> list[object]:
    """All that is left on a link whose outlets are closed."""
    return [item async for item in inlet]


async def test_what_is_sent_is_received_in_order_and_then_the_link_ends():
    """A link is a pipe: same items, same order, end of stream after the last."""
    outlet, inlet = open_link(100)
    async with trio.open_nursery() as nursery:
        with outlet:
            for n in range(20):
                nursery.start_soon(trio.lowlevel.checkpoint)
                await outlet.send(n)
        with inlet:
            assert await drained(inlet) == list(range(20))
            with pytest.raises(trio.EndOfChannel):
                await inlet.receive()
            with pytest.raises(trio.EndOfChannel):
                await inlet.receive_all()
            with pytest.raises(trio.EndOfChannel):
                inlet.receive_nowait()


async def test_every_operation_is_a_checkpoint():
    """Nothing on a link can spin without letting others run, whether it had to wait or not."""
    outlet, inlet = open_link(10)
    with outlet, inlet:
        with assert_checkpoints():
            await outlet.send(1)
        with assert_checkpoints():
            await outlet.until_below(5)
        with assert_checkpoints():
            await inlet.receive()
        outlet.offer(2)
        with assert_checkpoints():
            await inlet.receive_all()


async def test_a_full_link_makes_its_sender_wait_until_there_is_room(autojump_clock):
    """WAIT is backpressure: a sender goes on in the instant in which enough was received."""
    outlet, inlet = open_link(300)
    with outlet, inlet:
        sent_at: list[float] = []

        async def send() -> None:
            for _ in range(4):
                await outlet.send(frame(150))
                sent_at.append(trio.current_time())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            start = trio.current_time()
            for _ in range(2):
                await trio.sleep(1)
                await inlet.receive()
        assert [round(at - start) for at in sent_at] == [0, 0, 1, 2]


@pytest.mark.parametrize("full", [Full.DROP_OLDEST, Full.DROP_NEWEST, Full.FAIL])
async def test_only_a_wait_link_makes_its_sender_wait(full):
    """With the other policies `send` returns, or raises, without anybody receiving."""
    outlet, inlet = open_link(300, full, name="small")
    with outlet, inlet:
        await outlet.send(frame(200, 0))
        if full is Full.FAIL:
            with pytest.raises(LinkOverflow, match="'small'"):
                await outlet.send(frame(200, 200))
        else:
            await outlet.send(frame(200, 200))
        queued = await inlet.receive_all()
    if full is Full.DROP_OLDEST:
        assert queued == [Gap(200, 0), frame(200, 200)]
    else:
        assert queued == [frame(200, 0)]


async def test_marks_never_wait_behind_a_full_link_or_behind_waiting_senders():
    """A mark weighs nothing, so `send` and `offer` put it at once however long the row of senders is."""
    outlet, inlet = open_link(10)
    with outlet, inlet:
        async with trio.open_nursery() as nursery:
            await outlet.send(frame(10))
            nursery.start_soon(outlet.send, frame(10))
            await wait_all_tasks_blocked()
            outlet.offer(MARK)
            await outlet.send(MARK)
            assert await inlet.receive_all() == [frame(10), MARK, MARK]
            assert await inlet.receive_all() == [frame(10)]


async def test_senders_are_let_in_as_they_came():
    """Several senders of a full link are served in order, and nobody slips in before them."""
    outlet, inlet = open_link(1)
    with outlet, inlet:
        await outlet.send("0")
        async with trio.open_nursery() as nursery:
            for n in "123":
                nursery.start_soon(outlet.send, n)
                await wait_all_tasks_blocked()
            assert await inlet.receive() == "0"
            with pytest.raises(trio.WouldBlock):
                outlet.offer("x")
            for n in "123":
                assert await inlet.receive() == n


async def test_a_heavy_item_is_not_kept_out_by_light_ones():
    """While others keep sending light items, a sender whose item needs the whole link still gets its turn."""
    outlet, inlet = open_link(10)
    received: list[int] = []

    async def chatter() -> None:
        with outlet.clone() as mine:
            for _ in range(60):
                await mine.send(frame(3))

    async def weighty() -> None:
        with outlet.clone() as mine:
            await mine.send(frame(25))

    async with trio.open_nursery() as nursery:
        for sender in (chatter, chatter, weighty, chatter):
            nursery.start_soon(sender)
        await wait_all_tasks_blocked()
        outlet.close()
        with inlet:
            async for item in inlet:
                received.append(item.samples)
    assert received.count(3) == 180
    assert received.index(25) < 20


async def test_a_sender_that_gives_up_lets_in_those_behind_it():
    """A heavy item at the head of the row does not leave light ones waiting when its sender is cancelled."""
    outlet, inlet = open_link(10)
    heavy = trio.CancelScope()

    async def send_heavy() -> None:
        with heavy:
            await outlet.send(frame(8))

    with outlet, inlet:
        await outlet.send(frame(5))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send_heavy)
            await wait_all_tasks_blocked()
            nursery.start_soon(outlet.send, frame(4))
            await wait_all_tasks_blocked()
            assert outlet.statistics().level == 5
            heavy.cancel()
        assert outlet.statistics().level == 9


async def test_several_senders_share_a_link_evenly():
    """Eight senders on a tight link: after 400 items none is more than a few behind another."""
    outlet, inlet = open_link(2)
    with outlet, inlet:
        counts = dict.fromkeys(range(8), 0)

        async def send(n: int) -> None:
            while True:
                await outlet.send(n)

        async with trio.open_nursery() as nursery:
            for n in counts:
                nursery.start_soon(send, n)
            for _ in range(400):
                counts[await inlet.receive()] += 1
            nursery.cancel_scope.cancel()
        assert max(counts.values()) - min(counts.values()) <= 4


async def test_receive_all_takes_everything_after_one_wait():
    """One wait, then all that is queued, marks included; it never returns nothing."""
    outlet, inlet = open_link(1_000)
    with outlet, inlet:
        async with trio.open_nursery() as nursery:

            async def send() -> None:
                await wait_all_tasks_blocked()
                for n in range(3):
                    outlet.offer(frame(10, 10 * n))
                    outlet.offer(MARK)

            nursery.start_soon(send)
            items = await inlet.receive_all()
        assert items == [frame(10, 0), MARK, frame(10, 10), MARK, frame(10, 20), MARK]
        with pytest.raises(trio.WouldBlock):
            inlet.receive_nowait()


async def test_two_receivers_get_each_item_once():
    """Receivers that share an inlet share the items, also when all of them are ready at once."""
    outlet, inlet = open_link(100)
    with outlet, inlet:
        got: list[int] = []

        async def receive_one() -> None:
            got.append(await inlet.receive())

        async def receive_many() -> None:
            got.extend(await inlet.receive_all())

        for round_ in range(20):
            outlet.offer(2 * round_)
            outlet.offer(2 * round_ + 1)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(receive_one)
                nursery.start_soon(receive_one)
        async with trio.open_nursery() as nursery:
            outlet.offer(40)
            nursery.start_soon(receive_many)
            nursery.start_soon(receive_one)
            await wait_all_tasks_blocked()
            outlet.offer(41)
        assert sorted(got) == list(range(42))


async def test_a_sender_that_is_let_in_wakes_a_second_receiver():
    """The item that a receiver lets in by making room belongs to whoever else is waiting for one."""
    outlet, inlet = open_link(1)
    got: list[str] = []

    async def receive() -> None:
        got.append(await inlet.receive())

    with outlet, inlet:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(receive)
            nursery.start_soon(receive)
            await wait_all_tasks_blocked()
            outlet.offer("a")
            await outlet.send("b")
        assert got == ["a", "b"]


async def test_nobody_waits_for_ever_when_another_took_the_item():
    """`receive_nowait` between a wake-up and the woken task leaves that one waiting for the next item."""
    outlet, inlet = open_link(100)
    with outlet, inlet:
        got: list[str] = []

        async def receive() -> None:
            got.append(await inlet.receive())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(receive)
            await wait_all_tasks_blocked()
            outlet.offer("stolen")
            assert inlet.receive_nowait() == "stolen"
            await wait_all_tasks_blocked()
            outlet.offer("mine")
        assert got == ["mine"]
