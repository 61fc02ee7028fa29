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
from voicekit.events import Overrun, SpeechStarted, SpeechStopped, SttDown, SttUp, Trouble
from voicekit.flow.link import Inlet, Outlet
from voicekit.flow.store import Full
from voicekit.soniox.api.errors import Failed, lost, refused_handshake
from voicekit.soniox.connection.transport import Unconnected
from voicekit.soniox.stt.mending import SttRecovery
from voicekit.soniox.stt.replay import ReplayRing
from voicekit.soniox.stt.session import SERVICE, Finished, RollOver, SttEvent, SttSession
from voicekit.soniox.stt.states import SttState
from voicekit.soniox.stt.tokens import PRE_ROLL_S
from voicekit.soniox.stt.transcript import TranscriptBuilder

ENDING_S = 30.0
"""Seconds after the end of the sound in which there must be a connection for its last words: as long as an outage may
last that loses nothing."""

ENDINGS = 2
"""Sessions that are told that the sound is over: one that does not answer in three seconds is followed by one more."""

AHEAD_S = 2.0
"""Sound that waits to be sent when a source that can wait is made to. One that can't, a microphone, is made to only
where a connected service lags, and no more room than this is left in the ring: links in front of us hold five."""


class SttConnection:
    """A session on its socket. What it says before anybody listens is kept; once it is left, nobody hears it."""

    def __init__(self, core: SttSession) -> None:
        self.core = core
        self.flush: Callable[[], None] = _nothing  # sends what the core has to say; set when there is a socket
        self.left = trio.Event()
        self._early: list[SttEvent] = []
        self._listener: Callable[[SttEvent], object] = self._early.append

    def handle(self, event: SttEvent) -> None:
        self._listener(event)

    def listen(self, listener: Callable[[SttEvent], object]) -> None:
        self._listener = listener
        for event in self._early:
            listener(event)

    def leave(self) -> None:
        self._listener = _nothing
        self.left.set()


class Connects(Protocol):
    """Makes a connection for a session that begins with ear sample `base`; raises Unconnected."""

    def __call__(self, base: int) -> AbstractAsyncContextManager[SttConnection]: ...


class Listening:
    """Hears one stream. `fill` takes it in, `listen` has it transcribed; both end when all is done.

    `said` is offered transcripts, SttDown and SttUp; of what is lost the session is told.
    """

    def __init__(self, sound: AudioFormat, said: Outlet[Any], connects: Connects, mending: SttRecovery) -> None:
        self._sound = sound
        self._said = said
        self._connects = connects
        self._mending = mending
        self._ring = ReplayRing(sound)
        self._transcript = TranscriptBuilder()
        self._news = trio.lowlevel.ParkingLot()  # where `listen` waits for sound and for answers
        self._space = trio.lowlevel.ParkingLot()  # where `fill` waits
        self._connected = False
        self._over: Failed | Finished | RollOver | None = None  # how the session ended
        self._base = 0  # the first sample of the next session
        self._retry_at = -inf
        self._ended_at = inf  # the sound
        self._endings = 0  # sessions that were told so
        self._done = False

    async def fill(self, inbox: Inlet[Any]) -> None:
        """Take everything in: without waiting for the service, unless the source can wait or the service lags."""
        patient = inbox.statistics().full is Full.WAIT
        async for item in inbox:
            if isinstance(item, AudioFrame | Gap | SpeechStarted | SpeechStopped):
                self._ring.add(item)
            self._news.unpark_all()
            while self._has_enough(patient):
                await self._space.park()
        self._ended_at = trio.current_time()
        self._news.unpark_all()

    async def listen(self) -> None:
        """Have everything transcribed. Raises what can't be mended."""
        try:
            while not self._done:
                await trio.sleep_until(self._retry_at)
                try:
                    async with self._connects(self._base) as connection:
                        await self._hold(connection)
                except Unconnected as error:
                    self._fail(unconnected(error))
        finally:
            self._report_loss()

    def _has_enough(self, patient: bool) -> bool:
        ahead = self._sound.samples(AHEAD_S)
        return self._ring.unsent > ahead if patient else self._connected and self._ring.room < ahead

    async def _hold(self, connection: SttConnection) -> None:
        """Feed one session until it is over, and see what comes next."""
        core = connection.core
        self._connected = True
        try:
            connection.listen(self._handle)
            if core.state is SttState.NEW:
                core.start(trio.current_time())
            while self._feed(connection):
                with trio.move_on_at(inf if self._ring.due_at is None else self._ring.due_at):
                    await self._news.park()
        finally:
            self._connected = False
            connection.leave()
        over, self._over = self._over, None
        self._transcript.new_session()
        self._base = core.replay_from
        self._ring.rewind(self._base)
        self._space.unpark_all()
        self._done = isinstance(over, Finished)
        if isinstance(over, Failed):
            self._fail(over)

    def _feed(self, connection: SttConnection) -> bool:
        """Send what there is, and the end when that has come; whether the session goes on."""
        core, now = connection.core, trio.current_time()
        self._ring.forget(core.replay_from)
        for item in self._ring.take(now):
            core.hear(item, now)
        self._report_loss()
        self._space.unpark_all()
        if self._ended_at <= now and self._ring.due_at is None and core.state is SttState.LISTENING:
            core.end(now)
            self._endings += 1
        connection.flush()
        if core.state is SttState.DONE:
            self._over = Finished()
        return self._over is None

    def _handle(self, event: SttEvent) -> None:
        """Take what a session says."""
        if isinstance(event, Failed | Finished | RollOver):
            self._over = self._over or event
        else:
            if self._mending.down:
                self._said.offer(SttUp())
            self._mending.answered(trio.current_time())
            for said in self._transcript.feed(event):
                self._said.offer(said)
        self._news.unpark_all()

    def _fail(self, failure: Failed) -> None:
        """Decide what follows from a failure; raises its error when trying again is no use."""
        was_down = self._mending.down
        self._retry_at = self._mending.failed(failure, trio.current_time())
        all_said = self._endings and self._ring.unsent <= self._sound.samples(PRE_ROLL_S)
        if all_said or self._endings == ENDINGS or self._retry_at >= self._ended_at + ENDING_S:
            self._done = True
            tell.get()(Trouble(SERVICE, failure.error))
        elif not was_down:
            self._said.offer(SttDown(str(failure.error)))

    def _report_loss(self) -> None:
        lost_samples = self._ring.overrun()
        if lost_samples:
            tell.get()(Overrun(f"{SERVICE}: sound that waited for a connection", lost_samples))


def unconnected(error: Unconnected) -> Failed:
    """The failure that a connection which did not come about means."""
    if error.status is not None:
        return refused_handshake(error.status, "", service=SERVICE)
    return lost(f"can't connect: {error}", service=SERVICE)


def _nothing(*_: object) -> None:
    pass
