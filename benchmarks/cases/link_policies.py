"""One frame through a link with each policy, and the cost of a full link that drops frames instead of waiting."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from benchmarks.case import Case
from benchmarks.cases.link_hop import DEPTH, FRAME, channel, over_link, receive, send
from benchmarks.measure import per_operation
from voicekit.audio.frame import AudioFrame
from voicekit.flow import Full, open_link

policies = Case("link-policies", "a 20 ms frame over a link, by what the link does when it is full", operations=2_000)


async def with_room(full: Full, count: int) -> Sequence[float]:
    return await over_link(count, send, receive, full)


async def dropping(full: Full, count: int) -> Sequence[float]:
    outlet, inlet = open_link(DEPTH * FRAME.samples, full)
    frames = [AudioFrame(FRAME.pcm, number * FRAME.samples, FRAME.format) for number in range(DEPTH + count)]
    with outlet, inlet:
        for frame in frames[:DEPTH]:
            outlet.offer(frame)

        async def offer() -> None:
            for frame in frames[DEPTH:]:
                outlet.offer(frame)

        return await per_operation(count, offer)


policies.floor("trio memory channel")(channel)
for full in Full:
    policies.subject(f"{full.name}, with room", aim=1.2)(partial(with_room, full))
for full in (Full.DROP_OLDEST, Full.DROP_NEWEST):
    policies.subject(f"{full.name}, full, offered")(partial(dropping, full))
