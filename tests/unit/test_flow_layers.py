"""Layers around a stage: tapping."""

from __future__ import annotations

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.unit.flow_kit import counting, passing, through
from voicekit.audio.format import AudioFormat
from voicekit.errors import FormatMismatch
from voicekit.flow import (
    FunctionStage,
    LinkSpec,
    Pipeline,
    Stage,
    Tapped,
    open_link,
    pipeline,
    stage,
)


async def test_taps_see_what_goes_in_and_what_comes_out():
    """In order, and without changing anything."""
    seen: list[tuple[str, object]] = []
    doubling = pipeline(passing, passing)
    tapped = Tapped(doubling, inward=lambda x: seen.append(("in", x)), outward=lambda x: seen.append(("out", x)))
    assert await through(tapped, [1, None, 2]) == [1, None, 2]
    assert [x for way, x in seen if way == "in"] == [1, None, 2]
    assert [x for way, x in seen if way == "out"] == [1, None, 2]


async def test_a_tap_delivers_what_was_offered_or_cancelled_last():
    """What a stage's last `offer` or cancelled `send` left behind the tap still goes out when the stage ends."""

    @stage
    async def hasty(inbox, outbox):
        outbox.offer("a")
        outbox.offer("b")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(outbox.send, "c")
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()

    @stage
    async def slow(inbox, outbox):
        await wait_all_tasks_blocked()
        await wait_all_tasks_blocked()
        await passing.run(inbox, outbox)

    out = await through(Tapped(hasty, outward=lambda item: None) | LinkSpec(1) | slow)
    assert out == ["a", "b"]


async def test_a_tap_takes_no_more_from_the_link_than_its_stage(autojump_clock):
    """A tapped stage lags no more behind than its link allows."""

    @stage
    async def takes_one(inbox, outbox):
        await trio.sleep(1)
        await inbox.receive()
        await trio.sleep_forever()

    sent: list[int] = []
    to_line, inbox = open_link(10)
    outbox, result = open_link(10)
    with to_line, inbox, outbox, result:
        whole = counting(100, sent) | LinkSpec(5) | Tapped(takes_one, inward=lambda item: None)
        async with whole.open() as run, trio.open_nursery() as nursery:
            nursery.start_soon(run, inbox, outbox)
            await trio.sleep(2)
            nursery.cancel_scope.cancel()
    assert len(sent) == 6


class Negotiating:
    """A stage whose format is agreed on after it was made, and which has something of its own."""

    name = "negotiating"
    open = passing.open
    live = True
    produces: AudioFormat | None = None

    def negotiate(self, wanted: AudioFormat) -> AudioFormat:
        self.produces = wanted
        return wanted


def test_a_layer_looks_like_the_stage_inside():
    """Name, formats (those of now) and whatever else the stage has; so a layer goes wherever the stage went."""
    inside = Negotiating()
    layered = Tapped(Tapped(inside))
    assert isinstance(layered, Stage)
    assert (layered.name, layered.live, layered.accepts, layered.produces) == ("negotiating", True, None, None)
    narrow = AudioFormat(8_000)
    assert layered.negotiate(narrow) == narrow
    assert layered.produces == narrow
    with pytest.raises(FormatMismatch, match=r"'ear'.*'negotiating'"):
        Pipeline(layered, FunctionStage(passing.run, "ear", accepts=AudioFormat(16_000)))
    with pytest.raises(AttributeError):
        _ = layered.nonsense
    assert "Negotiating object" in repr(layered)
