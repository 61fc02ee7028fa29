"""Speaks one reply: takes text and emits audio and word marks, using as many streams as necessary.

`voicekit.soniox.tts.planner` makes the decisions; this module carries out its commands. The audio of the streams may
arrive in any order; it is joined in the order of the text.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from math import inf

import trio

from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.contracts import Text
from voicekit.errors import ProtocolError, ServiceError, Unavailable
from voicekit.events import WordMark
from voicekit.flow.link import Inlet, Outlet, Taker
from voicekit.soniox.api.wire import TtsConfig
from voicekit.soniox.tts.connection import SERVICE
from voicekit.soniox.tts.planner import Drop, Open, Send, StreamCommand, StreamPlanner
from voicekit.soniox.tts.pool import TtsPool
from voicekit.soniox.tts.stream import SpeechStream

PATIENCE_S = 5.0
"""The maximum number of seconds for which a reply that has text but nothing to play waits for a connection: a longer
silence is dead air.
"""

UNTOLD_AHEAD_S = 0.3
"""The maximum number of seconds of audio that may wait for playout if the service does not report the times of words;
with the usual two seconds, estimates of these times would be made too early.
"""


class ReplySpeech:
    """Speaks one reply when `run` is called; `stop` immediately cancels all speech that is still being synthesised."""

    def __init__(self, pool: TtsPool, config: TtsConfig, sound: AudioFormat, planner: StreamPlanner) -> None:
        self._pool = pool
        self._config = config
        self._sound = sound
        self._planner = planner
        # at index n: the number of characters of the handler's text that count as heard after n spoken characters
        self._to = array("q", [0])
        self._at = 0  # samples passed on
        self._began_at = 0  # the sample at which the first stream begins
        self._marked = WordMark("", 0, 0)
        # the time at which we began to wait for a connection, with nothing to play
        self._silent_since: float | None = None
        self._stopped = False
        self._alarm = trio.CancelScope()  # the deadline of this scope is the time of the next action
        self._changed = trio.lowlevel.ParkingLot()
        self._resume: Callable[[], object] = self._changed.unpark_all  # makes text flow again after a pause

    async def run(self, inbox: Inlet[Text], outbox: Outlet[AudioFrame | WordMark]) -> None:
        """Speak all text. If the rest of the audio can't be obtained, ServiceError is raised after the available audio
        has been played.

        If `run` is cancelled, the streams are cancelled too.
        """
        self._pool.attend(self)
        try:
            with inbox.hand_to(self._add, self._welcomes) as taker:
                self._resume = taker.resume
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._keep_time, taker)
                    self.look_again()
                    await self._play(outbox)
                    nursery.cancel_scope.cancel()
        finally:
            self.stop()

    def stop(self) -> None:
        """Cancel all streams, and start no others. Cancelled streams get no further events. A second call has no
        effect."""
        self._stopped, self._alarm.deadline = True, inf
        self._pool.leave(self)
        for stream in self._planner.streams:
            self._pool.cancel(stream)
        self._pool.flush()

    def look_again(self) -> None:
        """Carry out the planner's decisions immediately. This is called whenever something has changed, and never
        waits."""
        if self._stopped:
            return
        now = trio.current_time()
        for command in self._planner.decide(now, self._pool.has_room):
            self._obey(command)
        self._pool.flush()
        due = min(self._planner.due_at, self._give_up_at(now))
        if due < self._alarm.deadline:  # a later deadline is set only once the earlier one has passed
            self._alarm.deadline = due
        if self._is_playable():
            self._changed.unpark_all()
        self._resume()

    def _is_playable(self) -> bool:
        """Whether `_play` may have something to do; text alone, before there is audio, is not enough."""
        if not self._planner.streams:
            return self._planner.done
        stream = self._planner.streams[0]
        return stream.over or bool(stream.pieces) or stream.voice.sound > 0

    def _obey(self, command: StreamCommand) -> None:
        match command:
            case Open(stream):
                self._pool.start(self._config, stream)
            case Send(stream, text, end):
                self._pool.send(stream, text, end=end)
            case Drop(stream):
                self._pool.cancel(stream)

    def _give_up_at(self, now: float) -> float:
        """The time at which to stop waiting for a connection; if it has come, give up."""
        pool, planner = self._pool, self._planner
        if pool.trouble is None or not planner.waiting or any(stream.pieces for stream in planner.streams):
            self._silent_since = None
            return inf
        self._silent_since = now if self._silent_since is None else self._silent_since
        if pool.hopeless or now >= self._silent_since + PATIENCE_S:
            planner.give_up(pool.trouble)
            return inf
        return self._silent_since + PATIENCE_S

    # --- the tasks of a reply ---

    async def _keep_time(self, taker: Taker) -> None:
        """Call `look_again` whenever an action is due, and at the end of the text."""
        is_complete = False
        while True:
            with self._alarm:
                if not is_complete:
                    await taker.ended()
                    is_complete = True
                    self._planner.finish()
                    self.look_again()
                await trio.sleep_forever()
            self._alarm = trio.CancelScope()
            self.look_again()

    def _welcomes(self) -> bool:
        return self._planner.wants_text

    def _add(self, text: Text) -> None:
        self._planner.add(text.text)
        self._to.extend(text.to)
        self.look_again()

    async def _play(self, outbox: Outlet[AudioFrame | WordMark]) -> None:
        """Pass the audio on, one stream after the other."""
        streams = self._planner.streams
        while True:
            stream = streams[0] if streams else None
            if stream is not None:
                await self._mark(stream, self._at, outbox)
            if stream is not None and stream.pieces:
                await self._send_on(stream, outbox)
            elif stream is not None and stream.over:
                streams.remove(stream)
                self._began_at = self._at
            elif stream is None and self._planner.error is not None:
                await outbox.until_below(1)  # let the available audio be heard before the error stops everything
                raise _of_service(self._planner.error)
            elif stream is None and self._planner.done:
                return
            else:
                await self._changed.park()

    async def _send_on(self, stream: SpeechStream, outbox: Outlet[AudioFrame | WordMark]) -> None:
        """Pass a piece of audio on, after the marks of the words that begin in it."""
        if not stream.voice.told:
            await outbox.until_below(self._sound.samples(UNTOLD_AHEAD_S))
        frame = AudioFrame(stream.pieces.popleft(), self._at, self._sound)
        await self._mark(stream, frame.end, outbox)
        await outbox.send(frame)
        self._at = frame.end
        stream.queued -= frame.seconds
        self.look_again()

    async def _mark(self, stream: SpeechStream, end: int, outbox: Outlet[AudioFrame | WordMark]) -> None:
        """Send the marks of the words that begin before the reply's sample `end`; they never go backwards."""
        is_last = stream.over and stream.failure is None and not stream.pieces
        for word in stream.voice.words(inf if is_last else self._sound.seconds(end - self._began_at)):
            at = max(self._began_at + self._sound.samples(word.at), self._marked.at)
            self._marked = WordMark(word.text, at, max(self._to[stream.start + word.to], self._marked.said_to))
            await outbox.send(self._marked)


def _of_service(error: ServiceError | ProtocolError) -> ServiceError:
    """`error` as a ServiceError: if the service breaks the protocol, this ends a reply and not the call, like any other
    failure."""
    if isinstance(error, ServiceError):
        return error
    return Unavailable(f"{SERVICE}: {error}", service=SERVICE, retryable=True)
