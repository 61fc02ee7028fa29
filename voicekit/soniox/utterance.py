"""One reply's speech: text in, sound and word marks out, over as many streams as the rules ask for.

`voicekit.soniox.rotate` decides; here its commands are carried out, and the sound of the streams is laid end to end
in the order of the text, whatever order it comes in.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf

import trio

from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.contracts import Text
from voicekit.errors import LinkOverflow
from voicekit.events import WordMark
from voicekit.flow.link import Inlet, Outlet
from voicekit.reply.align import Aligner
from voicekit.soniox.mouth import Mouth
from voicekit.soniox.rotate import Drop, GiveUp, Open, Send, Speaking
from voicekit.soniox.speech import Sound, SoundEnded, StreamFailed, StreamGone
from voicekit.soniox.wire import TtsConfig
from voicekit.soniox.words import SpokenWord

MAILBOX_S = 130.0
"""Seconds of sound that one stream may be ahead: the service ends a stream at two minutes."""

PATIENCE_S = 5.0
"""Seconds that a reply with something to say waits for a connection before it fails: longer is dead air."""


@dataclass
class _Stream:
    """What has come of one stream and has not gone on."""

    number: int
    id: str
    sounds: deque[Sound | SoundEnded] = field(default_factory=deque)
    samples: int = 0  # in `sounds`
    began_at: int | None = None  # the reply's sample with which its sound begins
    over: bool = False  # nothing more will come


class Utterance:
    """Speaks one reply. `run` does it; `stop` cancels what is still being made, at once."""

    def __init__(
        self, mouth: Mouth, config: TtsConfig, sound: AudioFormat, speaking: Speaking, roll: Callable[[], float]
    ) -> None:
        self._mouth = mouth
        self._config = config
        self._sound = sound
        self._speaking = speaking
        self._roll = roll
        self._aligner = Aligner()
        self._streams: deque[_Stream] = deque()  # in the order of the text
        self._at = 0  # samples that have gone on
        self._without_since: float | None = None  # when it began to wait for a connection
        self._changed = trio.lowlevel.ParkingLot()

    async def run(self, inbox: Inlet[Text], outbox: Outlet[AudioFrame | WordMark]) -> None:
        """Speak everything that comes. Raises ServiceError when the service can't be had."""
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
        """Cancel all streams; nothing more is heard of them. Twice is once."""
        self._mouth.leave(self)

    # Called by the connection.

    def hear(self, event: Sound | SoundEnded | StreamFailed | StreamGone) -> None:
        stream = next((stream for stream in self._streams if stream.id == event.stream), None)
        if stream is None:
            return
        if isinstance(event, Sound):
            self._speaking.sounded(stream.number, self._sound.seconds(event.samples), event.characters)
            self._put(stream, event)
        elif isinstance(event, SoundEnded):
            stream.sounds.append(event)
            stream.over = True
            self._speaking.completed(stream.number)
        elif isinstance(event, StreamFailed):
            stream.over = True
            self._speaking.failed(stream.number, event.failure, trio.current_time(), self._roll())
        self.look_again()

    def look_again(self) -> None:
        self._changed.unpark_all()

    def _put(self, stream: _Stream, sound: Sound) -> None:
        stream.sounds.append(sound)
        stream.samples += sound.samples
        if stream.samples > self._sound.samples(MAILBOX_S):
            raise LinkOverflow(f"stream {stream.id}: more than {MAILBOX_S:g} s of sound came, which no stream may have")

    # The tasks of a reply.

    async def _take(self, inbox: Inlet[Text]) -> None:
        """Take text in while it is welcome; otherwise the handler waits."""
        async for text in inbox:
            while not self._speaking.wants_text:
                await self._changed.park()
            self._speaking.add(text.text)
            self._aligner.sent(text)
            self.look_again()
        self._speaking.finish()
        self.look_again()

    async def _drive(self) -> None:
        """Carry out what the rules decide, whenever something has changed."""
        while True:
            now = trio.current_time()
            for command in self._speaking.decide(now, self._mouth.has_room):
                self._obey(command)
            self._mouth.flush()
            self._changed.unpark_all()
            with trio.move_on_at(min(self._give_up_at(now), inf if (due := self._speaking.due_at) is None else due)):
                await self._changed.park()

    def _obey(self, command: Open | Send | Drop | GiveUp) -> None:
        match command:
            case Open(number):
                self._streams.append(_Stream(number, self._mouth.start(self._config, self)))
            case Send(number, text, _, end):
                stream = self._find(number)
                if stream is not None:
                    self._mouth.send(stream.id, text, end=end)
            case Drop(number):
                stream = self._find(number)
                if stream is not None:
                    self._streams.remove(stream)
                    self._mouth.cancel(stream.id)
            case GiveUp(error):
                raise error

    def _give_up_at(self, now: float) -> float:
        """When to stop waiting for a connection; raises when that is now."""
        mouth = self._mouth
        if mouth.trouble is None or self._speaking.done:
            self._without_since = None
            return inf
        self._without_since = now if self._without_since is None else self._without_since
        if mouth.hopeless or now >= self._without_since + PATIENCE_S:
            raise mouth.trouble
        return self._without_since + PATIENCE_S

    async def _play(self, outbox: Outlet[AudioFrame | WordMark]) -> None:
        """Send the sound on, stream after stream."""
        while True:
            stream = self._streams[0] if self._streams else None
            if stream is not None and stream.sounds:
                await self._send_on(stream, stream.sounds.popleft(), outbox)
            elif stream is not None and stream.over:
                self._streams.popleft()
            elif self._speaking.done and stream is None:
                return
            else:
                await self._changed.park()

    async def _send_on(self, stream: _Stream, sound: Sound | SoundEnded, outbox: Outlet[AudioFrame | WordMark]) -> None:
        if stream.began_at is None:
            stream.began_at = self._at
        for word in sound.words:
            await outbox.send(self._mark(word, stream.began_at))
        if isinstance(sound, Sound) and sound.samples:
            stream.samples -= sound.samples
            await outbox.send(AudioFrame(sound.data, self._at, self._sound))
            self._at += sound.samples
            self._speaking.taken(self._sound.seconds(sound.samples))
            self.look_again()

    def _mark(self, word: SpokenWord, began_at: int) -> WordMark:
        return WordMark(word.text, began_at + self._sound.samples(word.at), self._aligner.mark(word.text))

    def _find(self, number: int) -> _Stream | None:
        return next((stream for stream in self._streams if stream.number == number), None)
