"""What waits to be sent to a page, and what was heard of it: the queue in front of whichever socket there is.

Everything is a cursor or a state, never a message in a queue that a lost socket could take along: the sound has `sent`,
the events their numbers, a hold is a flag, a flush is the number of the generation. So a new socket goes on exactly
where the page says that it is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import trio

from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.call.wire import WireMessage
from voicekit.contracts import Speaker
from voicekit.errors import FormatMismatch, Unavailable
from voicekit_browser import wire
from voicekit_browser.heard import HeardAtEar, UnheardSound
from voicekit_browser.wire import PageSpot

LEAD_S = 0.4
"""Sound at the page ahead of the clock: it rides over a late network, and a flush drops it at once."""

UNHEARD_S = 0.8
"""Written and not heard: the lead, the page's own buffer and the way there. Beyond it `write` waits."""

MESSAGE_S = 0.1
"""Sound in one message at most."""

KEPT_EVENTS = 500
"""Events that a new socket can be sent again; older ones are gone."""

POSITION_ERROR_S = 0.1
"""From a report to the next, and its way here."""


class PageLine:
    """The queue of one call, and `voicekit.contracts.Speaker` for its session."""

    position_error = POSITION_ERROR_S

    def __init__(self, spoken: AudioFormat) -> None:
        self.format = spoken
        self.gen = 0
        self._sound = UnheardSound()
        self._ear = HeardAtEar(spoken.rate)
        self._before = 0  # samples heard in earlier generations
        self._held = False
        self._lost = False
        self._orders: deque[str] = deque()
        self._events: deque[tuple[int, str]] = deque(maxlen=KEPT_EVENTS)
        self._numbered = 0
        self._shown = 0  # the last event that was sent
        self._changed = trio.lowlevel.ParkingLot()

    # Called by the session.

    async def write(self, frame: AudioFrame) -> None:
        if frame.format != self.format:
            raise FormatMismatch(f"the page plays {self.format}, but was given {frame.format}")
        while True:
            await trio.lowlevel.checkpoint_if_cancelled()
            if self._lost:
                raise Unavailable("browser: the call is over", service="call")
            if self._unheard + frame.samples <= self.format.samples(UNHEARD_S) or not self._unheard:
                self._sound.write(frame.pcm)
                self._changed.unpark_all()
                return
            with trio.move_on_after(MESSAGE_S):
                await self._changed.park()

    @property
    def position(self) -> int:
        return self._before + self._heard

    def hold(self) -> None:
        if not self._held:
            self._held = True
            self._ear.hold(trio.current_time(), self._sound.sent)
            self.order(wire.HOLD)

    def release(self) -> None:
        if self._held:
            self._held = False
            self._ear.release()
            self.order(wire.RELEASE)

    def discard(self) -> None:
        self._before += self._ear.final(trio.current_time(), self._sound.sent)
        self._sound, self._ear, self._held = UnheardSound(), HeardAtEar(self.format.rate), False
        self.gen += 1
        self.order(wire.flush(self.gen))

    # Called by the connection.

    def show(self, event: Mapping[str, object]) -> None:
        """Send the page an event; never waits. What it has not taken of the last KEPT_EVENTS is dropped."""
        self._numbered += 1
        self._events.append((self._numbered, wire.happened(self._numbered, event)))
        self._changed.unpark_all()

    def order(self, message: str) -> None:
        """Send `message` ahead of all events and sound; lost with the socket."""
        self._orders.append(message)
        self._changed.unpark_all()

    def played(self, gen: int, samples: int, *, playing: bool) -> None:
        """The page's report; one of an earlier generation changes nothing."""
        if gen == self.gen:
            self._ear.report(min(samples, self._sound.sent), trio.current_time(), playing=playing)
            self._sound.heard(self._heard)
            self._changed.unpark_all()

    def go_on(self, spot: PageSpot, heard: int, entered: int) -> None:
        """A new socket, whose page is at `spot`: forget the orders of the old one, and go on from there."""
        self._orders.clear()
        self.order(wire.resumed(heard, entered, self.gen, held=self._held))
        if spot.gen == self.gen:
            self.played(spot.gen, spot.played, playing=False)
            self._sound.send_from(spot.got)
        else:
            self._sound.send_from(0)
        self._shown = spot.events

    async def all_heard(self) -> None:
        """Wait until the page has heard everything, or the call is over."""
        while self._unheard and not self._lost:
            await self._changed.park()

    def lose(self) -> None:
        """Nothing can be sent any more: `write` raises from now on."""
        self._lost = True
        self._changed.unpark_all()

    async def next_message(self) -> WireMessage:
        """What to send next; waits for something. Orders come first, then events, then sound."""
        while True:
            if self._orders:
                return self._orders.popleft()
            if self._shown < self._numbered:
                for number, message in self._events:
                    if number > self._shown:
                        self._shown = number
                        return message
            if pcm := self._sound.take(self.format.samples(MESSAGE_S)):
                return pcm
            await self._changed.park()

    def rest(self) -> list[str]:
        """The orders and events that were not sent yet: they come before the goodbye."""
        rest = [*self._orders, *(message for number, message in self._events if number > self._shown)]
        self._orders.clear()
        self._shown = self._numbered
        return rest

    @property
    def _heard(self) -> int:
        return self._ear.samples(trio.current_time(), self._sound.sent)

    @property
    def _unheard(self) -> int:
        return self._sound.end - self._heard


class PageSink:
    """Where a session's sound goes: the page can stand still and go on."""

    name = "browser"
    pausable = True
    lead = LEAD_S

    def __init__(self, line: PageLine) -> None:
        self.format = line.format
        self._line = line

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Speaker]:
        yield self._line
