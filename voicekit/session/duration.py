"""Ends a call that reaches its maximum duration: after a warning, and as soon as the caller has finished speaking."""

from __future__ import annotations

from collections.abc import Callable

import trio

from voicekit.events import End, Prompt, Signal
from voicekit.flow.link import Outlet
from voicekit.turn.conductor import Conductor
from voicekit.turn.policy import CallPolicy

HEAR_OUT = 10.0
"""The maximum number of seconds for which the end waits for the caller to finish speaking."""

WARN_BEFORE = 30.0
"""Seconds before the end at which the warning is spoken, in calls of two minutes and more."""


async def end_in_time(
    call: CallPolicy, conductor: Conductor, outlet: Outlet[Signal], order: Callable[[End], None]
) -> None:
    """End the call when its duration reaches `max_duration`, if that is set. Time during which the far side has put the
    call on hold does not count."""
    if call.max_duration is None:
        return
    last = 0.0
    if call.warning is not None:
        last = min(WARN_BEFORE, call.max_duration / 4)
        await conductor.spend(call.max_duration - last)
        outlet.offer(Prompt("warning", call.warning))
    await conductor.spend(last or call.max_duration)
    with trio.move_on_after(HEAR_OUT):
        await conductor.until_caller_is_done()
    order(End(True, "maximum duration", call.farewell, limit=True))
