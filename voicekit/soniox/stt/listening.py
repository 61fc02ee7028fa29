"""Transcribes one stream of audio over as many connections as necessary; drives the replay ring and the sessions."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from math import inf
from typing import Any, Protocol

import trio

from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame, Gap
from voicekit.contracts import tell
from voicekit.errors import LinkOverflow
from voicekit.events import Overrun, SpeechStarted, SpeechStopped, SttDown, SttUp, Trouble
from voicekit.flow.backoff import Backoff
from voicekit.flow.link import Inlet, Outlet
from voicekit.flow.store import Full
from voicekit.soniox.api.errors import Failed
from voicekit.soniox.connection.transport import Unconnected
from voicekit.soniox.stt.replay import ReplayRing
from voicekit.soniox.stt.session import SERVICE, Finished, RollOver, SttEvent, SttSession
from voicekit.soniox.stt.states import SttState
from voicekit.soniox.stt.tokens import PRE_ROLL_S
from voicekit.soniox.stt.transcript import TranscriptBuilder

ENDING_S = 30.0
"""Seconds after the end of the audio within which there must be a connection for its last words: as long as an outage
that loses nothing.
"""

ENDINGS = 2
"""How many sessions may get the end of the audio: if the first does not answer within three seconds, another
follows."""

AHEAD_S = 2.0
"""If more seconds of audio than this are unsent, a source that can wait must wait. The audio of a microphone, which
can't wait, is held back only if a connected service lags and the ring has no more room left than this; the links before
the ring hold five seconds.
"""


class SttConnection:
    """A session and its socket. Events that come before the call to `listen` are kept for the listener; events that
    come after the call to `leave` are dropped."""

    def __init__(self, core: SttSession) -> None:
        self.core = core
        # sends the messages that the core has queued; set as soon as there is a socket
        self.flush: Callable[[], None] = _nothing
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
    """A function that opens a connection for a session that begins with sample `base`. It may raise Unconnected."""

    def __call__(self, base: int) -> AbstractAsyncContextManager[SttConnection]: ...


class Listening:
    """Transcribes one stream of audio: `fill` takes the audio, and `listen` lets the service transcribe it.

    `fill` feeds the connected session; `listen` connects, paces a replay, and reconnects. `fill` ends when all audio
    has arrived, and `listen` when all of it has been transcribed. Transcripts, SttDown and SttUp are sent to `said`;
    lost audio is reported to the voicekit session. `new_keys` is True if each connection gets a new key.
    """

    def __init__(
        self, sound: AudioFormat, said: Outlet[Any], connects: Connects, backoff: Backoff, *, new_keys: bool
    ) -> None:
        self._sound = sound
        self._ahead = sound.samples(AHEAD_S)
        self._said = said
        self._connects = connects
        self._backoff = backoff
        self._new_keys = new_keys
        self._ring = ReplayRing(sound)
        self._transcript = TranscriptBuilder()
        self._connection: SttConnection | None = None
        self._over: SttEvent | Exception | None = None  # the event or error that ended the session; None until then
        self._news = trio.lowlevel.ParkingLot()  # wakes `listen` when the session ends or more of a replay is due
        self._resume: Callable[[], None] = _nothing  # makes `fill` take audio again after a pause
        self._base = 0  # the first sample of the next session
        self._retry_at = -inf
        self._ended_at = inf  # the time at which the audio ended
        self._endings = 0  # the number of sessions told that the audio has ended
        self._done = False

    async def fill(self, inbox: Inlet[Any]) -> None:
        """Take all audio from `inbox`. If the source can wait, pause while a few seconds of audio are unsent;
        otherwise, pause only if a connected service lags and the ring is almost full."""
        patient = inbox.statistics().full is Full.WAIT
        with inbox.hand_to(self._take, lambda: not self._has_enough(patient)) as taker:
            self._resume = taker.resume
            await taker.ended()
        self._ended_at = trio.current_time()
        self._feed()

    def finalize(self, at: int) -> None:
        """Ask the connected session to make all words up to sample `at` final; without a connection, this has no
        effect."""
        if self._connection is not None and self._over is None:
            self._connection.core.finalize_pause(at, trio.current_time())
            self._connection.flush()

    async def listen(self) -> None:
        """Let the service transcribe all audio. Raises errors that reconnecting can't fix."""
        try:
            while not self._done:
                await trio.sleep_until(self._retry_at)
                try:
                    async with self._connects(self._base) as connection:
                        await self._hold(connection)
                except Unconnected as error:
                    self._fail(error.failure(SERVICE))
        finally:
            self._report_loss()

    def _has_enough(self, patient: bool) -> bool:
        if patient:
            return self._ring.unsent > self._ahead
        return self._connection is not None and self._ring.room < self._ahead

    async def _hold(self, connection: SttConnection) -> None:
        """Feed one session until it is over, and decide whether another follows."""
        core, self._connection = connection.core, connection
        try:
            connection.listen(self._handle)
            if core.state is SttState.NEW:
                core.start(trio.current_time())
            self._feed()
            while self._over is None:
                with trio.move_on_at(inf if self._ring.due_at is None else self._ring.due_at):
                    await self._news.park()
                self._feed()
        finally:
            self._connection = None
            connection.leave()
        over, self._over = self._over, None
        if isinstance(over, Exception):
            raise over
        self._transcript.new_session()
        self._base = core.replay_from
        self._ring.rewind(self._base)
        self._resume()
        self._done = isinstance(over, Finished)
        if isinstance(over, Failed):
            self._fail(over)

    def _take(self, item: object) -> None:
        if isinstance(item, AudioFrame | Gap | SpeechStarted | SpeechStopped):
            self._ring.add(item)
            self._feed()

    def _feed(self) -> None:
        """Send the available audio to the connected session, and the end of the audio when it has come."""
        if self._connection is None or self._over is not None:
            return
        core, now = self._connection.core, trio.current_time()
        self._ring.forget(core.replay_from)
        for item in self._ring.take(now):
            core.hear(item, now)
        self._report_loss()
        due_at = self._ring.due_at
        if due_at is None and self._ended_at <= now and core.state is SttState.LISTENING:
            core.end(now)
            self._endings += 1
        self._connection.flush()
        if core.state is SttState.DONE:
            self._over = Finished()
        self._resume()
        if due_at is not None or self._over is not None:
            self._news.unpark_all()

    def _handle(self, event: SttEvent) -> None:
        """Handle an event of the session. This runs in the connection's reader, so `listen` raises its errors."""
        try:
            if isinstance(event, Failed | Finished | RollOver):
                self._over = self._over or event
            else:
                if self._backoff.down:
                    self._said.offer(SttUp())
                self._backoff.works(trio.current_time())
                for said in self._transcript.feed(event):
                    self._said.offer(said)
        except (LinkOverflow, trio.BrokenResourceError, trio.ClosedResourceError) as error:
            self._over = error
        if self._over is not None:
            self._news.unpark_all()

    def _fail(self, failure: Failed) -> None:
        """Decide when to try again after a failure. Raises its error if another attempt can't help."""
        was_down = self._backoff.down
        again = self._backoff.failed(trio.current_time(), failure.waits(new_keys=self._new_keys))
        if again is None:
            raise failure.error
        self._retry_at = again
        all_said = self._endings and self._ring.unsent <= self._sound.samples(PRE_ROLL_S)
        if all_said or self._endings == ENDINGS or again >= self._ended_at + ENDING_S:
            self._done = True
            tell.get()(Trouble(SERVICE, failure.error))
        elif not was_down:
            self._said.offer(SttDown(str(failure.error)))

    def _report_loss(self) -> None:
        lost_samples = self._ring.overrun()
        if lost_samples:
            tell.get()(Overrun(f"{SERVICE}: sound that waited for a connection", lost_samples))


def _nothing(*_: object) -> None:
    pass
