"""Layers around a stage: reconnecting, tapping, timing."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.unit.flow_kit import counting, passing, through
from voicekit.audio.format import AudioFormat
from voicekit.errors import FormatMismatch, Unauthenticated, Unavailable
from voicekit.flow import (
    FunctionStage,
    LinkSpec,
    Pipeline,
    Reconnecting,
    Stage,
    Tapped,
    Timed,
    open_link,
    pipeline,
    stage,
)
from voicekit.flow.layers import FIRST_DELAY, LONGEST_DELAY, STEADY_AFTER


def gone(retryable: bool = True) -> Unavailable:
    return Unavailable("gone", service="test", retryable=retryable)


class Flaky:
    """A stage that fails as its script says and then works; notes when it was opened.

    Each entry of the script is one life: (where it fails, the error, after how many seconds).
    """

    name = "flaky"

    def __init__(self, *script: tuple[str, Exception, float]) -> None:
        self.script = list(script)
        self.opened_at: list[float] = []
        self.closed = 0

    @asynccontextmanager
    async def open(self):
        self.opened_at.append(trio.current_time())
        where, error, after = self.script.pop(0) if self.script else ("", None, 0.0)
        if where == "open":
            await trio.sleep(after)
            raise error

        async def run(inbox, outbox):
            if where == "run":
                await trio.sleep(after)
                raise error
            await passing.run(inbox, outbox)

        try:
            yield run
        finally:
            self.closed += 1

    def pauses(self) -> list[float]:
        return [later - earlier for earlier, later in zip(self.opened_at, self.opened_at[1:], strict=False)]


def fails(times: int, where: str = "run", after: float = 0.0, retryable: bool = True) -> list:
    return [(where, gone(retryable), after)] * times


@pytest.mark.parametrize("where", ["open", "run"])
async def test_a_stage_is_opened_again_after_a_retryable_failure(where, autojump_clock):
    """Whether opening or running failed, the stream goes on in a new one, and the old one is closed."""
    flaky = Flaky(*fails(2, where))
    assert await through(Reconnecting(flaky), "abc") == ["a", "b", "c"]
    assert len(flaky.opened_at) == 3
    assert flaky.closed == (3 if where == "run" else 1)


@pytest.mark.parametrize(
    "error",
    [gone(retryable=False), Unauthenticated("no", service="test"), ValueError("a bug")],
    ids=["not retryable", "key", "bug"],
)
async def test_other_errors_are_not_tried_again(error, autojump_clock):
    """An error that will not go away, or that is no service's, comes out at once as it is."""
    flaky = Flaky(("run", error, 0.0))
    with pytest.raises(type(error)) as caught:
        await through(Reconnecting(flaky), "abc")
    assert caught.value is error
    assert len(flaky.opened_at) == 1


async def test_it_gives_up_after_so_many_failures_in_a_row(autojump_clock):
    """The error that comes out is the last one."""
    flaky = Flaky(*fails(9))
    with pytest.raises(Unavailable, match="gone"):
        await through(Reconnecting(flaky, attempts=4))
    assert len(flaky.opened_at) == 4


@pytest.mark.parametrize(("jitter", "share"), [(0.0, 0.5), (1.0, 1.0)])
async def test_the_pauses_double_up_to_a_longest_one(jitter, share, autojump_clock):
    """Each is between half and the whole of the back-off, by the jitter."""
    flaky = Flaky(*fails(7))
    await through(Reconnecting(flaky, attempts=8, jitter=lambda: jitter))
    whole = [min(FIRST_DELAY * 2**n, LONGEST_DELAY) for n in range(7)]
    assert flaky.pauses() == pytest.approx([share * pause for pause in whole])
    assert whole[-1] == LONGEST_DELAY


async def test_a_failure_after_long_work_is_the_first_again(autojump_clock):
    """A connection that is lost once an hour never uses up the attempts, and is back after the shortest pause."""
    flaky = Flaky(*fails(5, after=STEADY_AFTER + 1))
    await through(Reconnecting(flaky, attempts=2, jitter=lambda: 1.0), "a")
    assert flaky.pauses() == pytest.approx([STEADY_AFTER + 1 + FIRST_DELAY] * 5)


