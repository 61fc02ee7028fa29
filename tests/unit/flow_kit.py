"""What the tests of lines and layers share: the plainest stages, and a way to run a part on a few items."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import trio

from voicekit.flow import FunctionStage, Inlet, Outlet, Stage, open_link, stage


@stage
async def passing(inbox: Inlet[Any], outbox: Outlet[Any]) -> None:
    """A stage that waits for items and passes them on."""
    async for item in inbox:
        await outbox.send(item)


def counting(many: int, counted: list[int] | None = None) -> FunctionStage[Any, Any]:
    """A source of the numbers below `many`; those that it could send are noted in `counted`."""

    async def run(inbox: Inlet[Any], outbox: Outlet[Any]) -> None:
        for n in range(many):
            await outbox.send(n)
            if counted is not None:
                counted.append(n)

    return FunctionStage(run, "counting")


def first(count: int) -> FunctionStage[Any, Any]:
    """A stage that passes `count` items and then returns, whatever else comes."""

    async def run(inbox: Inlet[Any], outbox: Outlet[Any]) -> None:
        for _ in range(count):
            await outbox.send(await inbox.receive())

    return FunctionStage(run, f"first {count}")


async def through(part: Stage[Any, Any], items: Iterable[Any] = ()) -> list[Any]:
    """What comes out of `part` when `items` go in and then the stream ends; it must end by itself, too."""
    to_part, inbox = open_link(1_000, weigh=lambda item: 0)
    outbox, result = open_link(1_000, weigh=lambda item: 0)
    with to_part, inbox, outbox, result:
        for item in items:
            to_part.offer(item)
        to_part.close()
        async with part.open() as run:
            with trio.fail_after(600):
                await run(inbox, outbox)
        outbox.close()
        return [item async for item in result]
