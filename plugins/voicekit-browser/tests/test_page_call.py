"""A page's call in virtual time: positions, holds, cuts, and sockets that are lost and replaced."""

from __future__ import annotations

import random
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from typing import Any

import pytest
import trio
import trio.testing

from tests.counts import count
from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame, Gap
from voicekit.call.info import CallInfo, EndReason, Known
from voicekit.errors import ConfigError, Unavailable
from voicekit.events import Dtmf, Hangup, Typed
from voicekit.flow.link import open_link
from voicekit.testing.contracts import check_sink
from voicekit_browser.call import ENTRIES, PING_S, RESUME_S, SILENT_S, PageCall
from voicekit_browser.line import LEAD_S, UNHEARD_S
from voicekit_browser.scripted import FRAME, SPOKEN, ScriptedPage
from voicekit_browser.wire import PageResume, PageWire


def tone(samples: int, at: int = 0, form: AudioFormat = SPOKEN) -> AudioFrame:
    """Sound in which each sample tells its place; none of it is silence."""
    return AudioFrame(array("h", (1 + (at + n) % 32_000 for n in range(samples))).tobytes(), at, form)


@asynccontextmanager
async def calling(page: ScriptedPage, *, details: bool = False) -> AsyncIterator[tuple[PageCall, trio.Nursery]]:
    """The call of `page`, which speaks and reports meanwhile."""
    async with trio.open_nursery() as nursery:
        socket, wire = page.connect(), PageWire()
        wire.receive(await socket.receive())
        call = PageCall(CallInfo("browser", Known("c1")), SPOKEN, resume="p.1", details=details)
        nursery.start_soon(socket.carry)
        async with call.open(socket, wire):
            nursery.start_soon(page.run)
            await trio.sleep(2 * page.delay + 0.01)
            yield call, nursery
        nursery.cancel_scope.cancel()


async def reconnect(page: ScriptedPage, call: PageCall, nursery: trio.Nursery) -> None:
    """Another socket for the page's call, as the transport makes one."""
    socket, wire = page.connect(), PageWire()
    first = wire.receive(await socket.receive())
    assert isinstance(first, PageResume)
    assert first.token == call.resume_token
    nursery.start_soon(socket.carry)
    nursery.start_soon(call.resume, socket, wire, first.spot)
    await trio.testing.wait_all_tasks_blocked()


async def speak(call: PageCall, samples: int, at: int = 0) -> None:
    """Write so much of the tone, as playout does: at most the lead ahead of the clock."""
    start, written = trio.current_time(), 0
    while written < samples:
        size = min(720, samples - written)
        await call.line.write(tone(size, at + written))
        written += size
        await trio.sleep_until(start + written / SPOKEN.rate - LEAD_S)


def heard(page: ScriptedPage) -> bytes:
    return b"".join(pcm for _, pcm in page.played)


def first_difference(one: bytes, other: bytes) -> int | None:
    """Where two sounds begin to differ; pytest takes minutes to explain that of long ones."""
    return (
        None
        if one == other
        else next((n for n, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), -1)
    )


class Listener:
    """Reads a call's source into a list."""

    def __init__(self, call: PageCall, nursery: trio.Nursery) -> None:
        self.items: list[Any] = []
        nursery.start_soon(self._listen, call)

    async def _listen(self, call: PageCall) -> None:
        outlet, inlet = open_link(1_000_000)
        with inlet, outlet:
            await self._fill(call, outlet, inlet)

    async def _fill(self, call: PageCall, outlet: Any, inlet: Any) -> None:
        async with trio.open_nursery() as nursery, call.source.open() as run:

            async def fill() -> None:
                with suppress(trio.ClosedResourceError):  # the call is over
                    await run(inlet, outlet)
                outlet.close()

            nursery.start_soon(fill)
            while True:
                try:
                    self.items += await inlet.receive_all()
                except trio.EndOfChannel:
                    return

    @property
    def pcm(self) -> bytes:
        return b"".join(item.pcm if isinstance(item, AudioFrame) else b"" for item in self.items)


@pytest.mark.parametrize("delay", [0.0, 0.03, 0.12])
async def test_what_is_written_is_heard_once_and_in_order(autojump_clock: Any, delay: float) -> None:
    """Every sample, and in the end the position has counted each."""
    page = ScriptedPage(delay=delay, latency=0.08)
    async with calling(page) as (call, _):
        await speak(call, 60_000)
        await trio.sleep(1.5)
        assert call.line.position == 60_000 == page.position
    assert heard(page) == tone(60_000).pcm


