"""The check of the Sink contract finds each promise that can be broken."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
import trio

from tests.unit.broken_kit import Stating
from voicekit.play.sink import NullSink
from voicekit.testing import check_sink


class Through:
    """An open sink that does what the one inside does, and keeps an account of it."""

    def __init__(self, speaker) -> None:
        self.inside = speaker
        self.written = 0
        self.held = False

    @property
    def position(self):
        return self.inside.position

    @property
    def queued(self):
        return self.written - self.inside.position

    async def write(self, frame):
        await self.inside.write(frame)
        self.written += frame.samples

    def hold(self):
        self.held = True
        self.inside.hold()

    def release(self):
        self.held = False
        self.inside.release()

    def discard(self):
        self.held = False
        self.inside.discard()
        self.written = self.inside.position


def sink(kind, **options):
    """A null sink whose open speaker is `kind(speaker)`."""

    class Broken(NullSink):
        @asynccontextmanager
        async def open(self):
            async with super().open() as speaker:
                yield kind(speaker)

    return lambda: Broken(**options)


class Boundless(Through):
    """Takes whatever comes, at once."""

    ends = 0.0

    async def write(self, frame):
        await trio.lowlevel.checkpoint()
        self.ends = max(self.ends, trio.current_time()) + frame.seconds
        self.written += frame.samples

    def discard(self):
        """Nothing: the check discards only what has been heard, before it finds out."""

    @property
    def position(self):
        return self.written - round(max(0.0, self.ends - trio.current_time()) * 16_000)


class Tiring(Through):
    """Waits for ever once it has been full."""

    async def write(self, frame):
        with trio.move_on_after(0) as scope:
            await super().write(frame)
        if scope.cancelled_caught:
            await trio.sleep_forever()


class Losing(Through):
    frames = 0

    async def write(self, frame):
        self.frames += 1
        if self.frames % 7:
            await super().write(frame)


class Raising(Through):
    async def write(self, frame):
        raise ValueError("unplugged")


class TakingEarly(Through):
    """Waits once more behind the step in which it takes the frame."""

    async def write(self, frame):
        await super().write(frame)
        await trio.lowlevel.checkpoint()


class Falling(Through):
    @property
    def position(self):
        return self.inside.position % 9_000


class Ahead(Through):
    """Counts what was handed over, and a little more, as heard."""

    @property
    def position(self):
        return self.inside.position + 160 if self.inside.position else 0


class Counting(Through):
    """Goes on from where the last one ended."""

    total = 0

    def __init__(self, speaker) -> None:
        super().__init__(speaker)
        self.before = Counting.total

    @property
    def position(self):
        Counting.total = self.before + self.inside.position
        return Counting.total


class Straggling(Through):
    """Counts some silence as heard when everything else has been."""

    ended = float("inf")

    @property
    def position(self):
        if not self.queued and self.written:
            self.ended = min(self.ended, trio.current_time())
        return self.inside.position + 160 * (trio.current_time() > self.ended + 0.5)


class Jumping(Through):
    """Skips a frame at each release, held or not."""

    skipped = 0

    def release(self):
        self.skipped += 0 if self.held else 320
        super().release()

    @property
    def position(self):
        return self.inside.position + self.skipped


class Deaf(Through):
    def hold(self):
        """Goes on."""


class Toggling(Through):
    def hold(self):
        if self.held:
            self.release()
        else:
            super().hold()


class Coasting(Through):
    """What is on its way already goes on to sound after a discard."""

    discarded = float("inf")
    rest = 0

    def discard(self):
        self.rest += min(100, self.queued)
        self.discarded = trio.current_time()
        super().discard()

    @property
    def position(self):
        return self.inside.position + (self.rest if trio.current_time() > self.discarded else 0)


class Swallowing(Through):
    """Loses what comes first after a discard."""

    swallows = False

    def discard(self):
        super().discard()
        self.swallows = True

    async def write(self, frame):
        if self.swallows:
            self.swallows = False
        else:
            await super().write(frame)


class HoldingWhatSounds(Through):
    """Has nothing to hold where nothing is queued."""

    def hold(self):
        if self.queued:
            super().hold()


class Holding(Through):
    """Stays held after a discard."""

    def discard(self):
        held = self.held
        super().discard()
        if held:
            super().hold()


class Sleeping(Through):
    """Whoever waits for room is not told that a discard has made some."""

    discards = 0

    def discard(self):
        super().discard()
        self.discards += 1

    async def write(self, frame):
        before = self.discards
        if self.queued + frame.samples > 8_000:
            await trio.sleep(0.5)
        if self.discards != before:
            await trio.sleep_forever()
        await super().write(frame)


class ReleasingOnlyWhatIsHeld(Through):
    def release(self):
        if not self.held:
            raise ValueError("not held")
        super().release()


class DiscardingOnlyWhatIsThere(Through):
    def discard(self):
        if not self.queued:
            raise ValueError("nothing there")
        super().discard()


class Async(Through):
    async def discard(self):
        self.inside.discard()


class Guessing(Through):
    position_error = -0.2


class SlowToClose(NullSink):
    @asynccontextmanager
    async def open(self):
        async with super().open() as speaker:
            try:
                yield speaker
            finally:
                with trio.CancelScope(shield=True):
                    await trio.sleep(1.5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (sink(Boundless), r"took 10\.02 s of sound that was not yet heard: write\(\) must wait"),
        (sink(Tiring), "is stuck: write"),
        (sink(Losing), "is stuck: only .* of .* samples that were written were ever heard"),
        (sink(Raising), r"raised ValueError\('unplugged'\) when it was written to"),
        (sink(TakingEarly), "samples were heard of .* that it took: a cancelled write has taken nothing"),
        (sink(Falling), "let its position fall from"),
        (sink(Ahead), "says that .* samples were heard of .* that it took"),
        (sink(Straggling), "says that 16160 samples were heard of 16000 that it took"),
        (sink(Jumping, pausable=False), "says that .* samples were heard of 16000 that it took"),
        (sink(Counting), "must begin at position 0 when it opens, not at 16000"),
        (sink(Deaf), "moved its position from .* to .* while it was held"),
        (sink(Toggling), "moved its position from .* to .* while it was held"),
        (sink(Coasting, pausable=False), "moved its position from .* to .* after a discard"),
        (sink(Swallowing), "is stuck: only .* were ever heard"),
        (sink(HoldingWhatSounds), "moved its position from .* to .* while it was held"),
        (sink(Holding), "is stuck: only .* were ever heard"),
        (sink(Sleeping), "is stuck: write"),
        (sink(ReleasingOnlyWhatIsHeld), r"raised ValueError\('not held'\) when release\(\) was called"),
        (sink(ReleasingOnlyWhatIsHeld, pausable=False), r"raised ValueError\('not held'\) when release\(\) was called"),
        (sink(DiscardingOnlyWhatIsThere), r"raised ValueError\('nothing there'\) when discard\(\) was called"),
        (sink(Async), r"must have a plain discard\(\) that acts immediately, not an async one"),
        (SlowToClose, r"took 1\.5 s to clean up after a cancellation"),
        (lambda: Stating(NullSink(), pausable="no"), "must state `pausable` as True or False, not as 'no'"),
        (lambda: Stating(NullSink(), format=8_000), "must declare `format` as an AudioFormat, not 8000"),
        (
            lambda: Stating(NullSink(), lead=1.0),
            r"can't play: lead of 'null sink': expected .* 0\.4 s, got 1\.0",
        ),
        (lambda: Stating(NullSink(), packet=0.2), r"can't play: packet of 'null sink': .* at most 0\.1 s"),
        (sink(Guessing), "must state `position_error` as 0 to 1 seconds, not as -0.2"),
        (object, "does not fit: expected a sink"),
    ],
)
async def test_each_promise_of_a_sink_that_is_broken_is_told(autojump_clock, make, sentence):
    """A sink that breaks one promise fails the check with the sentence that says which."""
    Counting.total = 0
    with pytest.raises(AssertionError, match=sentence):
        await check_sink(make)


async def test_the_wrapper_of_these_tests_keeps_the_contract(autojump_clock):
    """Unbroken, it passes the check: so the sentences above are those of what was broken."""
    await check_sink(sink(Through))


async def test_a_sink_may_state_its_lead_its_packets_and_the_error_of_its_position(autojump_clock):
    """What is stated within its bounds is no fault."""

    class Honest(Through):
        position_error = 0.3

    await check_sink(lambda: Stating(sink(Honest)(), lead=0.3, packet=0.2))
