"""Checks a sink against its contract."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

import trio

from voicekit.audio.frame import AudioFrame
from voicekit.errors import ConfigError
from voicekit.play.playout import Playout
from voicekit.testing.contracts.opening import awaits_of, cancelled_at, check_opening, open_part, spread
from voicekit.testing.contracts.promise import (
    bench,
    call_now,
    check_flag,
    check_format,
    check_members,
    promise,
    telling,
    who,
)

FRAME = 0.02
"""Seconds per frame; this is typical of voices."""

AHEAD = 10.0
"""The maximum number of seconds of audio that a sink may have taken but not yet played: playout never needs more than
0.4, but a carrier may buffer more.
"""

MORE = AHEAD + 2.0
"""Seconds of audio: more than any sink may take without playing some."""

SOME = 2.0
"""Seconds of audio in writes that are cancelled at many points: more than a device usually buffers."""

STUCK = 60.0
"""Seconds after which a write counts as stuck: longer than a very slow device needs for a frame."""

STANDSTILL = 15.0
"""Seconds without progress after which no more progress is expected: longer than a device may be late."""

MOST_ERROR = 1.0
"""The maximum number of seconds by which an estimated position may be wrong: with a larger error, it can't show which
words were heard.
"""

LOOK = 0.05
"""Seconds between two looks at the position."""

A_WHILE = 1.0
"""Seconds without a change after which the position counts as standing still."""


async def check_sink(make: Callable[[], Any]) -> None:
    """Check the sinks that `make` returns.

    `write` must wait while the device is full, and a cancelled `write` must not have taken the frame. All written audio
    must be heard in the end. `position` must begin at 0, never decrease, never exceed the written audio, and stay the
    same during a hold and after a `discard`. `hold` (if the sink is pausable), `release` and `discard` must be plain
    functions; calling one of them a second time must have no effect. `lead`, `packet` and `position_error`, if
    declared, must be in seconds and within their bounds. The sink must be able to open again, close within half a
    second, and be cancellable at any await.
    """
    part = make()
    async with bench(part):
        check_members("sink", part)
        check_format(part, "format")
        check_flag(part, "pausable")
        try:
            Playout(part)
        except ConfigError as error:
            raise AssertionError(f"{who(part)} can't play: {error}") from error
        await check_opening(make, lambda sink: nullcontext(partial(_plays_all, sink)))
        await _waits_when_full(make())
        await _discards(make())
        if part.pausable:
            await _holds(make())
        await _cancelled_writes_take_nothing(make)


class _Listener:
    """Writes to an open sink, and checks after each write that the sink's position is possible."""

    def __init__(self, sink: Any, speaker: Any) -> None:
        self.sink = sink
        self.written = 0  # the number of samples taken and not discarded
        self._speaker = speaker
        self._position = 0
        self._why = ""

    async def write(self, seconds: float) -> None:
        """Write `seconds` seconds of silence, frame by frame."""
        sound = self.sink.format
        for _ in range(round(seconds / FRAME)):
            frame = AudioFrame(sound.silence(sound.samples(FRAME)), self.written, sound)
            with telling(self.sink, "when it was written to"), trio.move_on_after(STUCK) as patience:
                await self._speaker.write(frame)
            promise(not patience.cancelled_caught, self.sink, f"is stuck: write() has waited for {STUCK:g} s")
            self.written += frame.samples
            ahead = self.written - self.position()
            room = ahead <= sound.samples(AHEAD)
            promise(
                room, self.sink, f"took {sound.seconds(ahead):g} s of sound that was not yet heard: write() must wait"
            )

    def position(self) -> int:
        position: int = self._speaker.position
        fell = f"let its position fall from {self._position} to {position}"
        promise(position >= self._position, self.sink, fell)
        more = f"says that {position} samples were heard of {self.written} that it took{self._why}"
        promise(position <= self.written, self.sink, more)
        error = getattr(self._speaker, "position_error", 0.0)
        promise(
            isinstance(error, int | float) and 0 <= error <= MOST_ERROR,
            self.sink,
            f"must state `position_error` as 0 to {MOST_ERROR:g} seconds, not as {error!r}",
        )
        self._position = position
        return position

    async def hear_all(self) -> None:
        """Wait until all written audio has been heard, and then for a while longer."""
        since, last = trio.current_time(), self.position()
        while (position := self.position()) < self.written:
            if position > last:
                since, last = trio.current_time(), position
            heard = f"only {position} of {self.written} samples that were written were ever heard"
            promise(trio.current_time() - since < STANDSTILL, self.sink, f"is stuck: {heard}")
            await trio.sleep(LOOK)
        await trio.sleep(A_WHILE)
        self.position()

    async def stand_still(self, why: str) -> None:
        before = self._speaker.position
        await trio.sleep(A_WHILE)
        after = self._speaker.position
        promise(before == after, self.sink, f"moved its position from {before} to {after} {why}")

    def hold(self) -> None:
        call_now(self.sink, self._speaker.hold)

    def release(self) -> None:
        call_now(self.sink, self._speaker.release)

    def discard(self) -> None:
        call_now(self.sink, self._speaker.discard)
        self.written = self.position()

    def write_was_cancelled(self) -> None:
        self._why = ": a cancelled write has taken nothing"


async def _plays_all(sink: Any, speaker: Any) -> None:
    listener = _Listener(sink, speaker)
    promise(speaker.position == 0, sink, f"must begin at position 0 when it opens, not at {speaker.position}")
    await listener.write(1.0)
    listener.release()  # a release without a hold must have no effect
    await listener.hear_all()


async def _waits_when_full(sink: Any) -> None:
    async with open_part(sink) as speaker:
        await _Listener(sink, speaker).write(MORE)


async def _discards(sink: Any) -> None:
    """Check that discarded sound is never heard, that later sound is heard, and that a write waiting for room
    continues."""
    async with open_part(sink) as speaker:
        listener = _Listener(sink, speaker)
        await listener.write(0.3)
        await trio.sleep(0.1)
        for _ in range(2):
            listener.discard()
            await listener.stand_still("after a discard")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(listener.write, MORE)
            await trio.sleep(0.1)
            listener.discard()
        await listener.hear_all()


async def _holds(sink: Any) -> None:
    async with open_part(sink) as speaker:
        listener = _Listener(sink, speaker)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(listener.write, MORE)
            await trio.sleep(0.3)
            for _ in range(2):
                listener.hold()
                await listener.stand_still("while it was held")
            for _ in range(2):
                listener.release()
        await listener.hear_all()
        listener.hold()
        await listener.write(0.1)
        await listener.stand_still("while it was held")
        listener.discard()
        await listener.write(0.2)
        await listener.hear_all()


async def _cancelled_writes_take_nothing(make: Callable[[], Any]) -> None:
    sink = make()
    async with open_part(sink) as speaker:
        awaits = await awaits_of(partial(_Listener(sink, speaker).write, SOME))
    for place in spread(awaits):
        sink = make()
        async with open_part(sink) as speaker:
            listener = _Listener(sink, speaker)
            if await cancelled_at(sink, place, partial(listener.write, SOME)):
                listener.write_was_cancelled()
            await listener.hear_all()
