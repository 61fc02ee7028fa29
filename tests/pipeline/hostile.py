"""Parts of a call that misbehave: each wraps an honest one, and plays one trick at one point of its life.

The points: `open` and `exit` (around the time in which it is open), `run` (in the middle of its work, which the trick
interrupts), `beside` (in a task beside its work), `end` (after its work, as if the end of the stream meant nothing),
`around` (as clean-up, however its work ended), and, of a sink alone, `discard`. A stranger's code can do all this to a
call; what it may not do, by the contract, is to shield itself for more than half a second, so all shielded clean-up of
one call together stays within that.
"""

from __future__ import annotations

import random
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

import trio

from voicekit.audio.frame import AudioFrame
from voicekit.contracts import Sink, Speaker
from voicekit.errors import Unavailable
from voicekit.events import Blocked, SessionEnded, SessionEvent
from voicekit.flow import Inlet, Outlet
from voicekit.flow.layers import Layer
from voicekit.flow.threads import in_thread
from voicekit.play.sink import RecordingSink

SHIELDED = 0.5
"""Seconds of shielded clean-up that all parts of one call may take together."""


class Mishap(Exception):
    """What a hostile part raises."""


class Outage(Unavailable):
    """The same, from a part that says that its service is to blame."""


@dataclass(frozen=True)
class Raised:
    """`error` was raised at `at` in the stage that is called `stage`."""

    error: Exception
    stage: str
    at: float


@dataclass
class World:
    """What the hostile parts of one call share: what they raised, and what is left of their shielded time.

    A thread that a part blocks waits for `release`, which is set when the whole trio run is over. So virtual time may
    ignore it: like a task that sleeps for ever, it has nothing more to do in that call.
    """

    release: threading.Event = field(default_factory=threading.Event)
    raised: list[Raised] = field(default_factory=list)
    shielded: float = SHIELDED


More: TypeAlias = Callable[[], Awaitable[None]]
Work: TypeAlias = Callable[[], Awaitable[None]]


@dataclass
class Mischief:
    """One part's trick: `after` that many seconds, where the point is `run` or `beside`.

    With `again` the part takes up its work once more when the trick is over, as if nothing had happened.
    """

    world: World
    stage: str
    point: str
    trick: Callable[[Mischief, More], Awaitable[None]]
    after: float = 0.0
    again: bool = False
    shielded: float = 0.0

    @property
    def hangs_while_opening(self) -> bool:
        return self.point == "open" and self.trick in HANGING

    async def at(self, point: str) -> None:
        """Play the trick if this is the point for it."""
        if point == self.point:
            await self.trick(self, trio.sleep_forever)

    async def beside(self) -> None:
        await trio.sleep(self.after)
        await self.at("beside")

    async def spoil(self, work: Work, more: More = trio.sleep_forever) -> None:
        """Do `work`, and play the trick; `more` is what a part does that can't stop."""
        if self.point == "run":
            with trio.move_on_after(self.after):
                await work()
                return
            await self.trick(self, more)
            if self.again:
                await work()
        elif self.point == "around":
            try:
                await work()
            finally:
                await self.trick(self, more)
        else:
            await work()
            if self.point == "end":
                await self.trick(self, more)

    def raised(self, error: Exception) -> Exception:
        """`error`, noted as raised here and now."""
        self.world.raised.append(Raised(error, self.stage, trio.current_time()))
        return error

    def __str__(self) -> str:
        moment = f" after {self.after:.3f} s" if self.point in ("run", "beside") else ""
        return f"{self.trick.__name__} at {self.point!r}{moment}{', and goes on' if self.again else ''}"


# --- the tricks ---


async def raises(mischief: Mischief, more: More) -> None:
    raise mischief.raised(Mishap(f"in {mischief.stage}"))


async def raises_from_nurseries(mischief: Mischief, more: More) -> None:
    async with trio.open_nursery() as outer, trio.open_nursery() as inner:
        outer.start_soon(trio.sleep_forever)
        inner.start_soon(raises, mischief, more)


async def raises_when_cancelled(mischief: Mischief, more: More) -> None:
    try:
        await trio.sleep_forever()
    finally:
        raise mischief.raised(Mishap(f"in {mischief.stage}, when cancelled"))


async def fails_as_a_service(mischief: Mischief, more: More) -> None:
    raise mischief.raised(Outage(f"in {mischief.stage}", service="hostile"))


async def blocks(mischief: Mischief, more: More) -> None:
    await trio.sleep_forever()


async def blocks_in_a_thread(mischief: Mischief, more: More) -> None:
    await in_thread(mischief.world.release.wait)


async def swallows_a_cancellation(mischief: Mischief, more: More) -> None:
    with suppress(trio.Cancelled):  # forbidden: a cancellation must not be suppressed
        await trio.sleep_forever()


async def swallows_one_and_blocks(mischief: Mischief, more: More) -> None:
    await swallows_a_cancellation(mischief, more)
    await trio.sleep_forever()


async def returns(mischief: Mischief, more: More) -> None:
    await trio.lowlevel.checkpoint()


async def cleans_up(mischief: Mischief, more: More) -> None:
    with trio.CancelScope(shield=True):
        await trio.sleep(mischief.shielded)


