"""Distributes one reply's text over streams of speech: decides when to open a stream, what to send, and when to end it.
Pure.

A stream sounds best when it is long, but the service ends it if it gets no text, becomes too long or is too slow. So
text is sent as it arrives. A stream is ended (and the text already sent is still spoken) when

- the handler has finished;
- the stream is nearly full of text or of audio. The fuller it is, the smaller the unit at which it may end: a sentence,
  a clause, a word;
- no text has been sent for a while, or text arrives too slowly; the service would end the stream soon after.

Text waits while a lot is *owed* to the listener: text that was sent but has not been spoken, and audio that has arrived
but has not been taken. In this case, text is sent in small amounts as long as audio is taken; if no audio is taken, the
stream is ended. The next stream opens when little is owed, and only if there is text for it (the first stream may open
before its text). If a stream fails, the text that it and later streams have not spoken is sent again.

`decide` turns the known facts into commands, in order; the other methods, and the streams, only record facts.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Final, TypeAlias

from msgspec import Struct

from voicekit.errors import ProtocolError, ServiceError
from voicekit.flow.backoff import Backoff
from voicekit.soniox.api.errors import WAITS, lost
from voicekit.soniox.api.text_ends import word_end
from voicekit.soniox.tts.connection import SERVICE
from voicekit.soniox.tts.stream import SpeechStream
from voicekit.writing import whole_clusters

OPEN_BELOW_S: Final = 5.0
"""A new stream opens when fewer seconds than this are owed: several times the delay of a stream's first audio."""
PIECE: Final = 120
"""The maximum number of characters in one message: ten seconds of speech."""
READ_AHEAD: Final = 400
"""The maximum number of characters that wait here for a stream; more text stays with the handler."""
ATTEMPTS: Final = 4
"""How many streams in a row may fail without a word; after the last of them, the reply fails."""
FIRST_SOUND_S: Final = 6.0
"""The maximum number of seconds that a reply with text may take to its first audio, including new attempts: a longer
silence is dead air.
"""


class Open(Struct, frozen=True):
    """Open `stream`."""

    stream: SpeechStream


class Send(Struct, frozen=True):
    """Send `text`; `end` is set if no more text will follow in this stream."""

    stream: SpeechStream
    text: str
    end: bool = False


class Drop(Struct, frozen=True):
    """Cancel `stream`; its text, if any, is sent again in another stream."""

    stream: SpeechStream


StreamCommand: TypeAlias = Open | Send | Drop


