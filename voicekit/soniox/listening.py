"""One stream of sound and its transcript, over as many connections as it takes: the driver of ring and sessions."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from math import inf
from typing import Any, Protocol

import trio

from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame, Gap
from voicekit.contracts import tell
from voicekit.events import EarsDown, EarsUp, Overrun, SpeechStarted, SpeechStopped, Trouble
from voicekit.flow.link import Inlet, Outlet
from voicekit.soniox.errors import Failed, Retry, delay, lost, refused_handshake
from voicekit.soniox.ring import Ring
from voicekit.soniox.shell import Shell
from voicekit.soniox.states import Session
from voicekit.soniox.stt import SERVICE, Finished, RollOver, SttEvent, SttSession
from voicekit.soniox.transport import Unconnected

GIVE_UP_S = 120.0
"""Seconds without a connection after which the call fails: by then the caller has hung up, or should."""

ENDING_S = 8.0
"""Seconds after the end of the sound in which its last words must come, a new connection included."""

ALMOST_FULL_S = 2.0
"""Seconds of room left in the ring at which a connected service that lags makes the source wait."""


class Connection:
    """A session on its socket. What it says before anybody listens is kept."""

    def __init__(self, core: SttSession) -> None:
        self.core = core
        self.shell: Shell[SttEvent] | None = None
        self._listener: Callable[[SttEvent], None] | None = None
        self._early: list[SttEvent] = []

    def handle(self, event: SttEvent) -> None:
        if self._listener is None:
            self._early.append(event)
        else:
            self._listener(event)

    def listen(self, listener: Callable[[SttEvent], None]) -> None:
        self._listener = listener
        for event in self._early:
            listener(event)


class Connects(Protocol):
    """Makes connections for sessions that begin with ear sample `base`; raises Unconnected."""

    def __call__(self, base: int) -> AbstractAsyncContextManager[Connection]: ...


class Listening:
    """Hears one stream. `fill` takes it in, `listen` has it transcribed; both end when all is done.

    `said` is offered transcripts, EarsDown and EarsUp; of what is lost the session is told.
    """

    def __init__(
        self, sound: AudioFormat, said: Outlet[Any], connects: Connects, *, new_keys: bool, roll: Callable[[], float]
    ) -> None:
        self._ring = Ring(sound)
        self._enough = sound.samples(ALMOST_FULL_S)
        self._said = said
        self._connects = connects
        self._new_keys = new_keys
        self._roll = roll
        self._changed = trio.lowlevel.ParkingLot()
        self._connected = False
        self._ended_at = inf
        self._down_since: float | None = None
        self._failures = 0
        self._over: Failed | Finished | RollOver | None = None

    async def fill(self, inbox: Inlet[Any]) -> None:
        """Take everything in, without waiting for the service; only a service that lags is waited for."""
        async for item in inbox:
            if isinstance(item, AudioFrame | Gap | SpeechStarted | SpeechStopped):
                self._ring.add(item)
            lost_samples = self._ring.overrun()
            if lost_samples:
                tell.get()(Overrun(f"{SERVICE}: sound that waited for a connection", lost_samples))
            self._changed.unpark_all()
            while self._connected and self._ring.room < self._enough:
                await self._changed.park()
        self._ended_at = trio.current_time()
        self._changed.unpark_all()

    async def listen(self, first: Connection | None) -> None:
        """Have everything transcribed; `first` is a connection that is open already. Raises what can't be mended."""
        base = 0
        while True:
            if first is not None:
                connection, first = first, None
                await self._hold(connection)
            else:
                try:
                    async with self._connects(base) as connection:
                        await self._hold(connection)
                except Unconnected as error:
                    self._over = unconnected(error)
                    connection = None
            if isinstance(self._over, Finished):
                return
            if connection is not None:
                base = connection.core.replay_from
                self._ring.rewind(base)
            if isinstance(self._over, Failed) and not await self._mended(self._over):
                return

    async def _hold(self, connection: Connection) -> None:
        """Feed one session until it is over; `_over` says how."""
        core, shell = connection.core, connection.shell
        assert shell is not None, "a connection is given away when it is open"
        self._over = None
        self._core = core
        self._connected = True
        connection.listen(self._handle)
        if core.state is Session.NEW:
            core.start(trio.current_time())
        while self._over is None:
            now = trio.current_time()
            for item in self._ring.take(now):
                core.hear(item, now)
            if self._ended_at <= now and self._ring.due_at is None and core.state is Session.LISTENING:
                core.end(now)
            shell.flush()
            if core.state is Session.DONE:
                self._over = Finished()
            if self._over is None:
                with trio.move_on_at(inf if self._ring.due_at is None else self._ring.due_at):
                    await self._changed.park()
        self._connected = False

    def _handle(self, event: SttEvent) -> None:
        if isinstance(event, Failed | Finished | RollOver):
            self._over = self._over or event
        else:
            self._is_up()
            self._said.offer(event)
            self._ring.forget(self._core.replay_from)
        self._changed.unpark_all()

    def _is_up(self) -> None:
        self._failures = 0
        if self._down_since is not None:
            self._down_since = None
            self._said.offer(EarsUp())

    async def _mended(self, failed: Failed) -> bool:
        """Wait as long as it is good for after a failure; False when the stream is over and there is no time left."""
        now = trio.current_time()
        self._failures += 1
        wait = delay(failed.retry, self._failures, self._roll())
        if wait is None or (failed.retry is Retry.NEW_KEY and not self._new_keys):
            raise failed.error
        if self._down_since is None:
            self._down_since = now
            self._said.offer(EarsDown(str(failed.error)))
        if now + wait >= self._ended_at + ENDING_S:
            tell.get()(Trouble(SERVICE, failed.error))
            return False
        if now + wait >= self._down_since + GIVE_UP_S:
            raise failed.error
        await trio.sleep(wait)
        return True


def unconnected(error: Unconnected) -> Failed:
    """The failure that a connection which did not come about means."""
    if error.status is not None:
        return refused_handshake(error.status, "", service=SERVICE)
    return lost(f"can't connect: {error}", service=SERVICE)
