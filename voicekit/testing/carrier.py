"""A carrier in memory and in virtual time: plays what a call sends by its own clock, and says what was heard.

    carrier = ScriptedCarrier(TwilioPeer(), AudioFormat(8000, "mulaw"), delay=0.05)
    nursery.start_soon(carrier.run)
    async with open_call(carrier.stream, TwilioWire()) as call: ...

`delay` is the way of each message, in seconds, in either direction; `late_marks` is added to a mark's way back, and
`lose_marks` drops every mark whose number it divides. What was played is in `played`, sample by sample with its time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, Protocol

import trio

from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.call.wire import StreamClosed, WireMessage
from voicekit.play.clocked_device import ClockedDevice

UNDER_WAY = 10_000
"""Messages under way in one direction before the sender waits."""


class Peer(Protocol):
    """The carrier's side of a wire (pure): its messages, and what it makes of ours."""

    def begin(self, parameters: Any = None) -> Sequence[WireMessage]: ...
    def sound(self, pcm: bytes, at_ms: int) -> WireMessage: ...
    def digit(self, digit: str) -> WireMessage: ...
    def passed(self, name: str) -> WireMessage: ...
    def stop(self) -> Sequence[WireMessage]: ...
    def receive(self, message: WireMessage) -> Any: ...


class ScriptedCarrier:
    """The far end of one call. `hung_up` is set when our side has closed the connection."""

    def __init__(
        self, peer: Peer, spoken: AudioFormat, *, delay: float = 0.0, late_marks: float = 0.0, lose_marks: int = 0
    ) -> None:
        self.peer = peer
        self.delay = delay
        self.late_marks = late_marks
        self.lose_marks = lose_marks
        self.played: list[tuple[float, bytes]] = []
        self.cleared: list[float] = []
        self.received: list[object] = []
        self.hung_up = trio.Event()
        self.stream = _Stream(self)
        self._device = ClockedDevice(spoken, played=lambda at, frame: self.played.append((at, frame.pcm)))
        self._format = spoken
        self._marks: deque[tuple[int, str]] = deque()
        self._written = 0
        self._numbered = 0
        self._ours = _Way(delay)
        self._theirs = _Way(delay)

    @property
    def position(self) -> int:
        """Samples that the caller has heard by now."""
        return self._device.position(trio.current_time())

    def say(self, *messages: WireMessage, late: float = 0.0) -> None:
        """Send `messages` to our side."""
        for message in messages:
            self._theirs.put(message, late)

    def vanish(self, code: int | None = 1006) -> None:
        """The connection ends without a goodbye."""
        self._theirs.put(StreamClosed(code), 0.0)

    async def run(self) -> None:
        """Play, and answer; until our side closes."""
        self.say(*self.peer.begin())
        while not self.hung_up.is_set():
            with trio.move_on_at(self._next_mark()):
                message = await self._ours.get()
                if isinstance(message, StreamClosed):
                    self.hung_up.set()
                    return
                self._take(self.peer.receive(message))
            self._send_marks()

    def _take(self, event: Any) -> None:
        now = trio.current_time()
        self.received.append(event)
        match type(event).__name__:
            case "PeerSound":
                self._device.write(AudioFrame(event.pcm, self._written, self._format), now)
                self._written += len(event.pcm) // self._format.sample_bytes
            case "PeerMark":
                self._marks.append((self._written, event.name))
            case "PeerCleared":
                self._device.discard(now)
                self._written = self._device.position(now)
                self.cleared.append(now)
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
                self.say(self.peer.passed(name), late=self.late_marks)


class _Way:
    """One direction: messages arrive in order, `delay` seconds after they were sent, or `late` seconds later."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._items: deque[tuple[float, Any]] = deque()
        self._changed = trio.lowlevel.ParkingLot()

    def put(self, message: Any, late: float) -> None:
        due = trio.current_time() + self._delay + late
        place = len(self._items)
        while place and self._items[place - 1][0] > due:
            place -= 1
        self._items.insert(place, (due, message))
        self._changed.unpark_all()

    async def get(self) -> Any:
        await trio.lowlevel.checkpoint()
        while True:
            due = self._items[0][0] if self._items else float("inf")
            if due <= trio.current_time():
                return self._items.popleft()[1]
            with trio.move_on_at(due):
                await self._changed.park()

    @property
    def full(self) -> bool:
        return len(self._items) >= UNDER_WAY


class _Stream:
    """Our end."""

    def __init__(self, carrier: ScriptedCarrier) -> None:
        self._carrier = carrier
        self._ended: StreamClosed | None = None

    async def receive(self) -> WireMessage:
        if self._ended is None:
            message = await self._carrier._theirs.get()
            if not isinstance(message, StreamClosed):
                return message  # type: ignore[no-any-return]  # a queue of both
            self._ended = message
        raise self._ended

    async def send(self, message: WireMessage) -> None:
        if self._ended is not None:
            raise self._ended
        await trio.lowlevel.checkpoint()
        self._carrier._ours.put(message, 0.0)

    async def close(self, code: int = 1000) -> None:
        await trio.lowlevel.checkpoint()
        self._carrier._ours.put(StreamClosed(code), 0.0)
