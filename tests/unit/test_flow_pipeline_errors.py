"""A line in trouble: it is always the original error that comes out, alone and with its stage's name."""

from __future__ import annotations

import gc
import random
from collections import Counter

import pytest
import trio
from trio.testing import MockClock

from tests.counts import count
from tests.unit.flow_kit import passing, through
from voicekit.flow import Full, FunctionStage, LinkSpec, Pipeline, TransformPart, open_link, pipeline, stage
from voicekit.flow.groups import alone

SCHEDULES = count(1_000)
ITEMS = 6


class Boom(Exception):
    """The one error of a schedule."""


class Schedule:
    """A random line in which one stage raises at a random moment, among neighbours in all kinds of states."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.raised = False
        self.states: Counter[str] = Counter()

    def pipeline(self) -> tuple[Pipeline, str]:
        """The line, and the name of the stage that will raise if it gets that far."""
        many = self.chance.randint(1, 5)
        guilty = self.chance.randrange(many)
        parts: list[object] = []
        for place in range(many):
            if place:
                full = self.chance.choice([Full.WAIT, Full.WAIT, Full.DROP_OLDEST])
                parts.append(LinkSpec(self.chance.randint(1, 4), full))
            parts.append(self.raising(f"s{place}") if place == guilty else self.innocent(f"s{place}", place == 0))
            if self.chance.random() < 0.3:
                parts.append(self.pairs())
        return Pipeline(*parts), f"s{guilty}"

    def boom(self) -> None:
        self.raised = True
        raise Boom

    def nap(self) -> float:
        return self.chance.choice([0, 0, 0.1, 0.2, 0.3])

    def raising(self, name: str) -> FunctionStage:
        when = self.chance.choice(
            ["at once", "after an item", "at its end", "in a task", "while sending", "in clean-up"]
        )
        self.states[when] += 1
        count = self.chance.randint(0, 3)

        async def after(seconds: float) -> None:
            await trio.sleep(seconds)
            self.boom()

        async def run(inbox, outbox):
            if when == "at once":
                self.boom()
            async with trio.open_nursery() as nursery:
                if when == "in a task":
                    nursery.start_soon(after, self.nap())
                if when == "while sending":
                    nursery.start_soon(self.send_for_ever, outbox)
                    await after(self.nap())
                try:
                    await self.work(inbox, outbox, count if when == "after an item" else ITEMS)
                    if when in ("after an item", "at its end"):
                        self.boom()
                    await trio.sleep(1)
                finally:
                    if when == "in clean-up":
                        self.boom()

        return FunctionStage(run, name)

    def innocent(self, name: str, is_first: bool) -> FunctionStage:
        how = self.chance.choice(["works", "works", "sleeps", "crowd", "swallows", "offers"])
        self.states[how] += 1

        async def run(inbox, outbox):
            if how == "sleeps":
                await trio.sleep(5)
            if how == "swallows":
                try:
                    await trio.sleep(3)
                except trio.Cancelled:
                    return
            if how == "crowd":
                async with trio.open_nursery() as nursery:
                    for _ in range(2):
                        nursery.start_soon(self.send_for_ever, outbox)
            if how == "offers":
                for n in range(ITEMS):
                    try:
                        outbox.offer(n)
                    except trio.WouldBlock:
                        await trio.sleep(self.nap())
            await self.work(inbox, outbox, 100)

        return FunctionStage(run, name)

    async def work(self, inbox, outbox, count: int) -> None:
        done = 0
        while done < count:
            try:
                items = await inbox.receive_all() if self.chance.random() < 0.3 else [await inbox.receive()]
            except trio.EndOfChannel:
                return
            for item in items:
                await outbox.send(item)
                await trio.sleep(self.nap())
            done += len(items)

    async def send_for_ever(self, outbox) -> None:
        while True:
            await outbox.send(0)
            await trio.sleep(self.nap())

    def pairs(self) -> TransformPart:
        class Twice:
            def feed(self, item):
                return (item, item)

            def finish(self):
                return ("end",)

        return TransformPart("twice", lambda context: Twice())

    async def run(self) -> None:
        whole, guilty = self.pipeline()
        to_line, inbox = open_link(100)
        outbox, result = open_link(10_000, Full.DROP_OLDEST)
        with to_line, inbox, outbox, result:
            for n in range(ITEMS):
                to_line.offer(n)
            to_line.close()
            error: BaseException | None = None
            try:
                with alone(), trio.move_on_after(60):  # without a limit, some of these lines would never end
                    async with whole.open() as run:
                        await run(inbox, outbox)
            except BaseException as caught:
                error = caught
            if self.raised:
                assert type(error) is Boom, f"{error!r} instead of the original error"
                assert error.__notes__ == [f"in stage {guilty!r}"]
            else:
                assert error is None, f"{error!r} although no stage raised"


@pytest.mark.full_counts
def test_it_is_always_the_original_error_alone():
    """Over 1,000 seeded schedules: un-grouped, with the note of its stage, whatever its neighbours were doing."""
    raised = 0
    states: Counter[str] = Counter()
    for seed in range(SCHEDULES):
        schedule = Schedule(seed)
        trio.run(schedule.run, clock=MockClock(autojump_threshold=0))
        raised += schedule.raised
        states += schedule.states
    gc.collect()
    assert raised > SCHEDULES * 0.8, "too few schedules got as far as the error"
    assert min(states.values()) > SCHEDULES / 20, f"some states hardly occurred: {states}"


async def raises(inbox, outbox) -> None:
    raise Boom


async def test_two_errors_at_once_stay_a_group_and_each_says_where_it_was():
    """When two stages fail, both are told, each with the note of its own stage."""

    @stage
    async def fails_while_cancelled(inbox, outbox):
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("in clean-up")

    with pytest.raises(ExceptionGroup) as caught:
        await through(fails_while_cancelled | FunctionStage(raises, "raises"))
    notes = {type(error): error.__notes__ for error in caught.value.exceptions}
    assert notes == {
        Boom: ["in stage 'raises'"],
        ValueError: ["in stage 'fails_while_cancelled'"],
    }


async def test_an_error_keeps_its_note_when_its_group_falls_apart():
    """A stage that fails beside a cancelled task of its own still gets its name on the error."""

    @stage
    async def fails_late(inbox, outbox):
        async def wait() -> None:
            await trio.sleep_forever()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            try:
                await trio.sleep_forever()
            finally:
                raise Boom

    to_line, inbox = open_link(10)
    outbox, result = open_link(10)
    with to_line, inbox, outbox, result:
        async with pipeline(fails_late, passing).open() as run:
            with pytest.raises(Boom) as caught, alone(), trio.move_on_after(0):
                await run(inbox, outbox)
    assert caught.value.__notes__ == ["in stage 'fails_late'"]


async def test_a_line_in_a_line_notes_both():
    """An error inside a stage that is itself a line says the inner stage first, then the outer one."""

    class Wrapped:
        name = "outer"
        open = pipeline(passing, FunctionStage(raises, "inner")).open

    with pytest.raises(Boom) as caught:
        await through(pipeline(passing, Wrapped()), [1])
    assert caught.value.__notes__ == ["in stage 'inner'", "in stage 'outer'"]


async def test_an_error_in_a_transform_is_that_of_the_stage_that_sends():
    """Transforms are called by the stage before them, and so their errors bear its name."""

    class Bad:
        def feed(self, item):
            raise Boom

        def finish(self):
            return ()

    part = TransformPart("bad", lambda context: Bad())
    for parts in ([passing, part], [part, passing], [passing, part, passing]):
        with pytest.raises(Boom) as caught:
            await through(Pipeline(*parts), [1])
        assert caught.value.__notes__ == ["in stage 'passing'"]


async def test_a_swallowed_cancellation_does_not_keep_a_line_alive(autojump_clock):
    """A stage that catches one Cancelled and goes on is stopped at its next checkpoint."""
    swallowed = 0

    @stage
    async def stubborn(inbox, outbox):
        nonlocal swallowed
        for _ in range(3):
            try:
                await trio.sleep_forever()
            except trio.Cancelled:
                swallowed += 1
        await trio.sleep_forever()

    to_line, inbox = open_link(10)
    outbox, result = open_link(10)
    start = trio.current_time()
    with to_line, inbox, outbox, result:
        async with (passing | stubborn | passing).open() as run:
            with trio.move_on_after(2) as scope:
                await run(inbox, outbox)
    assert scope.cancelled_caught
    assert swallowed == 3
    assert trio.current_time() - start == 2
