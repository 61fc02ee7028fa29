"""Keeps a device's stream open: if the device disappears, we try to open it again, for a limited time.

Devices are opened and closed in threads, because opening some of them takes a tenth of a second. A device counts as
lost when it reports the end of its stream, or makes no callback for three seconds; some devices make their first
callback only after two seconds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import trio

from voicekit.audio.format import AudioFormat
from voicekit.contracts import tell
from voicekit.errors import ConfigError, DeviceError
from voicekit.events import Trouble
from voicekit.flow.threads import in_thread
from voicekit_device.cards import Cards, Device, Direction, Stream, choose, device_format

LOOK = 0.25
"""Seconds between two checks that the device still makes callbacks."""

LOOKS = 12
"""Failed checks in a row after which the device counts as lost. Checks are counted instead of seconds, so that a
blocked event loop does not make a device look silent.
"""

RETRY = 0.5
"""Seconds between two attempts to open a lost device."""

CLOSING = 0.5
"""Seconds to wait until a device is closed; after that, its thread closes it without us."""


def check_patience(patience: float) -> None:
    """Raise ConfigError if `patience` is not a valid time."""
    if not patience >= 0:
        raise ConfigError(f"patience: expected 0 seconds or more, got {patience!r}")


@dataclass(frozen=True, slots=True)
class Socket:
    """One direction of the device called `wanted`, or of the system's default, in a format that the device accepts."""

    cards: Cards
    direction: Direction
    wanted: str | None
    format: AudioFormat

    @classmethod
    def find(cls, cards: Cards, direction: Direction, wanted: str | None, sound: AudioFormat) -> Socket:
        """The socket whose format is nearest to `sound`. May block. Raises DeviceError if there is no such device."""
        device = choose(cards, wanted, direction)
        return cls(cards, direction, wanted, device_format(cards, device, direction, sound))

    def device(self, *, anew: bool) -> Device:
        """Find the device again. Raises DeviceError if it is missing or no longer accepts the format."""
        device = choose(self.cards, self.wanted, self.direction, anew=anew)
        if not self.cards.takes(device, self.direction, self.format):
            raise DeviceError(f"{self.direction} {device.name!r} no longer accepts {self.format}")
        return device


class Plug:
    """A stream through `socket`, opened by the function `open`. This function runs in a thread; its second argument is
    a function to call when the stream ends.

    `pulse` is a function whose result keeps changing while the device makes callbacks.
    """

    def __init__(
        self,
        socket: Socket,
        open: Callable[[Device, Callable[[], None]], Stream],  # noqa: A002  # the best word for it
        *,
        pulse: Callable[[], int],
        patience: float,
    ) -> None:
        self.lost = False
        self.latency = 0.0  # the device's latency in seconds, as the device reports it
        self._socket = socket
        self._open = open
        self._pulse = pulse
        self._patience = patience
        self._stream: Stream | None = None
        self._ended = trio.Event()
        self._error: DeviceError | None = None
        self._tell = tell.get()

    async def plug_in(self, *, anew: bool = False) -> None:
        """Open the stream. If cancelled, leaves no stream open."""
        token, ended = trio.lowlevel.current_trio_token(), trio.Event()

        def tell_end() -> None:
            with suppress(trio.RunFinishedError):
                token.run_sync_soon(ended.set)

        opening = _Opening(lambda: self._open(self._socket.device(anew=anew), tell_end))
        try:
            stream = await in_thread(opening.work)
        except BaseException:
            opening.abandon()
            raise
        self._stream, self._ended, self.latency = stream, ended, stream.latency

    async def pull_out(self) -> None:
        """Close the stream, if there is one. Takes at most half a second, cancelled or not."""
        stream, self._stream = self._stream, None
        if stream is not None:
            with trio.move_on_after(CLOSING, shield=True):
                await in_thread(stream.close)

    async def mind(self, back: Callable[[], None]) -> None:
        """Watch the device until it is lost for good; `back` is called before each attempt to open it again."""
        while self._error is None:
            await self._until_lost()
            self.lost = True
            gone = DeviceError(f"the device was lost; waiting up to {self._patience:g} s for it to return")
            self._tell(Trouble(self._socket.direction, gone))
            await self._try_again(back)

    def check(self) -> None:
        """Raise DeviceError if the device was lost and did not return."""
        if self._error is not None:
            raise self._error

    async def _until_lost(self) -> None:
        last, vain = self._pulse(), 0
        while vain < LOOKS:
            with trio.move_on_after(LOOK):
                await self._ended.wait()
                return
            vain = 0 if self._pulse() != last else vain + 1
            last = self._pulse()

    async def _try_again(self, back: Callable[[], None]) -> None:
        deadline = trio.current_time() + self._patience
        while self.lost:
            await self.pull_out()
            back()
            try:
                await self.plug_in(anew=True)
                await self._first_call()
                self.lost = False
            except DeviceError as error:
                if trio.current_time() >= deadline:
                    where = self._socket.direction
                    self._error = DeviceError(f"{where}: the device was lost and did not return: {error}")
                    return
                await trio.sleep(RETRY)

    async def _first_call(self) -> None:
        before = self._pulse()
        for _ in range(LOOKS):
            await trio.sleep(LOOK)
            if self._pulse() != before:
                return
        raise DeviceError("the device opens, but delivers no sound")


class _Opening:
    """Opens a stream in a thread; if the waiting task is cancelled, the stream is closed again."""

    def __init__(self, open: Callable[[], Stream]) -> None:  # noqa: A002  # the best word for it
        self._open = open
        self._lock = threading.Lock()
        self._abandoned = False
        self._stream: Stream | None = None

    def work(self) -> Stream:
        stream = self._open()
        with self._lock:
            self._stream = stream
            unwanted = self._abandoned
        if unwanted:
            stream.close()
        return stream

    def abandon(self) -> None:
        with self._lock:
            self._abandoned = True
            stream = self._stream
        if stream is not None:  # rare: the stream was open, but we were cancelled before we got it
            stream.close()
