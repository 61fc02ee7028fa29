"""Queues everything to be sent to a page, whichever socket it uses, and knows how much of the audio has been heard.

Nothing is lost when a socket breaks, because this queue keeps positions and states: `sent` for the audio, numbers for
the events, a flag for a hold, and for flushes the number of the generation. So a new socket continues exactly at the
place that the page reports.
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
"""Seconds of audio sent ahead of time: they bridge network delays, and a flush drops them immediately."""

UNHEARD_S = 0.8
"""The maximum length of audio written but not yet heard, in seconds: lead, network delay and the page's buffer.
If there is more, `write` waits.
"""

MESSAGE_S = 0.1
"""The maximum length of the audio in one message, in seconds."""

KEPT_EVENTS = 500
"""Events that can be sent again to a new socket; older ones are dropped."""

POSITION_ERROR_S = 0.1
"""Seconds by which the position may be wrong: the time between two reports, and the time that a report takes."""


class PageLine:
    """The queue of one call; it is also the `voicekit.contracts.Speaker` of the call's session."""

    position_error = POSITION_ERROR_S

    def __init__(self, spoken: AudioFormat) -> None:
        self.format = spoken
        self.gen = 0
        self._sound = UnheardSound()
        self._ear = HeardAtEar(spoken.rate)
        self._before = 0  # the number of samples heard in earlier generations
        self._held = False
        self._lost = False
        self._orders: deque[str] = deque()
        self._events: deque[tuple[int, str]] = deque(maxlen=KEPT_EVENTS)
        self._numbered = 0
        self._shown = 0  # the number of the last event that was sent
        self._changed = trio.lowlevel.ParkingLot()

    # The session calls these methods.

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

    # The connection calls these methods.

    def show(self, event: Mapping[str, object]) -> None:
        """Send the page an event, without waiting. Only the last KEPT_EVENTS events are kept."""
        self._numbered += 1
        self._events.append((self._numbered, wire.happened(self._numbered, event)))
        self._changed.unpark_all()

    def order(self, message: str) -> None:
        """Send `message` ahead of all events and audio. If the socket is lost, so is the message."""
        self._orders.append(message)
        self._changed.unpark_all()

    def played(self, gen: int, samples: int, *, playing: bool) -> None:
        """Record the page's report on what it has played; a report about an earlier generation changes nothing."""
        if gen == self.gen:
            self._ear.report(min(samples, self._sound.sent), trio.current_time(), playing=playing)
            self._sound.heard(self._heard)
            self._changed.unpark_all()

    def go_on(self, spot: PageSpot, heard: int, entered: int) -> None:
        """Continue on a new socket from `spot`, the page's position; forget the commands meant for the old socket."""
        self._orders.clear()
        self.order(wire.resumed(heard, entered, self.gen, held=self._held))
        if spot.gen == self.gen:
            self.played(spot.gen, spot.played, playing=False)
            self._sound.send_from(spot.got)
        else:
            self._sound.send_from(0)
        self._shown = spot.events

    async def all_heard(self) -> None:
        """Wait until everything has been heard, or the call has ended."""
        while self._unheard and not self._lost:
            await self._changed.park()

    def lose(self) -> None:
        """Make `write` raise an error from now on, because nothing can be sent any more."""
        self._lost = True
        self._changed.unpark_all()

    async def next_message(self) -> WireMessage:
        """Wait for something to send, and return it: commands first, then events, then audio."""
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
        """The commands and events that have not been sent; they are sent before the goodbye."""
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
    """The sink for a session's audio; the page can pause and resume playback."""

    name = "browser"
    pausable = True
    lead = LEAD_S

    def __init__(self, line: PageLine) -> None:
        self.format = line.format
        self._line = line

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Speaker]:
        yield self._line
