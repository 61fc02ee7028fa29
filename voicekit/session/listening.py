"""Runs the listening side of a call, and lets plugins decide what to do if it fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from voicekit.events import End, SessionEvent, Signal, SourceEnded, Trouble
from voicekit.extend import Apologise, Restart
from voicekit.flow.link import Outlet, open_link
from voicekit.flow.stage import Run

RESTARTS = 5
"""The maximum number of restarts of the listening side in one call; after these, the next error ends the call."""

Judge: TypeAlias = Callable[[Exception], Apologise | Restart | None]


async def listen(
    hear: Run[object, Signal], outlet: Outlet[Signal], judge: Judge, report: Callable[[SessionEvent], None]
) -> None:
    """Run the pipeline `hear` until the source has ended, and then report that it has ended.

    If the pipeline fails, the result of `judge` determines whether the error is raised (None), the pipeline is run
    again, or the call ends with an apology.
    """
    before, nothing = open_link(1, name="before the source")
    before.close()
    restarts = 0
    with nothing, outlet.clone() as outbox:
        while True:
            try:
                await hear(nothing, outbox)
                return outlet.offer(SourceEnded())
            except Exception as error:  # `judge` sees every error; an error without a verdict is raised again
                verdict = judge(error)
                restarts += 1
                if verdict is None or restarts > RESTARTS:
                    raise
                report(Trouble("listening", error))
            if isinstance(verdict, Apologise):
                return outlet.offer(End(True, "trouble with listening", verdict.text))
