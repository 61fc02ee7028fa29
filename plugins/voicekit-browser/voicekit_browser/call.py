"""A call from a web page. The call outlives its sockets: one socket carries it at a time, and another may take over.

    socket --receive--> PageWire --> audio  --> call.source             each socket: a reader, a writer, a task
                                     played --> line (the position)     that pings; when one of them ends, so do all
    line --next_message--> writer --> socket                            three, and the call waits RESUME_S for a socket

The session does not notice a change of sockets. While there is no socket, the position does not advance, so playout
waits. On the next socket, the bot continues after the last sample that the page has played.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import trio

from voicekit.audio.format import AudioFormat
from voicekit.call.connection import GOODBYE_S, SEND_S, Call
from voicekit.call.info import CallEnd, CallInfo, EndReason
from voicekit.call.wire import MessageStream, StreamClosed
from voicekit.errors import ConfigError, RemoteProtocolError
from voicekit.flow.groups import alone
from voicekit_browser import wire
from voicekit_browser.caller import PageSource
from voicekit_browser.line import PageLine, PageSink
from voicekit_browser.shown import Shown
from voicekit_browser.wire import (
    HEARD_RATE,
    PageBye,
    PageDigit,
    PageEvent,
    PagePlayed,
    PageResume,
    PageSkip,
    PageSound,
    PageSpot,
    PageText,
    PageWire,
)

RESUME_S: Final = 10.0
"""Seconds within which a lost socket must be replaced; after that, the caller counts as lost."""

SETTLE_S: Final = 0.5
"""Seconds to wait for the page's last reports, after the last words."""

PING_S: Final = 2.0
"""Seconds between two pings."""

SILENT_S: Final = 4.8
"""Seconds without any message from the page, not even an answer to a ping, after which the socket counts as lost.
An answer may take nearly 3 s, and a lost socket is noticed within 5 s, even on a busy machine.
"""

ENTRIES: Final = 30
"""Typed lines and keys allowed in ENTRIES_S; a page that sends more is disconnected."""

ENTRIES_S: Final = 10.0

GONE_CODES: Final = (1000, 1001)
"""The close codes of a page that the caller closed: it closed its socket properly, and will not return."""

CLOSE_S: Final = 0.2
"""Seconds to finish the message that is being sent when we drop a socket."""

LOST: Final = 4408
"""The close code for a socket that became silent, or that another socket replaced."""

REFUSED: Final = 4400
"""The close code for a socket whose messages do not follow the protocol."""


