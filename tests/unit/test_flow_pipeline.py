"""A line of stages and transforms: what flows through it, and how it ends."""

from __future__ import annotations

import gc

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.unit.flow_kit import counting, first, passing, through
from voicekit.errors import ConfigError
from voicekit.flow import LinkSpec, Pipeline, Tapped, TransformPart, each, open_link, pipeline, stage


class Batch:
    """A transform that gives all it was fed when the stream ends."""

    def __init__(self, context) -> None:
        self.items: list[object] = []

    def feed(self, item):
        self.items.append(item)
        return ()

    def finish(self):
        return [tuple(self.items)]


batch = TransformPart("batch", Batch)


async def test_everything_flows_through_all_parts_in_order():
    """Stages and transforms do their work one after the other, wherever in the line they stand."""
    times_ten = each(lambda n: n * 10)
    plus_one = each(lambda n: n + 1)
    assert await through(plus_one | passing | times_ten | plus_one | passing | times_ten, [1, 2]) == [210, 310]


async def test_transforms_finish_at_the_end_of_the_stream():
    """What a transform still holds comes out at the end: in front of the first stage, between two, and at the end."""
    for parts in ([batch, passing], [passing, batch], [passing, batch, passing], [batch]):
        assert await through(Pipeline(*parts), [1, 2, 3]) == [(1, 2, 3)]
    assert await through(Pipeline(batch, batch, passing, batch), [1]) == [(((1,),),)]


async def test_a_line_without_stages_and_even_without_parts_is_a_stage():
    """Transforms alone are called between the two ends, and where there is nothing at all everything passes."""
    assert await through(pipeline(each(lambda n: -n)), [1, 2]) == [-1, -2]
    assert await through(pipeline(), [1, 2]) == [1, 2]


async def test_each_run_has_new_transforms():
    """No state leaks from one stream into the next, not even when the first one was cut in the middle."""
    made: list[Batch] = []
    part = TransformPart("batch", lambda context: made.append(Batch(context)) or made[-1])
    whole = Pipeline(passing, part, passing)
    async with whole.open() as run:
        to_line, inbox = open_link(10)
        outbox, result = open_link(10)
        with to_line, inbox, outbox, result:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(run, inbox, outbox)
                await to_line.send("of a dead reply")
                await wait_all_tasks_blocked()
                nursery.cancel_scope.cancel()
    assert [part.items for part in made] == [["of a dead reply"]]
    assert await through(whole, ["fresh"]) == [("fresh",)]


async def test_a_stage_in_the_middle_that_returns_ends_its_neighbours_quietly():
    """Who sends to it stops, who receives from it drains and ends; nobody calls that an error."""
    counted: list[int] = []
    tight = LinkSpec(1)
    out = await through(counting(100, counted) | tight | passing | tight | first(3) | tight | passing)
    assert out == [0, 1, 2]
    assert len(counted) < 10


async def test_a_stage_that_sends_from_tasks_of_its_own_ends_quietly_too():
    """A broken link inside a stage's nursery comes as a group, and means the same."""

    async def send_for_ever(outbox):
        while True:
            await outbox.send("x")

    @stage
    async def crowd(inbox, outbox):
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(send_for_ever, outbox)

    assert await through(crowd | LinkSpec(1) | first(2)) == ["x", "x"]


async def test_a_broken_link_behind_the_line_is_not_the_lines_to_judge():
    """Where the line's own outlet is broken, whoever runs the line is told."""
    to_line, inbox = open_link(10)
    outbox, result = open_link(10)
    with to_line, inbox, outbox:
        to_line.offer(1)
        result.close()
        async with pipeline(passing, passing).open() as run:
            with pytest.raises(trio.BrokenResourceError) as caught:
                await run(inbox, outbox)
    assert caught.value.__notes__ == ["in stage 'passing'"]


async def test_signals_overtake_everything():
    """A transform's signal is on the line's outlet at once, however full the links between are."""

    class Alarm:
        def __init__(self, context) -> None:
            self.signal = context.signal

        def feed(self, item):
            self.signal(f"alarm {item}")
            return [item]

        def finish(self):
            return ()

    @stage
    async def asleep(inbox, outbox):
        await trio.sleep_forever()

    alarm = TransformPart("alarm", Alarm)
    for parts in ((passing, alarm, LinkSpec(2), asleep), (alarm, passing, LinkSpec(2), asleep)):
        to_line, inbox = open_link(10)
        outbox, result = open_link(100)
        with to_line, inbox, outbox, result:
            async with Pipeline(*parts).open() as run, trio.open_nursery() as nursery:
                nursery.start_soon(run, inbox, outbox)
                for n in range(3):
                    to_line.offer(n)
                await wait_all_tasks_blocked()
                assert await result.receive_all() == ["alarm 0", "alarm 1", "alarm 2"]
                nursery.cancel_scope.cancel()


async def test_lines_in_a_line_are_taken_apart_and_a_layer_around_one_is_a_stage():
    """`|` gives one flat line; a line inside a layer runs as a single stage and ends like one."""
    inner = pipeline(passing, each(lambda n: n + 1), passing)
    flat = pipeline(inner, inner) | passing
    assert len(flat.parts) == 7
    assert await through(flat, [0]) == [2]
    seen: list[int] = []
    wrapped = pipeline(counting(50), LinkSpec(1), Tapped(inner, outward=seen.append), LinkSpec(1), first(2))
    assert await through(wrapped) == [1, 2]
    assert seen[:2] == [1, 2]


async def test_a_transform_that_can_not_start_stops_the_line_before_anything_runs():
    """Its error comes out alone, no stage has run, and no link is left open."""
    ran: list[str] = []

    @stage
    async def runs(inbox, outbox):
        ran.append("yes")

    def bad(context):
        raise ConfigError("no such thing")

    with pytest.raises(ConfigError, match="no such thing"):
        await through(runs | LinkSpec(5) | runs | TransformPart("bad", bad))
    assert ran == []
    gc.collect()


async def test_cancelling_a_running_line_closes_all_its_links_and_leaves_no_task():
    """An interrupted reply is gone: nothing warns, nothing runs on."""
    to_line, inbox = open_link(10)
    outbox, result = open_link(10)
    with to_line, inbox, outbox, result:
        before = trio.lowlevel.current_statistics().tasks_living
        async with (counting(10**6) | LinkSpec(3) | passing | LinkSpec(3) | passing).open() as run:
            with trio.move_on_after(0) as scope:
                await run(inbox, outbox)
            assert scope.cancelled_caught
        assert trio.lowlevel.current_statistics().tasks_living == before
        gc.collect()
        outbox.offer("the line's own ends are open")
