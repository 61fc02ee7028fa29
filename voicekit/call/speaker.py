"""Our side of a call: the queue before the writer, and how much of the audio has been heard."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import trio

from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.call.played import PlayedEstimate
from voicekit.call.wire import PausableWire, Wire, WireMessage
from voicekit.contracts import Speaker
from voicekit.errors import ConfigError, FormatMismatch, Unavailable

PENDING_S = 0.4
"""The maximum number of seconds of outgoing sound that wait for the writer. If there were more, it would be heard after
a cut on wires without `clear`.
"""

AHEAD_S = 1.0
"""`write` waits if more seconds of sound than this have been sent but not yet heard. Playout sends at most 0.4 s ahead,
and a lost mark holds the position back by half a second.
"""

MARK_S = 0.2
"""Seconds of sound between two marks, which is the precision of the position. A carrier holds only the marks within its
lead.
"""

SETTLE_S = 0.5
"""The maximum number of seconds to wait, at the end of a call, until the last sound is heard; the clock alone does not
show the delay.
"""

UNMARKED_S = 0.3
"""Seconds to wait, at the end of a call, on a wire without marks: enough for a long delay. Such a wire's position may
be wrong by as much.
"""

SERVICE = "call"


class CallSink:
    """The sink for a session's audio, a `voicekit.contracts.Sink` with the lead that the wire needs."""

    def __init__(self, wire: Wire, spoken: AudioFormat, speaker: CallSpeaker) -> None:
        self.name = wire.name
        self.format = spoken
        self.pausable = isinstance(wire, PausableWire)
        self.lead = wire.lead
        self._speaker = speaker

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Speaker]:
        yield self._speaker


