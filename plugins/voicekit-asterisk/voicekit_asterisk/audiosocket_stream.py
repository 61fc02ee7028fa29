"""AudioSocket's connection: reads whole frames, and writes one every 20 ms, with silence if there is no audio to send.

    send(sound) waits for its tick, so it returns when the frame has gone out
    send(anything else) goes out immediately
    pace() is the task that ticks; without it no audio goes out

Each tick has a fixed time, so a loop that is late catches up. If it is more than LATE_S late, all further ticks are
rescheduled instead.
"""

from __future__ import annotations

from collections import deque

import trio

from voicekit.call.wire import StreamClosed, WireMessage
from voicekit_asterisk.audiosocket import GOODBYE, RATES, FrameReader

TICK_S = 0.02

LATE_S = 0.1
"""If sending is later than this, the ticks are moved: sending all the missed audio at once would only make noise."""

STALL_S = 5.0
"""The connection counts as lost if the network accepts no frame for this long."""

RECEIVE_BYTES = 64 * 1024


class AudioSocketStream:
    """`voicekit.call.wire.MessageStream` on a TCP stream; a message is a frame."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._reader = FrameReader()
        self._frames: deque[bytes] = deque()
        self._closed: StreamClosed | None = None
        self._sound: bytes | None = None  # the audio waiting for the next tick
        self._ticked = trio.lowlevel.ParkingLot()
        self._sending = trio.Lock()

    async def receive(self) -> WireMessage:
        """The next frame. Raises StreamClosed, with the code GOODBYE after an orderly end and None after a reset."""
        if self._frames:
            await trio.lowlevel.checkpoint()
        while not self._frames:
            if self._closed is not None:
                raise self._closed
            try:
                data = await self._stream.receive_some(RECEIVE_BYTES)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                raise self._lost(None) from None
            if not data:
                raise self._lost(GOODBYE)
            self._frames.extend(self._reader.feed(bytes(data)))
        return self._frames.popleft()

    def put_back(self, *frames: bytes) -> None:
        """Put `frames` back, so that `receive` returns them next."""
        self._frames.extendleft(reversed(frames))

    async def send(self, message: WireMessage) -> None:
        assert isinstance(message, bytes), "AudioSocket has no texts"
        if message[0] not in RATES:
            await self._write(message)
            return
        while self._sound is not None and self._closed is None:
            await self._ticked.park()
        self._sound = message
        try:
            while self._sound is message and self._closed is None:
                await self._ticked.park()
        except trio.Cancelled:
            if self._sound is message:
                self._sound = None
            raise
        if self._closed is not None:
            raise self._closed

    async def pace(self, silence: bytes) -> None:
        """Send a frame every TICK_S until the connection closes; a `send` that is then waiting raises StreamClosed."""
        due = trio.current_time()
        while self._closed is None:
            await trio.sleep_until(due)
            message, self._sound = self._sound or silence, None
            try:
                await self._write(message)
            except StreamClosed:
                return
            self._ticked.unpark_all()
            due += TICK_S
            if trio.current_time() - due > LATE_S:
                due = trio.current_time()

    async def close(self, code: int = GOODBYE) -> None:
        self._lost(code)
        await trio.aclose_forcefully(self._stream) if code != GOODBYE else await self._stream.aclose()

    async def _write(self, message: bytes) -> None:
        async with self._sending:
            if self._closed is not None:
                raise self._closed
            try:
                with trio.fail_after(STALL_S):
                    await self._stream.send_all(message)
            except (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError):
                raise self._lost(None) from None

    def _lost(self, code: int | None) -> StreamClosed:
        if self._closed is None:
            self._closed = StreamClosed(code)
            self._ticked.unpark_all()
        return self._closed
