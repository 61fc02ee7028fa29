"""An in-memory carrier in virtual time: it plays the audio it receives at normal speed, and records what was heard.

    carrier = ScriptedCarrier(TwilioPeer(), AudioFormat(8000, "mulaw"), delay=0.05)
    nursery.start_soon(carrier.run)
    async with open_call(carrier.stream, TwilioWire()) as call: ...

`played` holds the audio that was played, with its times; `marks` holds the marks that were sent back. To run a whole
conversation over such a carrier, pass a `PhoneLine` to `hold_call`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import trio

from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.call.control import CallControl
from voicekit.call.peer import Dialect, Peer, PeerCleared, PeerDigits, PeerEvent, PeerMark, PeerSound
from voicekit.call.wire import StreamClosed, WireMessage
from voicekit.play.clocked_device import ClockedDevice

UNDER_WAY = 10_000
"""The maximum number of messages in transit in one direction; with more, the sender waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneLine:
    """A transport, given by name or as a Dialect, and its line's faults; times are in seconds since the call began.

    In either direction, each message takes `delay` seconds plus up to `jitter`; messages stay in order, as on TCP.
    Every `swap`-th message with the caller's audio arrives after the next one (only Telnyx does this), and every
    `lose`-th such message is lost. Marks come back `late_marks` seconds late, and every `lose_marks`-th mark is lost.
    During `silences`, given as pairs of start and end, no audio comes from the far side; during `holds`, the far side
    has put the call on hold. At `dies_at`, the connection is lost without a goodbye. From `stuck_at` on, the far side
    accepts no more messages from our side. `control`, for example a `ScriptedControl`, carries out requests to the
    carrier.
    """

    transport: str | Dialect
    delay: float = 0.03
    jitter: float = 0.0
    swap: int = 0
    lose: int = 0
    late_marks: float = 0.0
    lose_marks: int = 0
    silences: tuple[tuple[float, float], ...] = ()
    holds: tuple[tuple[float, float], ...] = ()
    dies_at: float | None = None
    stuck_at: float | None = None
    seed: int = 0
    control: CallControl | None = None


