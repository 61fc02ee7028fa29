"""Loads the engines in threads, and reports the progress."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

import trio

from voicekit.flow.groups import alone
from voicekit_local.engines.interface import Progress

PATIENCE_S: Final = 1.0
"""Seconds of loading before progress is shown."""

STEP: Final = 0.01
"""The smallest step of progress that is reported."""


class Loadable(Protocol):
    def load(self, progress: Progress) -> None: ...


Show = Callable[[str, float], None]
"""A function that is called with the current step and the fraction that is done; 1.0 means that loading has ended."""


async def load_all(engines: list[Loadable], show: Show) -> None:
    """Load all `engines` at the same time. If that takes more than a second, `show` reports the slowest engine.

    Raises the error of the first engine that can't be loaded. If loading is cancelled, the threads keep running until
    the process ends.
    """
    board = _Board(show, trio.current_time() + PATIENCE_S)
    with alone():
        async with trio.open_nursery() as nursery:
            for place, engine in enumerate(engines):
                nursery.start_soon(_load, engine, place, board)
    board.close()


async def _load(engine: Loadable, place: int, board: _Board) -> None:
    token = trio.lowlevel.current_trio_token()

    def progress(doing: str, done: float) -> None:
        token.run_sync_soon(board.note, place, doing, done)

    board.note(place, "loading the engines", 0.0)
    await trio.to_thread.run_sync(engine.load, progress, abandon_on_cancel=True)
    board.note(place, "loading the engines", 1.0)


class _Board:
    """The progress of each engine."""

    def __init__(self, show: Show, quiet_until: float) -> None:
        self._show = show
        self._quiet_until = quiet_until
        self._far: dict[int, tuple[float, str]] = {}
        self._shown: tuple[float, str] | None = None

    def note(self, place: int, doing: str, done: float) -> None:
        self._far[place] = (done, doing)
        slowest = min(self._far.values())
        if trio.current_time() < self._quiet_until or slowest[0] >= 1.0:
            return
        if self._shown is None or slowest[1] != self._shown[1] or slowest[0] >= self._shown[0] + STEP:
            self._shown = slowest
            self._show(slowest[1], slowest[0])

    def close(self) -> None:
        if self._shown is not None:
            self._show(self._shown[1], 1.0)
