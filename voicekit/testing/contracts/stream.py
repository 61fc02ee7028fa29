"""Runs one stream through a stage: feeds the stage, reads and times its output, and checks its behaviour."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import trio

from voicekit.audio.frame import AudioFrame
from voicekit.flow.link import open_link
from voicekit.flow.stage import Run
from voicekit.testing.contracts.promise import promise, telling, who

LONGEST = 3_600.0
"""The maximum number of seconds of virtual time for a whole stream; a stage that hangs is detected quickly, since the
clock jumps.
"""

SILENT = 1.0
"""Seconds for which a stage is watched after a cancellation."""

WHO_CLOSES = "the line closes the ends, the stage never does"


def anything(stream: CheckedStream) -> None:
    """A judge that accepts any output."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a stage is run.

    The stage is fed `items` (if `paced`, in real time), and then the end of the stream if `ends` is true. From then on,
    the stage has `within` seconds to end. Its output is read from a link of capacity `room`, with a pause of `slow`
    seconds after each item, and passed to `judge`. After `enough` items of output, the stage is stopped.
    """

    items: Iterable[Any] = ()
    paced: bool = False
    ends: bool = True
    within: float = 60.0
    room: int = 400
    slow: float = 0.0
    enough: int | None = None
    judge: Callable[[CheckedStream], None] = anything


class CheckedStream:
    """One stream through a stage. `said` holds the output items; `times` says how many seconds after the stage's start
    each of them came."""

    def __init__(self, part: Any, plan: Plan, reads: bool) -> None:
        self.part = part
        self.plan = plan
        self.said: list[Any] = []
        self.times: list[float] = []
        self.fed_all = False
        self._to_stage, self._inbox = open_link(1, name="into the stage under check")
        self._outbox, self._from_stage = open_link(plan.room, name="out of the stage under check")
        self._began = trio.current_time()
        self._limit = trio.CancelScope(deadline=self._began + LONGEST)
        self._enough = trio.CancelScope()
        self._reading = trio.CancelScope()
        self._read = trio.Event()
        if not reads:
            self._read.set()
        self._over = False

    @property
    def backed_up(self) -> bool:
        """Whether a task of the stage is waiting for room in its outbox."""
        return bool(self._outbox._link.senders or self._outbox._link.watchers)

    async def run_through(self, run: Run[Any, Any]) -> None:
        """Run the stage to its end and collect its output. Raises AssertionError if anything goes wrong."""
        self._began = trio.current_time()
        with telling(self.part, "while it ran"):
            await self._run(run)
        end = f"{self.plan.within:g} s after {'its inbox had ended' if self.plan.ends else 'it began'}"
        limit = end if self.fed_all else f"{LONGEST:g} s after it began"
        promise(not self._limit.cancel_called, self.part, f"must return at the end of its stream; it ran {limit}")
        self._check_ends()
        self._over = True
        self._outbox.close()
        await self._read.wait()

    async def stay_silent(self) -> None:
        """Check that there is no more output after the stage has been cancelled."""
        self._reading.cancel()
        await self._read.wait()
        self._take_what_is_there()
        await trio.sleep(SILENT)
        late = self._take_what_is_there()
        promise(not late, self.part, f"emitted {late[:1]} after it had been cancelled")

    def stop_listening(self) -> None:
        """Close the far end of the outbox, as if the next stage had returned. Only for a stream whose output is not
        read."""
        self._from_stage.close()

    def close(self) -> None:
        for end in (self._to_stage, self._inbox, self._outbox, self._from_stage):
            end.close()

    async def feed(self) -> None:
        with suppress(trio.BrokenResourceError):  # the stage has closed its inbox; this is reported at the end
            for item in self.plan.items:
                if self.plan.paced and isinstance(item, AudioFrame):
                    await trio.sleep(item.seconds)
                await self._to_stage.send(item)
            self.fed_all = True
            if self.plan.ends:
                self._to_stage.close()
            self._limit.deadline = trio.current_time() + self.plan.within

    async def read(self) -> None:
        with self._reading:
            async for item in self._from_stage:
                self.said.append(item)
                self.times.append(trio.current_time() - self._began)
                if len(self.said) == self.plan.enough:
                    self._enough.cancel()
                if self.plan.slow:
                    await trio.sleep(self.plan.slow)
        self._read.set()

    def finish(self) -> None:
        """Check that the stage, however it has ended, has left the ends of its links open."""
        if not self._over:
            self._check_ends()

    async def _run(self, run: Run[Any, Any]) -> None:
        try:
            with self._enough, self._limit:
                await run(self._inbox, self._outbox)
        except* trio.BrokenResourceError:
            if not self._outbox.broken:
                raise

    def _check_ends(self) -> None:
        promise(not self._to_stage.broken, self.part, f"closed its inbox: {WHO_CLOSES}")
        try:
            self._outbox.clone().close()
        except trio.BrokenResourceError:
            return  # we have closed the other end
        except trio.ClosedResourceError:
            raise AssertionError(f"{who(self.part)} closed its outbox: {WHO_CLOSES}") from None

    def _take_what_is_there(self) -> list[Any]:
        taken = []
        with suppress(trio.WouldBlock, trio.EndOfChannel):
            while True:
                taken.append(self._from_stage.receive_nowait())
        return taken


@asynccontextmanager
async def stream(part: Any, plan: Plan, *, reads: bool = True) -> AsyncIterator[CheckedStream]:
    """A stream to run through `part`; unless `reads` is true, the part's output is not read."""
    held = CheckedStream(part, plan, reads)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(held.feed)
            if reads:
                nursery.start_soon(held.read)
            yield held
            held.finish()
            nursery.cancel_scope.cancel()
    finally:
        held.close()
