"""A conversation as text, for golden files and readable diffs: one line per event, with its virtual time."""

from __future__ import annotations

from collections.abc import Callable

import trio

from voicekit.events import Interim, SessionEvent
from voicekit.session.eventlog import describe


class Timeline:
    """Collects a session's events; pass `note` to `Session.watch`. `str(timeline)` is the text.

    Times are seconds since the first event, to the millisecond. Interim words are left out unless `interims` is true.
    """

    def __init__(self, *, interims: bool = False) -> None:
        self.events: list[tuple[float, SessionEvent]] = []
        self._interims = interims
        self._start: float | None = None

    @property
    def began(self) -> float:
        """The time of the first event, by trio's clock; 0 before the first event."""
        return self._start or 0.0

    def note(self, event: SessionEvent) -> None:
        now = trio.current_time()
        if self._start is None:
            self._start = now
        self.events.append((now - self._start, event))

    def lines(self, wanted: Callable[[SessionEvent], bool] = lambda event: True) -> list[str]:
        """One line for each event that has a description and for which `wanted` returns true."""
        lines = []
        for at, event in self.events:
            text = describe(event) if wanted(event) and (self._interims or not isinstance(event, Interim)) else None
            if text is not None:
                lines.append(f"{at:8.3f} {text}")
        return lines

    def __str__(self) -> str:
        return "\n".join(self.lines()) + "\n"