async def cannot_stop(mischief: Mischief, more: More) -> None:
    while True:
        await more()


RAISING = (raises, raises_from_nurseries, raises_when_cancelled)
TRICKS = (
    *RAISING,
    fails_as_a_service,
    blocks,
    blocks_in_a_thread,
    swallows_a_cancellation,
    swallows_one_and_blocks,
    returns,
    cleans_up,
    cannot_stop,
)
HANGING = (
    raises_when_cancelled,
    blocks,
    blocks_in_a_thread,
    swallows_a_cancellation,
    swallows_one_and_blocks,
    cannot_stop,
)
POINTS = ("open", "run", "run", "run", "beside", "around", "end", "exit")

OPENED = ("source", "ears", "voice", "sink", "context")
"""The parts that are opened; the others have no such point."""


def some_mischief(world: World, rng: random.Random, stage: str, within: float) -> Mischief:
    """A random trick at a random point of the part that is called `stage`."""
    mischief = Mischief(world, stage, rng.choice(POINTS), rng.choice(TRICKS))
    mischief.after = rng.choice((0.0, rng.uniform(0.0, within)))
    mischief.again = rng.random() < 0.3
    if mischief.trick is cleans_up:
        mischief.shielded = min(world.shielded, rng.choice((0.1, 0.3, 0.5)))
        world.shielded -= mischief.shielded
    return mischief


# --- the parts ---


class HostileStage(Layer):
    """A source, ears or a voice; `more` says one thing more into an outlet."""

    def __init__(self, part: Any, mischief: Mischief, more: Callable[[Outlet[Any]], Awaitable[None]]) -> None:
        super().__init__(part)
        self._mischief = mischief
        self._more = more

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Any]:
        async with visited(self._mischief), self.stage.open() as run:
            yield partial(self._run, run)

    async def _run(self, run: Any, inbox: Inlet[Any], outbox: Outlet[Any]) -> None:
        await self._mischief.spoil(partial(run, inbox, outbox), partial(self._more, outbox))


@asynccontextmanager
async def visited(mischief: Mischief) -> AsyncIterator[None]:
    """Plays what is to be played at `open`, at `exit`, and `beside`; the context of a call, all by itself."""
    await mischief.at("open")
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(mischief.beside)
            yield
            nursery.cancel_scope.cancel()
    finally:
        await mischief.at("exit")


def hostile_handler(handler: Any, mischief: Mischief) -> Any:
    async def answer(turn: Any, say: Any) -> None:
        await mischief.spoil(partial(handler, turn, say), partial(say, "and so on, and so on, "))

    return answer


class WatchedSink(RecordingSink):
    """Knows whether it was opened."""

    opened = False

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Speaker]:
        async with super().open() as speaker:
            self.opened = True
            yield speaker


class HostileSink:
    """A sink that plays its trick in the first write after its time."""

    def __init__(self, sink: Sink, mischief: Mischief) -> None:
        self.name, self.format, self.pausable = sink.name, sink.format, sink.pausable
        self._sink = sink
        self._mischief = mischief

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Speaker]:
        async with visited(self._mischief), self._sink.open() as speaker:
            yield HostileSpeaker(speaker, self._mischief)


class HostileSpeaker:
    def __init__(self, speaker: Speaker, mischief: Mischief) -> None:
        self._speaker = speaker
        self._mischief = mischief
        self._from = trio.current_time() + mischief.after
        self.hold, self.release = speaker.hold, speaker.release

    async def write(self, frame: AudioFrame) -> None:
        if self._mischief.point in ("run", "around", "end") and trio.current_time() >= self._from:
            self._from = float("inf")
            await self._mischief.trick(self._mischief, trio.sleep_forever)
        await self._speaker.write(frame)

    def discard(self) -> None:
        self._speaker.discard()
        if self._mischief.point == "discard" and trio.current_time() >= self._from:
            raise self._mischief.raised(Mishap("in a sink's discard"))

    @property
    def position(self) -> int:
        return self._speaker.position


class HostileVad:
    """Raises in the first window after its time, whatever the trick; a judge can't wait."""

    def __init__(self, vad: Any, mischief: Mischief) -> None:
        self.rates = vad.rates
        self._vad = vad
        self._mischief = mischief

    def start(self, rate: int) -> Any:
        return HostileVadStream(self._vad.start(rate), self._mischief)


class HostileVadStream:
    def __init__(self, stream: Any, mischief: Mischief) -> None:
        self.window = stream.window
        self._stream = stream
        self._mischief = mischief
        self._from = trio.current_time() + mischief.after

    def probability(self, pcm: bytes) -> float:
        if trio.current_time() >= self._from:
            raise self._mischief.raised(Mishap("in the vad"))
        return float(self._stream.probability(pcm))


class HostileWatcher:
    """Raises at the first event after its time, whatever the trick, for a watcher can't wait.

    Not at the last event, and not at Blocked, which is told from inside trio's scheduler when the machine is slow.
    """

    def __init__(self, mischief: Mischief) -> None:
        self._mischief = mischief
        self._from = mischief.after

    def __call__(self, event: SessionEvent) -> None:
        if trio.current_time() >= self._from and not isinstance(event, SessionEnded | Blocked):
            self._from = float("inf")
            raise self._mischief.raised(Mishap("in a watcher"))