async def test_short_work_does_not_make_up_for_failures(autojump_clock):
    """A stage that always fails after a few seconds is given up."""
    flaky = Flaky(*fails(5, after=STEADY_AFTER - 1))
    with pytest.raises(Unavailable):
        await through(Reconnecting(flaky, attempts=3))
    assert len(flaky.opened_at) == 3


async def test_time_spent_opening_is_no_work(autojump_clock):
    """An open that fails after a long wait counts like any other failure, so it can't be tried for ever."""
    flaky = Flaky(*fails(9, "open", after=STEADY_AFTER * 2))
    with pytest.raises(Unavailable):
        await through(Reconnecting(flaky, attempts=3, open_timeout=STEADY_AFTER * 3))
    assert len(flaky.opened_at) == 3


async def test_an_open_that_hangs_is_cut_and_tried_again(autojump_clock):
    """The time limit of an open is a retryable failure."""
    flaky = Flaky(("open", gone(), 99.0))
    assert await through(Reconnecting(flaky, open_timeout=3, jitter=lambda: 1.0), "a") == ["a"]
    assert flaky.pauses() == pytest.approx([3 + FIRST_DELAY])


async def test_a_retryable_error_in_a_group_is_one_too(autojump_clock):
    """A stage with a nursery of its own fails with a group, and is opened again all the same."""
    lives = 0

    @stage
    async def grouped(inbox, outbox):
        nonlocal lives
        lives += 1
        async with trio.open_nursery():
            if lives == 1:
                raise gone()
            await passing.run(inbox, outbox)

    assert await through(Reconnecting(grouped), "a") == ["a"]


async def test_it_can_be_cancelled_while_it_waits(autojump_clock):
    """Nothing keeps a call alive that is between two attempts."""
    flaky = Flaky(*fails(9))
    to_stage, inbox = open_link(10)
    outbox, result = open_link(10)
    start = trio.current_time()
    with to_stage, inbox, outbox, result:
        async with Reconnecting(flaky, attempts=9).open() as run:
            with trio.move_on_after(1):
                await run(inbox, outbox)
    assert trio.current_time() - start == pytest.approx(1)


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


async def test_timed_tells_how_long_the_first_item_took(autojump_clock):
    """Once for each stream: from the first item in to the first item out."""

    @stage(name="slow")
    async def slow(inbox, outbox):
        await inbox.receive()
        await trio.sleep(1)
        await inbox.receive()
        await trio.sleep(0.5)
        await outbox.send("first")
        await trio.sleep(1)
        await outbox.send("second")

    told: list[tuple[str, float]] = []
    timed = Timed(slow, lambda name, seconds: told.append((name, round(seconds, 3))))
    for _ in range(2):
        assert await through(timed, "ab") == ["first", "second"]
    assert told == [("slow", 1.5)] * 2


async def test_timed_keeps_streams_that_overlap_apart(autojump_clock):
    """A reply that is still unwinding does not spoil the time of the next one."""

    @stage
    async def slow(inbox, outbox):
        await trio.sleep(await inbox.receive())
        await outbox.send("x")

    told: list[float] = []
    timed = Timed(slow, lambda name, seconds: told.append(round(seconds, 3)))

    async def stream(starts: float, takes: float) -> None:
        await trio.sleep(starts)
        await through(timed, [takes])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream, 0, 3)
        nursery.start_soon(stream, 1, 5)
    assert told == [3, 5]


async def test_timed_says_nothing_where_nothing_came_out():
    """A stage that stays silent has no first item, and one that speaks unasked took no time."""
    told: list[float] = []
    for silent in (FunctionStage(passing.run, "nothing in"), counting(3)):
        await through(Timed(silent, lambda name, seconds: told.append(seconds)))
    assert told == []


class Negotiating:
    """A stage whose format is agreed on after it was made, and which has something of its own."""

    name = "negotiating"
    open = passing.open
    live = True
    produces: AudioFormat | None = None

    def negotiate(self, wanted: AudioFormat) -> AudioFormat:
        self.produces = wanted
        return wanted


@pytest.mark.parametrize("layer", [Reconnecting, Tapped, lambda stage: Timed(stage, print)])
def test_a_layer_looks_like_the_stage_inside(layer):
    """Name, formats (those of now) and whatever else the stage has; so a layer goes wherever the stage went."""
    inside = Negotiating()
    layered = layer(layer(inside))
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