class StreamPlanner:
    """The streams of one reply. `speed` is the speed of the voice; `eager` opens the first stream before there is text
    for it.

    `pace` is the time that the voice takes, divided by the estimated time. It comes from earlier replies, until it can
    be measured in this reply: see `WordTimer`. `roll()` returns a number in [0, 1), which varies the waits before
    retries.
    """

    def __init__(
        self, *, speed: float = 1.0, eager: bool = True, pace: float = 1.0, roll: Callable[[], float] = lambda: 0.5
    ) -> None:
        self.pace = pace
        self.streams: list[SpeechStream] = []
        """The streams in the order of their text, until playout removes them. Only the last may be open."""
        self.error: ServiceError | ProtocolError | None = None
        """Why the rest of the text will not be spoken; None if it will."""
        self._failure: ServiceError | ProtocolError | None = None  # the most recent failure of a stream
        self._silent = True  # true until the first audio arrives
        self._sound_by = inf  # the deadline for the first audio
        self._speed = speed
        self._eager = eager  # whether a stream may be opened before there is text
        self._text = ""
        self._next = 0  # the index of the first character that has not been sent
        self._finished = False
        self._backoff = Backoff(roll, attempts=ATTEMPTS)
        self._now = 0.0
        self._not_before = 0.0
        self._commands: list[StreamCommand] = []

    # --- facts ---

    def add(self, text: str) -> None:
        """Add text from the handler."""
        # Half a surrogate pair can't be sent. It becomes a single "?", so that indexes stay the same.
        self._text += text if text.isascii() else text.encode(errors="replace").decode()

    def finish(self) -> None:
        """Record that the handler's text is complete."""
        self._finished = True

    def give_up(self, error: ServiceError | ProtocolError) -> None:
        """Speak no more text; speech that has already begun is still played."""
        self.error = error

    def _over(self, stream: SpeechStream, now: float) -> None:
        """Record that no more audio of `stream` will come. If some is missing, its text and all text after it is spoken
        again."""
        if stream.failure is None:
            self._backoff.reset()
            self.pace = stream.voice.pace
        elif self.error is None:
            self._failure = stream.failure.error
            self._next = stream.resume_at()
            if self._next > stream.start:
                self._backoff.reset()
            place = self.streams.index(stream) + 1
            self._commands.extend(map(Drop, self.streams[place:]))
            del self.streams[place:]
            again = self._backoff.failed(now, WAITS[stream.failure.retry])
            if again is None:
                self.give_up(stream.failure.error)
            else:
                self._not_before = again

    # --- conclusions ---

    @property
    def done(self) -> bool:
        """Whether the reply is finished: all audio has arrived, or the reply has failed."""
        spoken = self._finished and not self.waiting and all(stream.over for stream in self.streams)
        return spoken or self.error is not None

    @property
    def waiting(self) -> bool:
        """Whether there is text left to speak."""
        return bool(self._text[self._next :].strip())

    @property
    def wants_text(self) -> bool:
        """Whether the planner wants more text; if not, the handler waits."""
        return len(self._text) - self._next < READ_AHEAD

    def owed(self) -> float:
        """How many seconds of speech have been sent as text or received as audio, but have not been passed on to the
        listener."""
        return sum(stream.owed for stream in self.streams)

    @property
    def due_at(self) -> float:
        """The time at which to call `decide` again even if nothing has happened; infinity if this is not necessary."""
        if self.error is not None:
            return inf
        stream = self._open()
        if stream is not None:
            return min(stream.dies_at(), stream.quiet_at, self._sound_by)
        return min(self._not_before if self._not_before > self._now and self.waiting else inf, self._sound_by)

    def decide(self, now: float, room: bool = True) -> list[StreamCommand]:
        """Return the commands to carry out now, in order. `room` is True if the connection can take another stream."""
        self._now = now
        self._watch_silence()
        if (stream := self._open()) is not None:
            stream.look(now)
        while self.error is None and self._step(room):
            pass
        commands, self._commands = self._commands, []
        return commands

    # --- rules ---

    def _watch_silence(self) -> None:
        """Give up if a reply with text is silent for too long at its beginning."""
        self._silent = self._silent and not any(stream.voice.sound for stream in self.streams)
        asked = self.waiting or any(stream.end > stream.start and not stream.over for stream in self.streams)
        self._sound_by = min(self._sound_by, self._now + FIRST_SOUND_S) if self._silent and asked else inf
        if self._now >= self._sound_by and self.error is None:
            self._commands.extend(Drop(stream) for stream in self.streams if not stream.over)
            self.streams.clear()
            self.give_up(self._failure or lost(f"no sound came within {FIRST_SOUND_S:g} s", service=SERVICE).error)

    def _step(self, room: bool) -> bool:
        """Make the next command. Returns False if there is nothing to do."""
        stream = self._open()
        if stream is None:
            return room and self._may_open() and self._start()
        if self._next < len(self._text) and self._send_some(stream):
            return True
        if (self._finished and not self.waiting) or self._now >= stream.dies_at():
            self._end(stream)
            return True
        return False

    def _may_open(self) -> bool:
        wanted = self.waiting or (self._eager and not self._finished)
        return wanted and self._now >= self._not_before and self.owed() < OPEN_BELOW_S

    def _start(self) -> bool:
        self._eager = False
        self._next = len(self._text) - len(self._text[self._next :].lstrip())
        stream = SpeechStream(
            self._next, self._now, speed=self._speed, pace=self.pace, first=self._silent, when_over=self._over
        )
        self.streams.append(stream)
        self._commands.append(Open(stream))
        return True

    def _send_some(self, stream: SpeechStream) -> bool:
        """Send as much text as may be sent, in pieces that end with words. Returns False if none may be sent now."""
        count, last = stream.portion(self._text[self._next :], self.owed(), self._now, self._finished)
        end = self._next + count
        while self._next < end:
            rest = self._text[self._next : end]
            piece = rest if len(rest) <= PIECE else rest[: word_end(rest, PIECE) or whole_clusters(rest, PIECE)]
            self._commands.append(Send(stream, piece))
            self._next += len(piece)
            stream.send(piece, self._now)
        if last:
            self._end(stream)
        return last or count > 0

    def _end(self, stream: SpeechStream) -> None:
        """End the stream, together with its last piece of text if this is still among the commands; cancel a stream
        without text."""
        stream.ended = True
        last = self._commands[-1] if self._commands else None
        if stream.end == stream.start:
            self.streams.remove(stream)
            self._commands.append(Drop(stream))
        elif isinstance(last, Send) and last.stream is stream:
            self._commands[-1] = Send(stream, last.text, end=True)
        else:
            self._commands.append(Send(stream, "", end=True))

    def _open(self) -> SpeechStream | None:
        """The stream that accepts text, if there is one."""
        last = self.streams[-1] if self.streams else None
        return None if last is None or last.ended or last.over else last
