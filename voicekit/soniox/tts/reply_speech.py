"""One reply's speech: text in, sound and word marks out, over as many streams as the rules ask for.

`voicekit.soniox.tts.planner` decides; here its commands are carried out, and the sound of the streams is laid end to
end in the order of the text, whatever order it comes in.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf

import trio

from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.contracts import Text
from voicekit.errors import ProtocolError, ServiceError, Unavailable
from voicekit.events import WordMark
from voicekit.flow.link import Inlet, Outlet
from voicekit.soniox.api.wire import TtsConfig
from voicekit.soniox.tts.budget import StreamBudget
from voicekit.soniox.tts.connection import SERVICE
from voicekit.soniox.tts.live_stream import SoundEnded, StreamFailed, StreamGone, StreamSound
from voicekit.soniox.tts.planner import Drop, Open, Send, StreamPlanner
from voicekit.soniox.tts.pool import TtsPool

PATIENCE_S = 5.0
"""Seconds that a reply with something to say and nothing to play waits for a connection: longer is dead air."""

UNTOLD_AHEAD_S = 0.3
"""Seconds of sound that wait for playout where the service does not tell the words: behind two seconds of it, what is
found out about them would come too late."""


@dataclass(slots=True)
class _Stream:
    """What has come of one stream and has not gone on. The core sees to it that it is never more than a stream's."""

    feed: StreamBudget
    id: str
    pieces: deque[bytes] = field(default_factory=deque)
    began_at: int | None = None  # the reply's sample with which its sound begins
    over: bool = False  # nothing more will come


