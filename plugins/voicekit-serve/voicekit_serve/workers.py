"""Several processes on one port: gunicorn's master, and a worker class that runs a trio server on its socket.

The master holds the port, starts a new worker for one that dies or does not answer within `--timeout`, and on SIGHUP
starts new ones that import the bot anew before it lets the old ones drain. A worker that drains closes its copy of the
listener at once: its siblings take the next call. `--graceful-timeout` is the longest that a drain may take, and then
comes SIGKILL; ours ends before that. SIGTERM drains all, SIGQUIT and SIGINT end them at once.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import trio
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker

from voicekit.call.desk import FAREWELL_S
from voicekit.errors import VoicekitError

BEAT_S: Final = 0.5
"""Seconds between two signs of life of a worker, and how late it may see that it has to drain."""

MARGIN_S: Final = 5
"""Seconds that a worker has behind its own limits before it is killed."""

SILENT_S: Final = 30
"""A worker whose loop has not turned for so long is killed, and its calls with it: far above the watchdog's 0.1 s."""


@dataclass(frozen=True, slots=True)
class SharedListener:
    """The port of several processes: `fds` are copies of the listening sockets, `told` returns when to drain."""

    fds: Sequence[int]
    told: Callable[[], Awaitable[None]]


WorkersProgram: TypeAlias = Callable[[SharedListener], Awaitable[None]]
"""What a worker runs: made in the worker, after the fork."""


class TrioWorker(Worker):  # type: ignore[misc]  # gunicorn has no types
    """Runs the program of a `Workers` application on trio."""

    def load_wsgi(self) -> None:
        """Make the program; a mistake of the user's is one line, and the master stops."""
        try:
            self.program = self.app.make()
        except VoicekitError as error:
            print(f"voicekit: {error}", file=sys.stderr, flush=True)
            sys.exit(Arbiter.WORKER_BOOT_ERROR)

    def init_signals(self) -> None:
        super().init_signals()
        signal.set_wakeup_fd(-1)  # trio needs it

    def run(self) -> None:
        trio.run(self._main)

    async def _main(self) -> None:
        told = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._beat, told)
            await self.program(SharedListener([os.dup(each.fileno()) for each in self.sockets], told.wait))
            nursery.cancel_scope.cancel()

    async def _beat(self, told: trio.Event) -> None:
        while True:
            self.notify()
            if not self.alive or os.getppid() != self.ppid:
                told.set()
            await trio.sleep(BEAT_S)


class Workers(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """`make()` is called in each worker and returns its program."""

    def __init__(
        self,
        make: Callable[[], WorkersProgram],
        *,
        bind: str,
        workers: int,
        drain: float,
        timeout: float = SILENT_S,
    ) -> None:
        self.make = make
        self._settings: dict[str, Any] = {
            "bind": bind,
            "workers": workers,
            "worker_class": TrioWorker,
            "timeout": round(timeout),
            "graceful_timeout": round(drain + FAREWELL_S + MARGIN_S),
            "proc_name": "voicekit serve",
            "control_socket_disable": True,
        }
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._settings.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> None:
        """There is no WSGI app."""