@pytest.mark.full_counts
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("delay", [0.0, 0.05])
async def test_the_position_is_close_below_what_is_heard(autojump_clock: Any, seed: int, delay: float) -> None:
    """At random moments, through cuts and holds: never above the ear, and below it by the stated error and the way."""
    roll = random.Random(seed)
    page = ScriptedPage(delay=delay, latency=0.05)
    last = heard_beyond = 0
    async with calling(page) as (call, nursery):
        nursery.start_soon(speak, call, 24_000 * 400)
        for _ in range(count(600)):
            await trio.sleep(roll.uniform(0.01, 0.2))
            position, ear = call.line.position, page.position - heard_beyond
            assert last <= position <= ear + 24
            last = position
            match roll.randrange(8):
                case 0:
                    call.line.discard()
                    last = call.line.position
                    behind = ear - last
                    assert behind <= (call.line.position_error + 2 * delay) * SPOKEN.rate
                    await trio.sleep(2 * delay + 0.02)
                    heard_beyond = page.base - last  # sound already on its way when the command was given
                case 1:
                    call.line.hold()
                    still = call.line.position
                    await trio.sleep(0.5)
                    assert call.line.position == still
                    call.line.release()
        nursery.cancel_scope.cancel()


async def test_a_held_reply_goes_on_from_the_same_sample(autojump_clock: Any) -> None:
    """Nothing is lost or doubled by a hold, and a cut in a hold knows to the sample what was heard."""
    page = ScriptedPage(delay=0.02)
    async with calling(page) as (call, nursery):
        nursery.start_soon(speak, call, 48_000)
        await trio.sleep(0.7)
        call.line.hold()
        await trio.sleep(0.5)
        stood = page.position
        assert call.line.position <= stood
        call.line.release()
        await trio.sleep(0.3)
        call.line.hold()
        await trio.sleep(0.3)
        ear = page.position
        call.line.discard()
        assert call.line.position == ear
        nursery.cancel_scope.cancel()
    assert heard(page) == tone(ear).pcm


async def test_the_sink_keeps_its_contract(autojump_clock: Any) -> None:
    """All that a sink promises, checked with a page behind it."""

    class Behind:
        """A page's sink, with a page of its own each time that it is opened."""

        name, format, pausable, lead = "browser", SPOKEN, True, LEAD_S

        @asynccontextmanager
        async def open(self) -> AsyncIterator[Any]:
            async with calling(ScriptedPage(latency=0.05)) as (call, _), call.sink.open() as speaker:
                yield speaker

    await check_sink(Behind)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("how", ["cut", "block"])
async def test_lost_sockets_lose_and_double_nothing(autojump_clock: Any, seed: int, how: str) -> None:
    """20 sockets lost at random moments, told or not: both sides' sound arrives whole, and so do events and entries."""
    roll = random.Random(f"{seed}{how}")
    page = ScriptedPage(delay=roll.choice([0.0, 0.03]), latency=0.04)
    said = array("h", (1 + n % 32_000 for n in range(16_000 * 400))).tobytes()
    page.talk += said
    typed = []
    async with calling(page) as (call, nursery):
        listener = Listener(call, nursery)
        nursery.start_soon(speak, call, 24_000 * 60)
        for n in range(20):
            await trio.sleep(roll.uniform(0.05, 4.0))
            getattr(page, how)()
            for _ in range(2):
                typed.append(f"line {len(typed)}")
                page.send(page.peer.type(typed[-1]))
                call.line.show({"name": "test", "of": n})
                await trio.sleep(roll.uniform(0.0, 2.0))
            await reconnect(page, call, nursery)
            await trio.sleep(2 * page.delay)
        await trio.sleep(70)
        assert call.end is None
        assert call.sockets == 21
        spoken = len(page.talk)
    sound = tone(24_000 * 60).pcm
    assert first_difference(heard(page), sound) is None
    assert not any(isinstance(item, Gap) for item in listener.items)
    got = listener.pcm.rstrip(b"\0")
    assert first_difference(got, said[: len(got)]) is None
    assert len(said) - spoken - len(got) <= 10 * FRAME
    assert [item.text for item in listener.items if isinstance(item, Typed)] == typed
    shown = [event["of"] for event in page.events if event["name"] == "test"]
    assert shown == [n for n in range(20) for _ in range(2)]
    numbers = [event["n"] for event in page.events]
    assert all(later == number + 1 for number, later in pairwise(numbers))


async def test_a_lost_socket_leaves_the_bot_where_it_was(autojump_clock: Any) -> None:
    """While there is no socket the position stands still and `write` waits; then the sound goes on at that sample."""
    page = ScriptedPage(latency=0.05)
    async with calling(page) as (call, nursery):
        nursery.start_soon(speak, call, 24_000 * 8)
        await trio.sleep(2.0)
        page.cut()
        await trio.sleep(2.0)
        stood, ear = call.line.position, page.position
        assert ear <= 24_000 * (2.0 + LEAD_S)
        await trio.sleep(5.0)
        assert (call.line.position, page.position) == (stood, ear)
        assert stood <= ear
        await reconnect(page, call, nursery)
        await trio.sleep(12.0)
        assert page.position == 24_000 * 8
    assert heard(page) == tone(24_000 * 8).pcm


@pytest.mark.parametrize("blocked_at", [0.0, 0.5, 1.0, 1.5, 1.99])
async def test_a_half_open_socket_is_noticed_within_5_s(autojump_clock: Any, blocked_at: float) -> None:
    """The page falls silent at any moment between two pings."""
    page = ScriptedPage()
    async with calling(page) as (call, _):
        await trio.sleep(4 + blocked_at)
        page.block()
        silent = trio.current_time()
        while call._socket is not None:  # noqa: ASYNC110
            await trio.sleep(0.01)
        assert SILENT_S - 0.03 <= trio.current_time() - silent < 5.0


