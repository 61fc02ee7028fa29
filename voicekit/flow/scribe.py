"""A scribe writes to disk: items go through a bounded link, and a thread writes them in batches.

Audio, logs and traces are written in this way: a slow disk never blocks the loop, and queued items are written even if
everything is cancelled.
"""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import trio

from voicekit.errors import DeviceError
from voicekit.flow.groups import alone
from voicekit.flow.link import Inlet, Outlet, open_link
from voicekit.flow.store import Full, weigh
from voicekit.flow.threads import in_thread

EVERY = 0.25
"""Seconds between two writes: a thread costs 0.3 ms each time, and at most this much is lost if the program is
killed.
"""

CLOSING = 0.4
"""Seconds for writing what is queued at the end, within the half second that closing everything may take."""


def private(path: str | os.PathLike[str], flags: int) -> int:
    """An `opener` for files about a call: only the owner can read a new file, and symbolic links are never followed."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o600)  # Windows has no such flag


def renew(path: str | os.PathLike[str]) -> None:
    """Create a new, empty, private file. An existing file or symbolic link is removed. A device, and the target of a
    symbolic link, stay unchanged.
    """
    with suppress(FileNotFoundError):
        mode = os.lstat(path).st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISLNK(mode):
            return
        os.unlink(path)
    with open(path, "x", opener=private):
        pass


@asynccontextmanager
async def open_scribe(
    write: Callable[[list[Any]], None],
    capacity: int,
    full: Full = Full.WAIT,
    *,
    weigh: Callable[[Any], int] = weigh,
    name: str = "to the disk",
) -> AsyncIterator[Outlet[Any]]:
    """Yields the outlet of a link. `write` is called with the link's items, several at a time, in a thread.

    When the block ends, even by cancellation, queued items are still written, for at most CLOSING seconds. An error in
    `write` cancels the body and is raised here; an OSError becomes a DeviceError.
    """
    outlet, inlet = open_link(capacity, full, weigh=weigh, name=name)
    scope = trio.CancelScope(shield=True)
    with inlet, alone():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_write_all, inlet, write, scope, name)
            try:
                with outlet:
                    yield outlet
            finally:
                scope.deadline = trio.current_time() + CLOSING


async def _write_all(inlet: Inlet[Any], write: Callable[[list[Any]], None], scope: trio.CancelScope, name: str) -> None:
    with scope:
        while True:
            try:
                items = await inlet.receive_all()
            except trio.EndOfChannel:
                return
            try:
                await in_thread(write, items)
            except OSError as error:
                raise DeviceError(f"{name}: can't be written (is the disk full?): {error.strerror}") from error
            if scope.deadline == float("inf"):
                await trio.sleep(EVERY)