class ReplySpeech:
    """Speaks one reply. `run` does it; `stop` cancels what is still being made, at once."""

    def __init__(
        self, mouth: TtsPool, config: TtsConfig, sound: AudioFormat, speaking: StreamPlanner, roll: Callable[[], float]
    ) -> None:
        self._mouth = mouth
        self._config = config
        self._sound = sound
        self._speaking = speaking
        self._roll = roll
        self._to = array("q", [0])  # after so many characters, how many of the handler's text count as heard
        self._streams: deque[_Stream] = deque()  # in the order of the text
        self._at = 0  # samples that have gone on
        self._marked = WordMark("", 0, 0)
        self._silent_since: float | None = None  # when it began to wait for a connection with nothing to play
        self._stopped = False
        self._hearing = trio.lowlevel.ParkingLot()  # where `_play` waits for sound, or for the end
        self._changed = trio.lowlevel.ParkingLot()  # where the others wait

    async def run(self, inbox: Inlet[Text], outbox: Outlet[AudioFrame | WordMark]) -> None:
        """Speak everything that comes. Raises ServiceError when the rest can't be had, after what could be was played.

        When this is cancelled, the streams are, too.
        """
        self._mouth.attend(self)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._take, inbox)
                nursery.start_soon(self._drive)
                await self._play(outbox)
                nursery.cancel_scope.cancel()
        finally:
            self.stop()

    def stop(self) -> None:
        """Cancel all streams and start no other; nothing more is heard of them. Twice is once."""
        self._stopped = True
        self._mouth.leave(self)

    # Called by the connection.

    def hear(self, event: StreamSound | SoundEnded | StreamFailed | StreamGone) -> None:
        stream = next((stream for stream in self._streams if stream.id == event.stream and not stream.over), None)
        if stream is None:
            return
        if isinstance(event, StreamSound):
            seconds = self._sound.seconds(event.samples)
            self._speaking.sounded(stream.feed.number, seconds, event.characters, event.words)
            if event.data:
                stream.pieces.append(event.data)
        elif isinstance(event, SoundEnded):
            self._speaking.completed(stream.feed.number, event.words)
            stream.over = True
        elif isinstance(event, StreamFailed):
            stream.over = True
            self._speaking.failed(stream.feed.number, event.failure, trio.current_time(), self._roll())
            self._decide()  # at once, so that nothing is played of a stream that has to be dropped
        self.look_again()

    def look_again(self) -> None:
        self._changed.unpark_all()
        self._hearing.unpark_all()

    # The tasks of a reply.

    async def _take(self, inbox: Inlet[Text]) -> None:
        """Take text in while it is welcome; otherwise the handler waits."""
        async for text in inbox:
            while not self._speaking.wants_text:
                await self._changed.park()
            self._speaking.add(text.text)
            self._to.extend(text.to)
            self._decide()  # at once: it is what the caller waits for
            self._mouth.flush()
            self._changed.unpark_all()
        self._speaking.finish()
        self.look_again()

    async def _drive(self) -> None:
        """Carry out what the rules decide, whenever something has changed."""
        while not self._stopped:
            self._decide()
            self._mouth.flush()
            self._changed.unpark_all()
            due = self._speaking.due_at
            with trio.move_on_at(min(self._give_up_at(trio.current_time()), inf if due is None else due)):
                await self._changed.park()

    def _decide(self) -> None:
        if self._stopped:
            return
        for command in self._speaking.decide(trio.current_time(), self._mouth.has_room):
            self._obey(command)

    def _obey(self, command: Open | Send | Drop) -> None:
        match command:
            case Open(number):
                feed = self._speaking.feed(number)
                assert feed is not None, "it has just been opened"
                self._streams.append(_Stream(feed, self._mouth.start(self._config, self)))
            case Send(number, text, _, end):
                stream = self._find(number)
                if stream is not None:
                    self._mouth.send(stream.id, text, end=end)
            case Drop(number):
                stream = self._find(number)
                if stream is not None:
                    self._streams.remove(stream)
                    self._mouth.cancel(stream.id)
                    self._hearing.unpark_all()

    def _give_up_at(self, now: float) -> float:
        """When to stop waiting for a connection; gives up when that is now."""
        mouth = self._mouth
        if mouth.trouble is None or not self._speaking.waiting or any(stream.pieces for stream in self._streams):
            self._silent_since = None
            return inf
        self._silent_since = now if self._silent_since is None else self._silent_since
        if mouth.hopeless or now >= self._silent_since + PATIENCE_S:
            self._speaking.give_up(mouth.trouble)
            self.look_again()
            return inf
        return self._silent_since + PATIENCE_S

    async def _play(self, outbox: Outlet[AudioFrame | WordMark]) -> None:
        """Send the sound on, stream after stream."""
        while True:
            stream = self._streams[0] if self._streams else None
            if stream is not None:
                await self._mark(stream, self._at, outbox)
            if stream is not None and stream.pieces:
                await self._send_on(stream, outbox)
            elif stream is not None and stream.over:
                self._streams.popleft()
            elif stream is None and self._speaking.error is not None:
                await outbox.until_below(1)  # what was made is heard, before the failure silences everything
                raise _of_service(self._speaking.error)
            elif stream is None and self._speaking.done:
                return
            else:
                await self._hearing.park()

    async def _send_on(self, stream: _Stream, outbox: Outlet[AudioFrame | WordMark]) -> None:
        """Send a piece of sound on, behind the marks of the words that begin in it."""
        if not stream.feed.voice.told:
            await outbox.until_below(self._sound.samples(UNTOLD_AHEAD_S))
        if stream.began_at is None:
            stream.began_at = self._at
        frame = AudioFrame(stream.pieces.popleft(), self._at, self._sound)
        await self._mark(stream, frame.end, outbox)
        await outbox.send(frame)
        self._at = frame.end
        self._speaking.taken(frame.seconds)
        self.look_again()

    async def _mark(self, stream: _Stream, end: int, outbox: Outlet[AudioFrame | WordMark]) -> None:
        """Send the marks of the words that begin before the reply's sample `end`; they never run backwards."""
        began_at = self._at if stream.began_at is None else stream.began_at
        is_last = stream.feed.complete and not stream.pieces
        for word in stream.feed.words(inf if is_last else self._sound.seconds(end - began_at)):
            at = max(began_at + self._sound.samples(word.at), self._marked.at)
            self._marked = WordMark(word.text, at, max(self._to[word.to], self._marked.said_to))
            await outbox.send(self._marked)

    def _find(self, number: int) -> _Stream | None:
        return next((stream for stream in self._streams if stream.feed.number == number), None)


def _of_service(error: ServiceError | ProtocolError) -> ServiceError:
    """A peer that breaks the protocol ends a reply, as one that fails does, and not the call."""
    if isinstance(error, ServiceError):
        return error
    return Unavailable(f"{SERVICE}: {error}", service=SERVICE, retryable=True)