async def test_a_caller_who_does_not_come_back_is_lost_after_10_s(autojump_clock: Any) -> None:
    """The session hears a hang-up, `write` raises, and the reason is LOST; a bye, or a closed page, is the caller's."""
    page = ScriptedPage()
    async with calling(page) as (call, nursery):
        listener = Listener(call, nursery)
        await trio.sleep(1)
        page.cut()
        await trio.sleep(RESUME_S - 0.1)
        assert call.end is None
        await trio.sleep(0.2)
        assert call.end is not None
        assert call.end.reason is EndReason.LOST
        assert isinstance(listener.items[-1], Hangup)
        with pytest.raises(Unavailable):
            await call.line.write(tone(480))


@pytest.mark.parametrize("bye", [True, False])
async def test_a_page_that_is_closed_has_hung_up(autojump_clock: Any, bye: bool) -> None:
    """With its goodbye or with the code of a page that goes away, and at once."""
    page = ScriptedPage()
    async with calling(page) as (call, _):
        if bye:
            page.send(page.peer.bye())
        else:
            assert page.socket is not None
            page.socket.code = 1001
            page.cut()
        await trio.sleep(0.1)
        assert call.end is not None
        assert call.end.reason is EndReason.CALLER


async def test_a_second_socket_takes_the_first_ones_place(autojump_clock: Any) -> None:
    """A page may know of the loss before the server does: the old socket is closed, and no message comes twice."""
    page = ScriptedPage()
    async with calling(page) as (call, nursery):
        nursery.start_soon(speak, call, 48_000)
        await trio.sleep(0.5)
        old = page.socket
        assert old is not None
        await reconnect(page, call, nursery)
        await trio.sleep(3)
        assert old.closed
        assert page.position == 48_000
    assert heard(page) == tone(48_000).pcm


async def test_keys_and_lines_have_a_rate(autojump_clock: Any) -> None:
    """30 in ten seconds, each once; a page that sends more is cut off."""
    page = ScriptedPage()
    async with calling(page) as (call, nursery):
        listener = Listener(call, nursery)
        for _ in range(ENTRIES):
            page.send(page.peer.press("5"))
        await trio.sleep(0.1)
        assert listener.items.count(Dtmf("5")) == ENTRIES
        assert call.end is None
        page.send(page.peer.press("6"))
        await trio.sleep(0.1)
        assert call.end is not None
        assert call.end.reason is EndReason.CARRIER
        assert Dtmf("6") not in listener.items


async def test_what_a_page_did_not_capture_is_a_gap(autojump_clock: Any) -> None:
    """Skipped by the page, or never sent while its socket was there: the caller's time stays true."""
    page = ScriptedPage()
    async with calling(page) as (call, nursery):
        listener = Listener(call, nursery)
        await trio.sleep(1)
        page.send('{"type":"skip","samples":8000}')
        await trio.sleep(0.1)
        gaps = [item for item in listener.items if isinstance(item, Gap)]
        assert [gap.samples for gap in gaps] == [8000]
        ends = [item.at for item in listener.items if isinstance(item, AudioFrame) and item.at > gaps[0].at]
        assert ends[0] == gaps[0].at + 8000


async def test_a_page_whose_sound_was_taken_away_leaves_gaps(autojump_clock: Any) -> None:
    """Pings are answered and no sound comes: after 3 s the time is filled, and a skip of the page adds nothing."""
    page = ScriptedPage()
    call = PageCall(CallInfo("browser", Known("c1")), SPOKEN, resume="p.1", details=False)
    async with trio.open_nursery() as nursery:
        socket, wire = page.connect(), PageWire()
        wire.receive(await socket.receive())
        async with call.open(socket, wire):
            listener = Listener(call, nursery)
            await trio.sleep(10.5)
            page.send('{"type":"skip","samples":160000}')
            page.send(b"\1\0" * 320)
            await trio.sleep(0.1)
            *gaps, sound = listener.items
            assert all(isinstance(gap, Gap) for gap in gaps)
            assert sound.at == 160_000
            assert call.source.samples == 160_000 + 320
        nursery.cancel_scope.cancel()


async def test_a_page_takes_no_keys_and_is_not_handed_over() -> None:
    """Refused before it is tried."""
    call = PageCall(CallInfo("browser", Known("c1")), SPOKEN, resume="p.1", details=False)
    assert "digits" not in call.can
    with pytest.raises(ConfigError):
        await call.send_digits("1")
    with pytest.raises(ConfigError):
        await call.transfer("+15550001")
    call.source.close()


def test_the_numbers_fit_together() -> None:
    """The lead fits into what may be unheard, and a ping's round is shorter than what a lost socket may take."""
    assert LEAD_S + 0.3 <= UNHEARD_S
    assert PING_S + 2.5 < SILENT_S < 5.0 < RESUME_S
