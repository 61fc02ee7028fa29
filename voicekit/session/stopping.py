"""Makes sure that signals can end a program: the first two signals end its calls, the third ends the process.

Python runs a signal's handler in the main thread, between two steps of Python code. This handler requests the stop, but
it can't run while a bot's code blocks the event loop in C. So a separate thread counts the signals as well: the system
wakes it through the file descriptor of `signal.set_wakeup_fd`. This descriptor replaces the one that trio uses, so the
thread also passes each signal on to trio. After a signal, the thread repeatedly checks that the event loop still
responds, which works even while the calls are ending. Code that blocks even the interpreter, such as a slow regular
expression, also blocks the thread. In that case, `faulthandler` prints all tracebacks and ends the process a little
later, from its own thread in C.

Signals are sent to the whole process, so all simultaneous calls share one such thread.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import Any, Final

import trio

STUCK_S: Final = 5.0
"""The maximum number of seconds for which the event loop may be blocked after a signal."""

LOOK_S: Final = 0.25
"""Seconds between two checks of the event loop, and the time that the loop has to report what the call waits for."""

LATE_S: Final = 0.9
"""Seconds after which `faulthandler` does the work of the thread, if the thread is blocked."""

LAST: Final = 3
"""How many signals end the process."""

OURS: Final = (str(Path(__file__).parents[1]), str(Path(trio.__file__).parent), str(Path(os.__file__).parent))
"""The folders of code that does not belong to a bot."""


class Stopping:
    """How one call reacts to signals; `times` is how many signals have arrived."""

    def __init__(self, stop: Callable[[int, int], object], numbers: tuple[int, ...]) -> None:
        self.times = 0
        self.numbers = numbers
        self.token = trio.lowlevel.current_trio_token()
        self._stop = stop

    def handle(self, number: int) -> None:
        """Ask the event loop to call `stop`; this is safe in a signal handler."""
        self.times += 1
        in_the_loop(self.token, self._stop, number, self.times)


@contextmanager
def stopping(stop: Callable[[int, int], object], *numbers: int) -> Iterator[Stopping]:
    """While this is open, call `stop(number, times)` in the event loop for each of the signals `numbers`.

    The third signal ends the process. The process also ends if the event loop is blocked for 5 s after a signal; a line
    on standard error names the code that blocked it. Outside the main thread, where Python delivers no signals, this
    function does nothing.
    """
    call = Stopping(stop, numbers)
    if threading.current_thread() is not threading.main_thread():
        yield call
        return
    _watch.add(call)
    try:
        yield call
    finally:
        _watch.remove(call)


class _Watch:
    """Watches the signals of the process while at least one call is interested in them."""

    def __init__(self) -> None:
        self._calls: list[Stopping] = []
        self._before: dict[int, Any] = {}
        self._signals: list[int] = []
        self._handled = 0
        self._turned = monotonic()
        self._asked = False

    def add(self, call: Stopping) -> None:
        if not self._calls:
            self._signals, self._handled, self._asked = [], 0, False
            self._inlet, self._outlet = os.pipe()
            os.set_blocking(self._outlet, False)
            self._trios = signal.set_wakeup_fd(self._outlet, warn_on_full_buffer=False)
            self._thread = threading.Thread(target=self._listen, name="voicekit signals", daemon=True)
            self._calls.append(call)
            self._thread.start()
        else:
            self._calls.append(call)
        for number in call.numbers:
            if number not in self._before:
                self._before[number] = signal.signal(number, self._handle)

    def remove(self, call: Stopping) -> None:
        self._calls.remove(call)
        if self._calls:
            return
        faulthandler.cancel_dump_traceback_later()
        signal.set_wakeup_fd(self._trios, warn_on_full_buffer=False)
        for number, handler in self._before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        self._before.clear()
        os.close(self._outlet)  # closing the pipe ends the thread
        self._thread.join()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        """The signal handler: requests the stop, and prepares for a main thread that is blocked."""
        self._handled += 1
        for call in self._calls:
            if number in call.numbers:
                call.handle(number)
        self._end_anyway()

    def _end_anyway(self) -> None:
        faulthandler.dump_traceback_later(LATE_S + (0 if self._handled >= LAST else STUCK_S), exit=True, file=2)

    def _listen(self) -> None:
        """Run as the thread: count the signals and check the event loop."""
        while True:
            if not select.select([self._inlet], [], [], LOOK_S if self._signals else None)[0]:
                self._look()
                continue
            came = os.read(self._inlet, 64)
            if not came:
                os.close(self._inlet)
                return
            for number in came:
                if self._trios >= 0:
                    with contextlib.suppress(OSError):  # trio's pipe is full, so trio wakes up anyway
                        os.write(self._trios, bytes([number]))
                if number in self._before:
                    self._turned = self._turned if self._signals else monotonic()
                    self._signals.append(number)
                    if len(self._signals) >= LAST:
                        self._end_process(f"a third {signal.Signals(number).name}")

    def _look(self) -> None:
        """End the process if the loop has been blocked for too long since a signal."""
        if monotonic() - self._turned > STUCK_S:
            name = signal.Signals(self._signals[-1]).name
            self._end_process(f"the event loop has not turned for {STUCK_S:g} s after {name}")
        if not self._asked:
            self._asked = True
            self._ask(self._turn)

    def _turn(self) -> None:
        self._turned, self._asked = monotonic(), False
        if self._calls and 0 < self._handled < LAST:
            self._end_anyway()

    def _end_process(self, why: str) -> None:
        """End the process immediately. Everything recorded so far is on the disk."""
        found: list[str] = []
        done = threading.Event()

        def look() -> None:
            found.extend(_waiting())
            done.set()

        self._ask(look)
        done.wait(LOOK_S)
        where = (found or [_place(sys._current_frames().get(threading.main_thread().ident or 0))])[0]
        line = f"voicekit: {why}: the process ends at once; what kept it: {where}\n"
        with contextlib.suppress(OSError):
            os.write(2, line.encode(errors="replace"))
        os._exit(128 + self._signals[-1])

    def _ask(self, call: Callable[[], object]) -> None:
        for each in self._calls[:1]:
            in_the_loop(each.token, call)


_watch = _Watch()


def in_the_loop(token: trio.lowlevel.TrioToken, call: Callable[..., object], *arguments: Any) -> None:
    """Ask the event loop to call `call` soon; if the loop has ended, do nothing."""
    with contextlib.suppress(trio.RunFinishedError):
        token.run_sync_soon(call, *arguments)


def _waiting() -> list[str]:
    """The places in a bot's own code at which tasks wait, the innermost first. Must be called in the event loop."""
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
    """The innermost place in a bot's own code, among `frame` and its callers, or else the place of `frame`."""
    inner = frame
    while frame is not None:
        if _is_foreign(frame.f_code.co_filename):
            return f"{frame.f_code.co_name} ({frame.f_code.co_filename}:{frame.f_lineno})"
        frame = frame.f_back
    return f"{inner.f_code.co_name} ({inner.f_code.co_filename}:{inner.f_lineno})" if inner is not None else "unknown"


def _is_foreign(path: str) -> bool:
    return not path.startswith((*OURS, "<frozen")) and "site-packages" not in path
