"""A simulated page, in memory and in virtual time: it plays by its own clock, can lose its socket, and resumes its call
on a new one.

page = ScriptedPage()
stream = page.connect()             a MessageStream for the server; the page begins or resumes on it
page.cut()                          the socket is gone, and both sides notice immediately
page.block()                        the socket is gone, and neither side notices
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import trio

from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.call.wire import StreamClosed, WireMessage
from voicekit.play.clocked_device import ClockedDevice
from voicekit_browser.peer import PagePeer
from voicekit_browser.wire import HEARD_RATE

SPOKEN = AudioFormat(24_000)
REPORT_S = 0.05
FRAME = 2 * HEARD_RATE // 50


class ScriptedPage:
    """One page. `events` holds the server's events, and `played` the bot's audio and when each piece was heard."""

    def __init__(self, *, delay: float = 0.0, latency: float = 0.0) -> None:
        self.peer = PagePeer()
        self.delay = delay
        self.latency = latency
        self.events: list[Mapping[str, Any]] = []
        self.messages: list[Mapping[str, Any]] = []
        self.played: list[tuple[float, bytes]] = []
        self.socket: MemorySocket | None = None
        self.talk = bytearray()
        self._carried = False
        self._device = self._new_device()
        self.base = 0  # the device's position at the beginning of the generation

    def connect(self) -> MemorySocket:
        """A new socket, over which the page has already sent its first message."""
        self.socket, self._carried = MemorySocket(self), False
        self.socket.page_sends(self.peer.resume() if self.peer.resume_token else self.peer.start())
        return self.socket

    def cut(self) -> None:
        assert self.socket is not None
        self.socket.closed = True
        self.socket.wake()
        self.socket = None

    def block(self) -> None:
        assert self.socket is not None
        self.socket.blocked = True
        self.socket = None

    def send(self, message: WireMessage) -> None:
        """Send `message` if a socket carries the call; on a new socket, the server asks for anything that was lost."""
        if self.socket is not None and self._carried:
            self.socket.page_sends(message)

    @property
    def position(self) -> int:
        """How many samples have been heard, in all generations together."""
        return self._device.position(trio.current_time())

    async def run(self) -> None:
        """Until cancelled, send the audio in `talk`, then silence, and report what has been heard."""
        due = trio.current_time()
        ticks = 0
        while True:
            due += 0.02
            await trio.sleep_until(due)
            pcm = bytes(self.talk[:FRAME]).ljust(FRAME, b"\0")
            del self.talk[:FRAME]
            self.send(self.peer.sound(pcm))
            ticks += 1
            if ticks % 3 == 0:
                self.report()

    def report(self) -> None:
        before, self.peer.played = self.peer.played, self.position - self.base
        playing = self.peer.played > before and self._device.queued(trio.current_time()) > 0
        self.send(self.peer.report(playing=playing))

    def take(self, message: WireMessage) -> None:
        """Process a message from the server."""
        before = self.peer.gen
        said = self.peer.receive(message)
        now = trio.current_time()
        if isinstance(said, bytes):
            self._device.write(AudioFrame(said, 0, SPOKEN), now)
            return
        self.messages.append(said)
        if self.peer.gen != before:
            self._device.discard(now)
            self.base = self._device.position(now)
        match said["type"]:
            case "event":
                self.events.append(said)
            case "ping":
                self.send(f'{{"type":"pong","n":{said["n"]}}}')
            case "hold":
                self._device.hold(now)
                self.report()
            case "release":
                self._device.release(now)
            case "welcome" | "resumed":
                self._carried = True
                for again in self.peer.again(said):
                    self.send(again)

    def _new_device(self) -> ClockedDevice:
        heard = lambda at, frame: self.played.append((at, frame.pcm))  # noqa: E731
        return ClockedDevice(SPOKEN, latency=self.latency, played=heard)


class MemorySocket:
    """A `MessageStream` to a simulated page; each message arrives after the page's `delay`."""

    def __init__(self, page: ScriptedPage) -> None:
        self._page = page
        self._to_server: list[tuple[float, WireMessage]] = []
        self._to_page: list[tuple[float, WireMessage]] = []
        self._changed = trio.lowlevel.ParkingLot()
        self._sent = trio.lowlevel.ParkingLot()
        self.closed = self.blocked = False
        self.code: int | None = None

    def wake(self) -> None:
        self._changed.unpark_all()

    def page_sends(self, message: WireMessage) -> None:
        self._to_server.append((trio.current_time() + self._page.delay, message))
        self.wake()

    async def receive(self) -> WireMessage:
        while True:
            if self.closed:
                raise StreamClosed(self.code)
            if self.blocked or not self._to_server:
                await self._changed.park()
            elif (at := self._to_server[0][0]) > trio.current_time():
                with trio.move_on_at(at):
                    await self._changed.park()
            else:
                await trio.lowlevel.checkpoint()
                return self._to_server.pop(0)[1]

    async def send(self, message: WireMessage) -> None:
        await trio.lowlevel.checkpoint()
        if self.closed:
            raise StreamClosed(self.code)
        if self.blocked:
            return
        self._to_page.append((trio.current_time() + self._page.delay, message))
        if self._page.delay:
            self._sent.unpark_all()
        else:
            self.deliver()

    async def carry(self) -> None:
        """Until cancelled, deliver the server's messages to the page, each after `delay`."""
        while not (self.closed or self.blocked):
            if self._to_page:
                await trio.sleep_until(self._to_page[0][0])
                self.deliver()
            else:
                await self._sent.park()

    def deliver(self) -> None:
        while self._to_page and self._to_page[0][0] <= trio.current_time() and not (self.closed or self.blocked):
            message = self._to_page.pop(0)[1]
            if self._page.socket is self:
                self._page.take(message)

    async def close(self, code: int = 1000) -> None:
        await trio.lowlevel.checkpoint()
        self.deliver()
        self.closed, self.code = True, code
        self.wake()
        if self._page.socket is self:
            self._page.socket = None
