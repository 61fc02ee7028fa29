"""Signals that end a program for certain: the first two end its call, the third ends the process.

Python runs a signal's handler in the main thread, between two steps of its code, and trio in a task: neither happens
while a handler of a bot keeps the event loop. So signals are counted by a thread, which the system wakes through
the file descriptor of `signal.set_wakeup_fd`; trio's own descriptor, whose place that takes, is written to as well.
After a signal the thread asks the loop again and again to call it back; a farewell or a drain in progress answers.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final

import trio

STUCK_S: Final = 5.0
"""Seconds for which the loop may stand still after a signal."""

LOOK_S: Final = 0.25
"""Seconds between two looks at the loop, and how long it has to say what holds the call."""

LAST: Final = 3
"""Signals, of which the last one ends the process."""

OURS: Final = (str(Path(__file__).parents[1]), str(Path(trio.__file__).parent), str(Path(os.__file__).parent))
"""Where code that is no bot's lives."""


class Stopping:
    """Counts the signals of one call; `signals` are those that came."""

    def __init__(self, stop: Callable[[int, int], object]) -> None:
        self.signals: list[int] = []
        self._stop = stop
        self._token = trio.lowlevel.current_trio_token()
        self._looks = 0  # since the loop has turned
        self._asked = False
        self._main = threading.main_thread().ident

    def count(self, number: int) -> None:
        """One more signal; the last one does not return."""
        self.signals.append(number)
        if len(self.signals) >= LAST:
            self.end_process(f"a third {signal.Signals(number).name}")
        self._in_the_loop(self._stop, number, len(self.signals))

    def look(self) -> None:
        """End the process if the loop has stood still for too long since a signal."""
        if not self.signals:
            return
        self._looks += 1
        if self._looks * LOOK_S > STUCK_S:
            self.end_process(f"the event loop has not turned for {STUCK_S:g} s after {self._name()}")
        if not self._asked:
            self._asked = True
            self._in_the_loop(self._turn)

    def end_process(self, why: str) -> None:
        """What was recorded so far is on the disk; nothing else is waited for."""
        found: list[str] = []
        done = threading.Event()

        def look() -> None:
            found.extend(_waiting())
            done.set()

        self._in_the_loop(look)
        done.wait(LOOK_S)
        frame = sys._current_frames().get(self._main or 0)
        where = (found or [_place(frame)])[0]
        line = f"voicekit: {why}: the process ends at once; what kept it: {where}\n"
        with contextlib.suppress(OSError):
            os.write(2, line.encode(errors="replace"))
        os._exit(128 + self.signals[-1])

    def _turn(self) -> None:
        self._looks, self._asked = 0, False

    def _in_the_loop(self, call: Callable[..., object], *arguments: Any) -> None:
        with contextlib.suppress(trio.RunFinishedError):
            self._token.run_sync_soon(call, *arguments)

    def _name(self) -> str:
        return signal.Signals(self.signals[-1]).name


@contextmanager
def stopping(stop: Callable[[int, int], object], *numbers: int) -> Iterator[Stopping]:
    """While this is open, call `stop(number, times)` in the event loop for the first two of the signals `numbers`.

    The third ends the process, as does a loop that does not turn for 5 s after a signal; one line on the standard error
    names what kept it. Outside the main thread, where Python delivers no signals, this does nothing.
    """
    stopped = Stopping(stop)
    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return
    inlet, outlet = os.pipe()
    os.set_blocking(inlet, False)
    os.set_blocking(outlet, False)
    before = {number: signal.signal(number, _nothing) for number in numbers}
    trios = signal.set_wakeup_fd(outlet, warn_on_full_buffer=False)
    over = threading.Event()
    thread = threading.Thread(target=_listen, args=(inlet, trios, stopped, numbers, over), daemon=True)
    thread.start()
    try:
        yield stopped
    finally:
        over.set()
        signal.set_wakeup_fd(trios, warn_on_full_buffer=False)
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        os.write(outlet, b"\0")
        thread.join()
        os.close(outlet)
        os.close(inlet)


def _nothing(number: int, frame: FrameType | None) -> None:
    """In the place of KeyboardInterrupt."""


def _listen(inlet: int, trios: int, stopped: Stopping, numbers: tuple[int, ...], over: threading.Event) -> None:
    while not over.is_set():
        if not select.select([inlet], [], [], LOOK_S if stopped.signals else None)[0]:
            stopped.look()
            continue
        for number in os.read(inlet, 64):
            if trios >= 0:
                with contextlib.suppress(OSError):  # full: it will wake up anyway
                    os.write(trios, bytes([number]))
            if number in numbers and not over.is_set():
                stopped.count(number)


def _waiting() -> list[str]:
    """What the tasks of the call wait for in a bot's own code, the innermost first; called in the event loop."""
    found, root = [], trio.lowlevel.current_root_task()
    tasks = [root] if root is not None else []
    for task in tasks:
        tasks.extend(child for nursery in task.child_nurseries for child in nursery.child_tasks)
        frames = [frame for frame, _ in task.iter_await_frames() if _is_foreign(frame.f_code.co_filename)]
        if frames:
            code = frames[-1].f_code
            found.append(f"{task.name}, in {code.co_name} ({code.co_filename}:{frames[-1].f_lineno})")
    return found[::-1]


def _place(frame: FrameType | None) -> str:
    """Where a bot's own code is, of the innermost frame of the main thread and those that called it."""
    inner = frame
    while frame is not None:
        if _is_foreign(frame.f_code.co_filename):
            return f"{frame.f_code.co_name} ({frame.f_code.co_filename}:{frame.f_lineno})"
        frame = frame.f_back
    return f"{inner.f_code.co_name} ({inner.f_code.co_filename}:{inner.f_lineno})" if inner is not None else "unknown"


def _is_foreign(path: str) -> bool:
    return not path.startswith((*OURS, "<frozen")) and "site-packages" not in path