class PageCall(Call):
    """A call from a page; see `voicekit.call.connection.Call`."""

    source: PageSource

    def __init__(self, info: CallInfo, spoken: AudioFormat, *, resume: str, details: bool) -> None:
        self.info = info
        self.end = None
        self.held = False
        self.answered_by = None
        self.trouble = None
        self.resume_token = resume
        self.sockets = 0
        self.source = PageSource(AudioFormat(HEARD_RATE))
        self.line = PageLine(spoken)
        self.sink: Any = PageSink(self.line)
        self._shown = Shown(self.line.show, details=details)
        self._socket: trio.CancelScope | None = None
        self._stream: Any = None
        self._sending = trio.CancelScope()
        self._entered = 0
        self._entries: list[float] = []
        self._pings = 0
        self._heard_at = 0.0  # the time at which the page last sent something
        self._changed = trio.lowlevel.ParkingLot()
        self._parted = trio.Event()

    @property
    def can(self) -> frozenset[str]:
        return frozenset({"hang_up", "clear", "mark"})

    async def send_digits(self, digits: str) -> None:
        await trio.lowlevel.checkpoint()
        raise ConfigError("send_digits: keys can't be sent to a page")

    async def transfer(self, to: str) -> None:
        await trio.lowlevel.checkpoint()
        raise ConfigError("transfer: a call from a page can't be transferred")

    async def settle(self) -> None:
        """Wait for the last words to be heard, for at most SETTLE_S; return immediately if the page is lost."""
        if self.end is None:
            with trio.move_on_after(SETTLE_S):
                await self.line.all_heard()

    def join(self, session: Any) -> None:
        """Show the page the events of its session."""
        self._shown.join(session)

    def finish(self, end: CallEnd) -> None:
        if self.end is None:
            self.end = end
            self.source.finish()
            self.line.lose()
            self._changed.unpark_all()

    @asynccontextmanager
    async def open(self, stream: MessageStream, page: PageWire) -> AsyncIterator[PageCall]:
        """Begin the call on `stream`; the end of the block ends the call and closes its socket."""
        self.line.order(wire.welcome(str(self.info.call_id), self.resume_token, self.line.format.rate))
        try:
            with alone():
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._carry, stream, page)
                    nursery.start_soon(self._give_up_in_time)
                    yield self
                    nursery.cancel_scope.cancel()
        finally:
            self.finish(CallEnd(EndReason.DRAINED))  # this has no effect if the call is already over
            self.source.close()
            await self._part()
            self._parted.set()

    async def resume(self, stream: MessageStream, page: PageWire, spot: PageSpot) -> None:
        """Carry the call on `stream` instead of the previous socket. Returns when `stream` ends."""
        await self._drop_and_wait()
        self.line.go_on(spot, self.source.samples, self._entered)
        await self._carry(stream, page)
        if self.end is not None:
            await self._parted.wait()  # waits until the goodbye has been sent on this socket

    async def _carry(self, stream: MessageStream, page: PageWire) -> None:
        self.sockets += 1
        self._stream, self._heard_at = stream, trio.current_time()
        try:
            with alone():
                async with trio.open_nursery() as nursery:
                    self._socket = nursery.cancel_scope
                    self._changed.unpark_all()
                    nursery.start_soon(self._read, stream, page)
                    nursery.start_soon(self._write, stream)
                    nursery.start_soon(self._watch)
        finally:
            self._socket = None
            self.source.pause_time()
            self._changed.unpark_all()
            if self.end is None:
                with trio.move_on_after(GOODBYE_S, shield=True):
                    await stream.close(LOST)

    async def _read(self, stream: MessageStream, page: PageWire) -> None:  # type: ignore[override]  # of one socket
        while self.end is None:
            try:
                message = await stream.receive()
                self._heard_at = trio.current_time()
                self._take(page.receive(message))
            except StreamClosed as closed:
                if closed.code in GONE_CODES:
                    self.finish(CallEnd(EndReason.CALLER, str(closed.code)))
                break
            except RemoteProtocolError as error:
                self.finish(CallEnd(EndReason.CARRIER, str(error)))
        self._drop()

    def _take(self, event: PageEvent | None) -> None:
        match event:
            case PageSound(pcm):
                self.source.hear(pcm, trio.current_time())
            case PagePlayed(gen, samples, playing):
                self.line.played(gen, samples, playing=playing)
            case PageSkip(samples):
                self.source.skip(min(samples, HEARD_RATE * 3600))
            case PageText(n, text) if self._is_new(n):
                self.source.type(text)
            case PageDigit(n, digit) if self._is_new(n):
                self.source.press(digit)
            case PageBye():
                self.finish(CallEnd(EndReason.CALLER))
            case PageResume():
                raise RemoteProtocolError(
                    "voicekit.v1: this socket already carries the call; resume it on a new socket"
                )

    def _is_new(self, n: int) -> bool:
        """Whether entry `n` is new; on a new socket the page may repeat entries. Raises if entries come too fast."""
        if n <= self._entered:
            return False
        now = trio.current_time()
        self._entered = n
        self._entries = [at for at in self._entries if at > now - ENTRIES_S] + [now]
        if len(self._entries) > ENTRIES:
            raise RemoteProtocolError(
                f"voicekit.v1: expected at most {ENTRIES} lines and keys in {ENTRIES_S:g} s, got more"
            )
        return True

    async def _write(self, stream: MessageStream) -> None:  # type: ignore[override]  # of one socket
        try:
            while True:
                message = await self.line.next_message()
                with trio.CancelScope(deadline=trio.current_time() + SEND_S, shield=True) as self._sending:
                    await stream.send(message)
                if self._sending.cancelled_caught:
                    break
                await trio.lowlevel.checkpoint_if_cancelled()
        except StreamClosed:
            pass
        self._drop()

    async def _watch(self) -> None:
        """Send pings, and drop a socket on which nothing has arrived for SILENT_S."""
        due = trio.current_time()
        while (now := trio.current_time()) < self._heard_at + SILENT_S:
            if now >= due:
                due = now + PING_S
                self._pings += 1
                self.line.order(wire.ping(self._pings))
                if now < self._heard_at + PING_S:  # the page has responded recently
                    self.source.keep_time(now)
            await trio.sleep_until(min(due, self._heard_at + SILENT_S))
        self._drop()

    def _drop(self) -> None:
        """Drop the socket; a half-sent message has CLOSE_S to be completed."""
        if self._socket is not None:
            self._socket.cancel()
            self._sending.deadline = min(self._sending.deadline, trio.current_time() + CLOSE_S)

    async def _drop_and_wait(self) -> None:
        self._drop()
        while self._socket is not None:
            await self._changed.park()

    async def _give_up_in_time(self) -> None:
        """End the call when it has had no socket for RESUME_S."""
        await trio.lowlevel.checkpoint()  # gives the first socket time to be set up
        while self.end is None:
            while self._socket is not None:
                await self._changed.park()
            with trio.move_on_after(RESUME_S):
                while self._socket is None and self.end is None:
                    await self._changed.park()
            if self._socket is None:
                self.finish(CallEnd(EndReason.LOST, f"no socket for {RESUME_S:g} s"))

    async def _part(self) -> None:
        """Tell the page why the call is over, and close its socket, within GOODBYE_S."""
        reason = "" if self.end is None else self.end.reason.value
        with trio.move_on_after(GOODBYE_S, shield=True):
            await self._drop_and_wait()
            try:
                for message in [*self.line.rest(), wire.bye(reason)]:
                    await self._stream.send(message)
            except StreamClosed:
                return
            await self._stream.close(REFUSED if reason == EndReason.CARRIER else 1000)