class CallSpeaker:
    """A `voicekit.contracts.Speaker`: the queue before the writer, and how much of the audio has been heard."""

    def __init__(self, wire: Wire, spoken: AudioFormat) -> None:
        self._wire = wire
        self._format = spoken
        self._packet = spoken.samples(wire.packet) * spoken.sample_bytes
        self._capacity = max(spoken.samples(PENDING_S) * spoken.sample_bytes, 2 * self._packet)
        self._urgent: deque[WireMessage] = deque()
        self._messages: deque[WireMessage] = deque()  # the messages of the packet that is being sent
        self._pending = bytearray()
        self._unsent = 0  # the number of samples in the packet that is being sent; 0 if there is no such packet
        self._padding = 0  # the number of silent samples at the end of the packet that is being sent
        self._generation = 0
        self._estimate = _estimate_of(wire, spoken)
        self._unmarked = 0
        self._before = 0  # the number of samples heard in earlier generations
        # the position and length, in samples, of each stretch of silence that we added in this generation
        self._pads: deque[tuple[int, int]] = deque()
        self._changed = trio.lowlevel.ParkingLot()
        self._lost = False
        self._far_full = False

    # The session calls these methods.

    async def write(self, frame: AudioFrame) -> None:
        if frame.format != self._format:
            raise FormatMismatch(f"{self._wire.name} plays {self._format}, but was given {frame.format}")
        while True:
            await trio.lowlevel.checkpoint_if_cancelled()
            if self._lost:
                raise Unavailable(f"{self._wire.name}: the call is over", service=SERVICE)
            if (early := self._too_early()) > 0:
                with trio.move_on_after(early):
                    await self._changed.park()
                continue
            if not self._pending or len(self._pending) + len(frame.pcm) <= self._capacity:
                self._pending += frame.pcm
                self._changed.unpark_all()
                return
            await self._changed.park()

    def _too_early(self) -> float:
        """Seconds until at most AHEAD_S of the sent audio is unheard."""
        unheard = self._estimate.sent - self._estimate.heard(trio.current_time())
        return self._format.seconds(unheard) - AHEAD_S

    @property
    def position(self) -> int:
        heard = self._estimate.heard(trio.current_time())
        return self._before + heard - sum(min(size, max(0, heard - place)) for place, size in self._pads)

    @property
    def position_error(self) -> float:
        """Seconds by which the position may lag behind what was heard: with marks, about MARK_S plus half a round trip.

        On a wire that reports how much it has played, only the packet that is playing and the packet in transit are
        uncertain.
        """
        if isinstance(self._wire, PausableWire):
            return 2 * self._wire.packet
        return MARK_S + self._wire.packet if "mark" in self._wire.can else UNMARKED_S

    def hold(self) -> None:
        if not isinstance(self._wire, PausableWire):
            raise ConfigError(f"{self._wire.name} can't pause")
        self._estimate.hold(trio.current_time())
        self._messages.extend(self._wire.query())
        self.post(self._wire.pause())

    def release(self) -> None:
        """Let the far end resume playing. This has no effect on a wire that can't pause."""
        if isinstance(self._wire, PausableWire):
            self._estimate.release(trio.current_time())
            self.post(self._wire.resume())

    def discard(self) -> None:
        self._before = self.position
        self._generation += 1
        self._estimate = _estimate_of(self._wire, self._format)
        self._pads.clear()
        self._pending.clear()
        self._messages.clear()
        self._unsent = self._unmarked = self._padding = 0
        self.post(self._wire.clear())

    # The connection calls these methods.

    def post(self, messages: Sequence[WireMessage]) -> None:
        """Send `messages` ahead of all audio."""
        self._urgent.extend(messages)
        self._changed.unpark_all()

    def take_urgent(self) -> Sequence[WireMessage]:
        """The messages waiting to be sent ahead of all audio; they are removed from the queue."""
        urgent = list(self._urgent)
        self._urgent.clear()
        return urgent

    def passed(self, name: str, now: float) -> None:
        generation, _, _ = name.partition(".")
        if generation == str(self._generation):
            self._estimate.passed(name, now)
            self._changed.unpark_all()

    def pinned(self, samples: int, now: float) -> None:
        """Record that, by the far end's count, `samples` samples of this generation have been played."""
        self._estimate.pin(samples, now)

    def keep_back(self, full: bool) -> None:
        """Record that the far end has no room (`full`), or has room again."""
        self._far_full = full
        self._changed.unpark_all()

    def lose(self) -> None:
        """Record that nothing can be sent any more: from now on, `write` raises an error."""
        self._lost = True
        self._changed.unpark_all()

    async def next_message(self) -> WireMessage | None:
        """The next message to send, or None when the call has ended. Waits until there is one."""
        while not self._lost:
            if self._urgent:
                return self._urgent.popleft()
            if not self._messages and not self._far_full:
                self._pack(pad=False)
            if self._messages:
                return self._messages.popleft()
            if not self._pending or self._far_full:
                await self._changed.park()
                continue
            dry_at = self._estimate.dry_at - 2 * self._wire.packet
            with trio.move_on_at(max(dry_at, trio.current_time() + self._wire.packet)) as waiting:
                await self._changed.park()
            if waiting.cancelled_caught:  # no more sound has come in time, so the utterance has ended
                self._pack(pad=True)
        return None

    def sent(self, now: float) -> None:
        """Record that the message from `next_message` was sent. A packet's audio counts as sent when the packet's last
        message has been sent.
        """
        if self._unsent and not self._messages:
            samples, self._unsent = self._unsent, 0
            self._estimate.send(samples, now)
            if self._padding:
                self._pads.append((self._estimate.sent - self._padding, self._padding))
            self._unmarked += samples
            if self._unmarked >= self._format.samples(MARK_S) or self._padding:
                self._mark()
            self._padding = 0
            self._changed.unpark_all()

    async def settle(self) -> None:
        """Wait at most SETTLE_S for the last sound to be heard, as far as the wire can report this."""
        if self._lost or not self._estimate.sent:
            return
        if self._unmarked:
            self._mark()
            self._changed.unpark_all()
        with trio.move_on_after(SETTLE_S if "mark" in self._wire.can else UNMARKED_S):
            while not self._lost and ("mark" not in self._wire.can or self._estimate.marks_pending):
                await self._changed.park()

    def _mark(self) -> None:
        name = f"{self._generation}.{self._estimate.sent}"
        self._messages.extend(marks := self._wire.mark(name))
        if marks:
            self._estimate.mark(name)
        self._unmarked = 0

    def _pack(self, *, pad: bool) -> None:
        """Turn the next packet of pending audio into messages; with `pad`, fill up an incomplete one with silence."""
        pcm = bytes(self._pending[: self._packet])
        if not pcm or (len(pcm) < self._packet and not pad):
            return
        del self._pending[: self._packet]
        self._padding = (self._packet - len(pcm)) // self._format.sample_bytes
        pcm += self._format.silence(self._padding)
        self._unsent = self._format.count(pcm)
        self._messages.extend(self._wire.sound(pcm))


def _estimate_of(wire: Wire, spoken: AudioFormat) -> PlayedEstimate:
    """The estimate for `wire`; if the far end counts what it has played, in whole packets, the estimate is one packet
    behind.
    """
    return PlayedEstimate(spoken.rate, delay=wire.packet if isinstance(wire, PausableWire) else 0.0)
