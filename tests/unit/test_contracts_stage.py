"""The check of the Stage contract finds each promise that can be broken."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress

import pytest
import trio

from tests.unit.flow_kit import passing
from voicekit.flow import FunctionStage, open_link
from voicekit.flow.threads import inline
from voicekit.testing import check_stage

ITEMS = range(10)


def of(run) -> FunctionStage:
    return FunctionStage(run, "broken")


class Opening:
    """A stage whose `open` is `manager(part)`; it passes what comes."""

    name = "broken"

    def __init__(self, manager) -> None:
        self.opened = 0
        self.open = lambda: asynccontextmanager(manager)(self)


async def never_ending(inbox, outbox):
    await passing.run(inbox, outbox)
    await trio.sleep_forever()


async def not_taking(inbox, outbox):
    await trio.sleep_forever()


async def ending_when_it_is_cancelled(inbox, outbox):
    await passing.run(inbox, outbox)
    with suppress(trio.Cancelled):
        await trio.sleep_forever()


async def closing_its_outbox(inbox, outbox):
    await passing.run(inbox, outbox)
    outbox.close()


async def closing_its_inbox(inbox, outbox):
    await passing.run(inbox, outbox)
    inbox.close()


async def closing_when_cancelled(inbox, outbox):
    try:
        await passing.run(inbox, outbox)
    except trio.Cancelled:
        outbox.close()
        raise


async def raising(inbox, outbox):
    await passing.run(inbox, outbox)
    raise ValueError("out of order")


async def expecting_an_item(inbox, outbox):
    await outbox.send(await inbox.receive())
    await passing.run(inbox, outbox)


async def cleaning_up_slowly(inbox, outbox):
    try:
        await passing.run(inbox, outbox)
    finally:
        with trio.CancelScope(shield=True):
            await trio.sleep(2.0)


async def raising_when_cancelled(inbox, outbox):
    async with trio.open_nursery() as nursery:
        try:
            nursery.start_soon(trio.sleep, 0.1)
            await passing.run(inbox, outbox)
        except trio.Cancelled:
            raise ValueError("interrupted") from None


async def leaving_a_task(inbox, outbox):
    trio.lowlevel.spawn_system_task(trio.sleep, 100, name="forgotten")
    await passing.run(inbox, outbox)


async def hoarding(inbox, outbox):
    hoard, hoarded = open_link(100_000)

    async def take():
        with hoard:
            await passing.run(inbox, hoard)

    with hoarded:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(take)
            await passing.run(hoarded, outbox)


async def talking_to_nobody(inbox, outbox):
    try:
        await passing.run(inbox, outbox)
    except trio.BrokenResourceError:
        await trio.sleep_forever()


def running_once():
    spent = False

    async def run(inbox, outbox):
        nonlocal spent
        if spent:
            raise ValueError("spent")
        spent = True
        await passing.run(inbox, outbox)

    return of(run)


def jammed_by_a_cancellation():
    busy = False

    async def run(inbox, outbox):
        nonlocal busy
        if busy:
            raise ValueError("busy")
        busy = True
        await passing.run(inbox, outbox)
        busy = False

    return of(run)


def jammed_by_a_cancellation_of_its_helper():
    busy = False

    async def run(inbox, outbox):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(help_out, inbox, outbox)

    async def help_out(inbox, outbox):
        nonlocal busy
        if busy:
            raise ValueError("busy helper")
        async for item in inbox:
            busy = item == 5
            await outbox.send(item)

    return of(run)


def speaking_after_its_end():
    async def manager(part):
        async with trio.open_nursery() as nursery:

            async def run(inbox, outbox):
                nursery.start_soon(late, outbox)
                await passing.run(inbox, outbox)

            yield run
            nursery.cancel_scope.cancel()

    async def late(outbox):
        await trio.sleep(0.5)
        with suppress(trio.ClosedResourceError, trio.BrokenResourceError):
            await outbox.send("late")

    return Opening(manager)


async def opening_once(part):
    part.opened += 1
    if part.opened > 1:
        raise ValueError("worn out")
    yield passing.run


async def opening_slowly(part):
    with trio.CancelScope(shield=True):
        await trio.sleep(3.0)
    yield passing.run


async def swallowing(part):
    with suppress(LookupError):
        yield passing.run


async def translating(part):
    try:
        yield passing.run
    except LookupError as error:
        raise ValueError("translated") from error


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: of(never_ending), "must return at the end of its stream; it ran 60 s after its inbox had ended"),
        (lambda: of(not_taking), "must return at the end of its stream; it ran 3600 s after it began"),
        (lambda: of(ending_when_it_is_cancelled), "must return at the end of its stream; it ran 60 s"),
        (lambda: of(closing_its_outbox), "closed its outbox: the line closes the ends"),
        (lambda: of(closing_its_inbox), "closed its inbox: the line closes the ends"),
        (lambda: of(closing_when_cancelled), "closed its outbox: the line closes the ends"),
        (lambda: of(raising), r"raised ValueError\('out of order'\) while it ran"),
        (lambda: of(expecting_an_item), r"raised EndOfChannel\(\) while it ran"),
        (lambda: of(cleaning_up_slowly), r"took 2 s to clean up after a cancellation; 0\.5 s are allowed"),
        (lambda: of(raising_when_cancelled), r"raised ValueError\('interrupted'\) when it was cancelled"),
        (lambda: of(leaving_a_task), "left tasks running: forgotten, forgotten"),
        (lambda: of(hoarding), "took all of 1000 items while its output was not read: it must wait"),
        (lambda: of(talking_to_nobody), "must return at the end of its stream"),
        (running_once, r"raised ValueError\('spent'\) while it ran"),
        (jammed_by_a_cancellation, r"raised ValueError\('busy'\) while it ran"),
        (jammed_by_a_cancellation_of_its_helper, r"raised ValueError\('busy helper'\) while it ran"),
        (speaking_after_its_end, r"emitted \['late'\] after it had been cancelled"),
        (lambda: Opening(opening_once), r"raised ValueError\('worn out'\) while it was opened or closed"),
        (lambda: Opening(opening_slowly), "took 3 s to clean up after a cancellation"),
        (lambda: Opening(swallowing), "must not stop an error that is raised while it is open, but swallows it"),
        (lambda: Opening(translating), r"must not stop an error .* but turns it into ValueError\('translated'\)"),
        (lambda: FunctionStage(passing.run, ""), "must have a name"),
        (object, "does not fit: expected a stage .* got object without name, open"),
    ],
)
async def test_each_promise_of_a_stage_that_is_broken_is_told(autojump_clock, make, sentence):
    """A stage that breaks one promise fails the check with the sentence that says which."""
    with pytest.raises(AssertionError, match=sentence):
        await check_stage(make, ITEMS)


async def test_a_failed_check_says_at_which_await_it_cancelled(autojump_clock):
    """The note tells how to come back to the place, and the error behind the failure is its cause."""
    with pytest.raises(AssertionError) as caught:
        await check_stage(lambda: of(raising_when_cancelled), ITEMS)
    assert any(note.startswith("cancelled at await number ") for note in caught.value.__notes__)
    assert isinstance(caught.value.__cause__, ValueError)


async def test_a_failed_check_says_how_often_it_had_opened_the_stage(autojump_clock):
    """The note tells a part that can't be opened at all from one that can't be opened again."""
    spent = []

    async def opening_twice(part):
        spent.append(part)
        if len(spent) == 3:
            raise ValueError("worn out")
        yield passing.run

    with pytest.raises(AssertionError, match="worn out") as caught:
        await check_stage(lambda: Opening(opening_twice), ITEMS)
    assert caught.value.__notes__ == ["opened for the second time"]


async def test_a_check_leaves_everything_as_it_was(autojump_clock):
    """Tasks of a part may take half a second to end; afterwards threads work as before."""

    async def leaving_slowly(inbox, outbox):
        trio.lowlevel.spawn_system_task(trio.sleep, 0.5)
        await passing.run(inbox, outbox)

    await check_stage(lambda: of(leaving_slowly), ITEMS)
    assert not inline.get()


async def test_a_stage_may_offer_its_signals_instead_of_waiting(autojump_clock):
    """With `waits=False` a stage that never waits for its outbox passes."""

    async def offering(inbox, outbox):
        async for item in inbox:
            outbox.offer(item)

    await check_stage(lambda: of(offering), ITEMS, waits=False)
    with pytest.raises(AssertionError, match=r"raised WouldBlock\(\)"):
        await check_stage(lambda: of(offering), ITEMS)
