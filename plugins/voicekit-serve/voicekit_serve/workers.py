"""Several processes on one port: gunicorn's master, and a worker class that runs a trio server on its socket.

The master holds the port, and replaces a worker that dies or does not respond within `--timeout`. On SIGHUP it starts
new workers, which import the bot anew, and then lets the old workers drain. A worker that drains closes its copy of the
listener immediately, so the other workers take the next call. A worker still draining after `--graceful-timeout` gets
SIGKILL, but our own limit for draining is shorter. SIGTERM drains all workers; SIGQUIT and SIGINT end them immediately.
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
"""Seconds between two signs of life from a worker. It notices a request to drain at most this much later."""

MARGIN_S: Final = 5
"""Seconds that the master waits beyond a worker's own limits for draining, before it kills the worker."""

SILENT_S: Final = 30
"""A worker whose event loop is stuck for this many seconds is killed with its calls. The watchdog warns after 0.1 s."""


@dataclass(frozen=True, slots=True)
class SharedListener:
    """A port that several processes share: `fds` are copies of its sockets, and `told` waits until this process is
    told to drain.
    """

    fds: Sequence[int]
    told: Callable[[], Awaitable[None]]


WorkersProgram: TypeAlias = Callable[[SharedListener], Awaitable[None]]
"""The program that a worker runs; it is made in the worker, after the fork."""


class TrioWorker(Worker):  # type: ignore[misc]  # gunicorn has no types
    """Runs the program of a `Workers` application on trio."""

    def load_wsgi(self) -> None:
        """Make the program. If the user has made a mistake, print one line and stop the master."""
        try:
            self.program = self.app.make()
        except VoicekitError as error:
            print(f"voicekit: {error}", file=sys.stderr, flush=True)
            sys.exit(Arbiter.WORKER_BOOT_ERROR)

    def init_signals(self) -> None:
        super().init_signals()
        signal.set_wakeup_fd(-1)  # frees the wakeup fd, which trio needs

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
    """The gunicorn application: calls `make()` in each worker, which returns the worker's program."""

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
        """Nothing to load: there is no WSGI app."""
