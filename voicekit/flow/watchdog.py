"""A watchdog over the event loop: reports which task blocked it, and for how long.

A handler that computes for a long time, or uses a function that blocks, stops every call in the process. Nothing in the
same loop can prevent this, but the report can name the task. Only this module reads real time. The times that it
measures are reported, but no decision depends on them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

import trio
from trio.lowlevel import Task

LONGEST_STEP = 0.1
"""The longest step, in seconds, that is not reported: five frames. By then playout's lead has been used up, so the
caller may hear the delay.
"""


class _Watchdog(trio.abc.Instrument):
    """Times every step of every task, at a cost of about 0.2 us for each."""

    def __init__(self, report: Callable[[str, float], None], longest: float) -> None:
        self._report = report
        self._longest = longest
        self._since = perf_counter()  # timing starts here, because the instrument is added in the middle of a step

    def before_task_step(self, task: Task) -> None:
        self._since = perf_counter()

    def after_task_step(self, task: Task) -> None:
        took = perf_counter() - self._since
        if took > self._longest:
            self._report(task.name, took)


@contextmanager
def watching_the_loop(report: Callable[[str, float], None], longest: float = LONGEST_STEP) -> Iterator[None]:
    """Inside the `with`, `report(task, seconds)` is called for every step of a task that took longer than `longest`
    seconds.

    A stage's task is called "stage 'name'". The report is made inside trio's scheduler: it must not wait or raise.
    """
    watchdog = _Watchdog(report, longest)
    trio.lowlevel.add_instrument(watchdog)
    try:
        yield
    finally:
        trio.lowlevel.remove_instrument(watchdog)
