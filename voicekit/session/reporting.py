"""Delivers a session's events to watchers immediately, and to the plugins' observers outside of the time-critical path.

It also reports audio that a link drops, with the exact number of samples. There is at most one such report per second
for each link, so that an outage does not drown out everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import trio

from voicekit.events import Overrun, SessionEvent, Trouble
from voicekit.flow.link import Inlet, Outlet, open_link
from voicekit.flow.store import Full, LinkStatistics, count

OBSERVED = 256
"""The maximum number of events that may wait for slow observers; further events are dropped, which affects only the
observers."""

AT_ONCE = 8
"""The maximum number of events that are shown to the observers in one step; an event takes about 50 us, and a turn
begins with five events."""

OBSERVED_AFTER = 0.01
"""Seconds after an event at which the observers see it. By then, the tasks that the event has woken are done, so the
observers do not delay the first word of a reply."""

OVERRUN_EVERY = 1.0
"""The minimum number of seconds between two reports about the same link."""


class Reporter:
    """Receives every event of one session. `observe` shows an event to the plugins, and returns the errors that they
    raised.

    Without `observe`, there are no observers, and no events are queued. After all watchers have seen an event,
    `follow_up` returns the event that results from it, if any.
    """

    def __init__(
        self,
        observe: Callable[[SessionEvent], Sequence[Trouble]] | None,
        follow_up: Callable[[SessionEvent], SessionEvent | None] = lambda event: None,
    ) -> None:
        self._observe = observe
        self._follow_up = follow_up
        self._watchers: list[Callable[[SessionEvent], object]] = []
        self._ends: tuple[Outlet[SessionEvent], Inlet[SessionEvent]] | None = None
        self._link: Outlet[SessionEvent] | None = None
        self._lost: dict[str, int] = {}
        self._told: dict[str, float] = {}
        self._finished = False

    def watch(self, watcher: Callable[[SessionEvent], object]) -> None:
        self._watchers.append(watcher)

    def report(self, event: SessionEvent) -> None:
        """Show `event` to all watchers and observers; after the session's last event, this does nothing."""
        if self._finished:
            return
        for watcher in self._watchers:
            watcher(event)
        if self._ends is not None:
            self._ends[0].offer(event)
        more = self._follow_up(event)
        if more is not None:
            self.report(more)

    def losses(self, link: str) -> Callable[[int], None]:
        """Return a callback that reports how many samples the link named `link` has dropped."""

        def lost(samples: int) -> None:
            self._lost[link] = self._lost.get(link, 0) + samples
            now = trio.current_time()
            if now - self._told.get(link, float("-inf")) >= OVERRUN_EVERY:
                self._told[link] = now
                self.report(Overrun(link, self._lost.pop(link)))

        return lost

    def start(self) -> None:
        """Begin to queue events for the observers."""
        if self._observe is None:
            return
        self._ends = open_link(OBSERVED, Full.DROP_NEWEST, weigh=count, name="events to observers")
        self._link = self._ends[0]

    def statistics(self) -> tuple[LinkStatistics, ...]:
        """The statistics of the observers' queue: its current level, its peak level, and how many events it has
        dropped; () before `start`."""
        return () if self._link is None else (self._link.statistics(),)

    async def pump(self) -> None:
        """Show the queued events to the observers in order, a few at a time, until cancelled."""
        if self._ends is not None:
            inlet, idle = self._ends[1], True
            async for event in inlet:
                try:
                    if idle:
                        await trio.sleep(OBSERVED_AFTER)
                finally:
                    self._show(event)
                idle = self._show_queued(inlet, AT_ONCE - 1)

    def finish(self, last: SessionEvent) -> None:
        """Report all losses that have not been reported yet, and then the event `last`. Finally, show the observers all
        events that are still queued."""
        try:
            for link, samples in self._lost.items():
                self.report(Overrun(link, samples))
            self.report(last)
        finally:
            self._finished = True
            self._close()

    def _close(self) -> None:
        if self._ends is None:
            return
        outlet, inlet = self._ends
        self._ends = None
        with outlet, inlet:
            self._show_queued(inlet, OBSERVED)

    def _show_queued(self, inlet: Inlet[SessionEvent], most: int) -> bool:
        """Show up to `most` of the events that are queued; returns whether these were all."""
        for _ in range(most):
            try:
                event = inlet.receive_nowait()
            except trio.WouldBlock:
                return True
            self._show(event)
        return False

    def _show(self, event: SessionEvent) -> None:
        assert self._observe is not None
        for trouble in self._observe(event):
            for watcher in self._watchers:
                watcher(trouble)
