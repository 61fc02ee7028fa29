"""Whether the machine keeps time while a test runs, so that a busy machine is not mistaken for a slow voicekit.

A test that judges by the clock takes the fixture `machine` and asks it first:

    if machine.keeps_time(within=0.05):
        assert seconds == pytest.approx(2.0, abs=0.3)

Where the answer is no, the test judges by sound and order alone, and pytest's summary names it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

EXCUSED = "judged without the clock"
"""The property of a test that was told that the machine does not keep time; its value says how late it was."""

STEP_S = 0.02
MOST_LATE = 0.01
"""The part of the steps that may be later than a test allows."""


class Machine:
    """Sleeps in steps of 20 ms in a thread of its own, and notes how late each of them ends.

    What this process computes meanwhile is not counted: a test that keeps its own loop waiting is not excused.
    """

    def __init__(self) -> None:
        self.excuse = ""
        """What is to be reported, once a test was told that the machine does not keep time."""
        self.late: list[float] = []
        """Seconds, one for each step."""
        self.over = threading.Event()

    def keeps_time(self, within: float) -> bool:
        """Whether 99 steps in 100 have ended within so many seconds of when they should."""
        late = sorted(self.late)
        found = late[-1 - int(MOST_LATE * len(late))] if late else 0.0
        if found <= within:
            return True
        self.excuse = f"steps of 20 ms end {1000 * found:.0f} ms late, {1000 * within:.0f} ms are allowed"
        return False

    def _watch(self) -> None:
        while not self.over.is_set():
            began, computed = time.perf_counter(), time.process_time()
            self.over.wait(STEP_S)
            took = time.perf_counter() - began - STEP_S
            self.late.append(max(0.0, took - (time.process_time() - computed)))


@contextmanager
def watched() -> Iterator[Machine]:
    """Watch the machine until the block is left."""
    machine = Machine()
    thread = threading.Thread(target=machine._watch, name="machine watch", daemon=True)
    thread.start()
    try:
        yield machine
    finally:
        machine.over.set()
        thread.join()
