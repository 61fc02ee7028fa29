"""Checks a source against its contract."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from voicekit.audio.frame import AudioFrame, Gap
from voicekit.testing.contracts.promise import allocated, bench, check_flag, check_format, check_members, promise
from voicekit.testing.contracts.sound import check_sound
from voicekit.testing.contracts.stage import check_streams, run_once, run_unread
from voicekit.testing.contracts.stream import CheckedStream, Plan

ENOUGH = 100
"""How many items of a source that does not end are read: two seconds in frames of telephones."""

AHEAD = 1.0
"""The maximum number of seconds that a live source may be ahead of the clock, because of a jitter buffer or a first
burst.
"""

SLOW = 0.1
"""Seconds that a slow consumer takes for each item."""

STUCK = 600.0
"""Seconds for which the source's output is not read."""

HOARD = 120.0
"""The maximum number of seconds of audio that a source may buffer while its output is not read."""


async def check_source(
    make: Callable[[], Any], *, ends: bool = True, within: float = 3_600.0, once: bool = False
) -> None:
    """Check the sources that `make` returns; each must end within `within` seconds, unless `ends` is False.

    If `once` is true, a source is opened and run only once, like the source of a call; the check makes a new source for
    each stream. Otherwise, a source must be able to open and run again.

    In addition to the Stage contract, a source must ignore its inbox. It must emit frames in the format `produces`,
    with whole samples and without gaps between positions. If it is `live`, it must keep pace with the clock; otherwise,
    no audio may be lost when the consumer is slow. While its output is not read, it may store only a bounded amount of
    audio.
    """
    part = make()
    async with bench(part):
        check_members("source", part)
        check_flag(part, "live")
        room = check_format(part, "produces").samples(2.0)
        plan = Plan(within=within, room=room, enough=None if ends else ENOUGH, judge=_judge)
        await check_streams(make, plan, once=once)
        await run_once(make(), replace(plan, ends=False))  # nothing is put into the inbox, and the inbox does not end
        if ends and not part.live:
            await _loses_nothing(make, plan)
        await _keeps_little(make(), plan)


def _judge(held: CheckedStream) -> None:
    part, sound = held.part, held.part.produces
    promise(check_sound(part, held.said, sound) > 0, part, "emitted no sound")
    for item, time in zip(held.said, held.times, strict=True):
        if part.live and isinstance(item, AudioFrame | Gap):
            early = sound.seconds(item.end) - time
            promise(
                early <= AHEAD, part, f"is live, but emitted {item!r} {early:.3g} s before it could have been recorded"
            )


async def _loses_nothing(make: Callable[[], Any], plan: Plan) -> None:
    quick = _samples(await run_once(make(), plan))
    slow = _samples(await run_once(make(), replace(plan, slow=SLOW)))
    lost = f"emitted {quick} samples to a quick consumer, and {slow} to a slow one"
    promise(quick == slow, make(), f"is not live, so it must wait and lose nothing, but {lost}")


def _samples(held: CheckedStream) -> int:
    return sum(item.samples for item in held.said if isinstance(item, AudioFrame))


async def _keeps_little(part: Any, plan: Plan) -> None:
    """Check that, while the source's output is not read, its memory does not grow with the sound."""
    most = part.produces.samples(HOARD) * part.produces.sample_bytes
    with allocated() as allocation:
        before = allocation()

        def look(held: CheckedStream) -> None:
            kept = allocation() - before
            promise(kept <= most, part, f"kept {kept:,} bytes while its output was not read for {STUCK:g} s")

        await run_unread(part, plan, STUCK, look)
