"""Ends a call at its longest duration: after a warning, never during the caller's sentence, and within a time limit."""

from __future__ import annotations

from collections.abc import Callable

import trio

from voicekit.events import End, Prompt, Signal
from voicekit.flow.link import Outlet
from voicekit.turn.conductor import Conductor
from voicekit.turn.policy import CallPolicy

HEAR_OUT = 10.0
"""Seconds: how long the end waits for the caller to finish speaking."""

WARN_BEFORE = 30.0
"""Seconds before the end at which the warning is spoken, in calls of two minutes and more."""


async def end_in_time(
    call: CallPolicy, conductor: Conductor, outlet: Outlet[Signal], order: Callable[[End], None]
) -> None:
    """Order the end at `max_duration`, if it is set. A hold by the far side does not count."""
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