class ScriptedCarrier:
    """The carrier's end of one call. `hung_up` is set when our side has closed the connection."""

    def __init__(
        self,
        peer: Peer,
        spoken: AudioFormat,
        *,
        delay: float = 0.0,
        jitter: float = 0.0,
        late_marks: float = 0.0,
        lose_marks: int = 0,
        seed: int = 0,
    ) -> None:
        self.peer = peer
        self.delay = delay
        self.late_marks = late_marks
        self.lose_marks = lose_marks
        self.played: list[tuple[float, bytes]] = []
        self.cleared: list[float] = []
        self.digits: list[str] = []
        self.marks: list[str] = []
        self.received: list[PeerEvent] = []
        self.begun = trio.Event()
        self.hung_up = trio.Event()
        self.close_code: int | None = None
        self.stream = _Stream(self)
        self._device = ClockedDevice(spoken, played=lambda at, frame: self.played.append((at, frame.pcm)))
        self._format = spoken
        self._marks: deque[tuple[int, str]] = deque()
        self._written = 0
        self._numbered = 0
        roll = Random(seed)
        self._ours = _Way(lambda: delay + roll.uniform(0, jitter))
        self._theirs = _Way(lambda: delay + roll.uniform(0, jitter))

    @property
    def position(self) -> int:
        """How many samples the caller has heard by now."""
        return self._device.position(trio.current_time())

    def settle(self) -> None:
        """Add to `played` all audio that has been played completely by now."""
        self._device.position(trio.current_time())

    def say(self, *messages: WireMessage, late: float = 0.0) -> None:
        """Send `messages` to our side, `late` seconds later than usual; other messages sent in the meantime overtake
        them."""
        for message in messages:
            self._theirs.put(message, late)

    def hang_up(self) -> None:
        """Hang up as the caller: send the wire's goodbye and close the connection."""
        self.say(*self.peer.stop())
        self.vanish(1000)

    def vanish(self, code: int | None = 1006) -> None:
        """End the connection with the close code `code`; 1006 means that it is lost without a goodbye."""
        self._theirs.put(StreamClosed(code), 0.0)

    def get_stuck(self) -> None:
        """From now on, accept no more messages from our side."""
        self._ours.stuck = True

    async def run(self) -> None:
        """Play the audio and answer the messages from our side until it closes the connection."""
        self.say(*self.peer.begin())
        self.begun.set()
        while True:
            with trio.move_on_at(self._next_mark()):
                message = await self._ours.get()
                if isinstance(message, StreamClosed):
                    self._device.discard(trio.current_time())
                    self.close_code = message.code
                    self.hung_up.set()
                    return
                self._take(self.peer.receive(message))
            self._send_marks()

    def _take(self, event: PeerEvent) -> None:
        now = trio.current_time()
        self.received.append(event)
        match event:
            case PeerSound(pcm):
                self._device.write(AudioFrame(pcm, self._written, self._format), now)
                self._written += self._format.count(pcm)
            case PeerMark(name):
                self._marks.append((self._written, name))
            case PeerDigits(digits):
                self.digits.append(digits)
            case PeerCleared():
                self._clear(now)

    def _clear(self, now: float) -> None:
        self._device.discard(now)
        self._written = self._device.position(now)
        self.cleared.append(now)
        cleared = getattr(self.peer, "cleared", None)
        if cleared is not None:
            self._marks.clear()
            self.say(cleared())
        self._marks = deque((self._written, name) for _, name in self._marks)

    def _next_mark(self) -> float:
        if not self._marks:
            return float("inf")
        unheard = self._marks[0][0] - self.position
        return trio.current_time() + max(0, unheard) / self._format.rate

    def _send_marks(self) -> None:
        while self._marks and self._marks[0][0] <= self.position:
            _, name = self._marks.popleft()
            self._numbered += 1
            if not self.lose_marks or self._numbered % self.lose_marks:
                self.marks.append(name)
                self.say(self.peer.passed(name), late=self.late_marks)


class _Way:
    """One direction of the line: messages arrive in order, `delay()` seconds after they were sent, or `late` seconds
    after that."""

    def __init__(self, delay: Callable[[], float]) -> None:
        self.stuck = False
        self._delay = delay
        self._latest = 0.0
        self._items: deque[tuple[float, Any]] = deque()
        self._changed = trio.lowlevel.ParkingLot()

    def put(self, message: Any, late: float = 0.0) -> None:
        due = self._latest = max(self._latest, trio.current_time() + self._delay())
        due += late
        place = len(self._items)
        while place and self._items[place - 1][0] > due:
            place -= 1
        self._items.insert(place, (due, message))
        self._changed.unpark_all()

    async def put_soon(self, message: Any) -> None:
        """Wait until there is room for `message`, and then put it on its way, as `put` does."""
        await trio.lowlevel.checkpoint()
        while self.stuck or len(self._items) >= UNDER_WAY:
            await self._changed.park()
        self.put(message)

    async def get(self) -> Any:
        await trio.lowlevel.checkpoint()
        while True:
            due = self._items[0][0] if self._items else float("inf")
            if due <= trio.current_time():
                self._changed.unpark_all()
                return self._items.popleft()[1]
            with trio.move_on_at(due):
                await self._changed.park()


class _Stream:
    """Our end of the connection."""

    def __init__(self, carrier: ScriptedCarrier) -> None:
        self._carrier = carrier
        self._ended: StreamClosed | None = None

    async def receive(self) -> WireMessage:
        if self._ended is None:
            message = await self._carrier._theirs.get()
            if not isinstance(message, StreamClosed):
                return message  # type: ignore[no-any-return]  # a queue of both
            self._ended = message
            self._carrier._ours.stuck = False
        raise self._ended

    async def send(self, message: WireMessage) -> None:
        if self._ended is not None:
            raise self._ended
        await self._carrier._ours.put_soon(message)

    async def close(self, code: int = 1000) -> None:
        await trio.lowlevel.checkpoint()
        self._carrier._ours.put(StreamClosed(code))
