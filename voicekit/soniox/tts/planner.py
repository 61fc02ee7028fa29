"""What one reply's text does to the voice's streams: when to open one, what to send, when to end it. Pure.

A stream sounds best when it is long, and dies when it starves, grows too long or is too slow. So text goes out as it
comes, and a stream is ended (which cuts nothing off: what was sent is still spoken) when

- the handler has finished;
- it is nearly full of text or of sound. The fuller it is, the less of an ending will do: of a sentence, a clause, a
  word;
- no text has gone out for a while, or it comes too slowly; the service would kill the stream soon after.

Text waits while much is *owed* to the listener: text sent and not yet spoken, sound made and not yet taken. As long as
somebody listens it then goes out drop by drop; when nobody does, the stream is ended. The next one opens when little is
owed, and only when there is text for it (the first may open ahead of its text). A stream that fails gives back the text
that was not spoken, and so do those after it.

Facts are noted by the other methods; `decide` turns them into commands, in order. Text is named by its place in all
that was added: `Send(stream, text, at)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from voicekit.errors import ProtocolError, ServiceError
from voicekit.soniox.api.errors import Failed, delay
from voicekit.soniox.api.text_ends import word_end
from voicekit.soniox.api.word_times import SpokenWord
from voicekit.soniox.tts.budget import StreamBudget
from voicekit.writing import whole_clusters

OPEN_BELOW_S: Final = 5.0
"""A new stream opens when less than this is owed: several times what its first sound takes."""
PIECE: Final = 120
"""Characters in one message: ten seconds of speech."""
READ_AHEAD: Final = 400
"""Characters that wait here for a stream; more stay with the handler."""
FAILURES: Final = 3
"""Streams in a row that may fail without a word before the reply does."""


@dataclass(frozen=True, slots=True)
class Open:
    """Open stream `stream`."""

    stream: int


@dataclass(frozen=True, slots=True)
class Send:
    """Send `text`, whose first character is number `at` of the reply; with `end`, no more follows in this stream."""

    stream: int
    text: str
    at: int
    end: bool = False


@dataclass(frozen=True, slots=True)
class Drop:
    """Cancel stream `stream` and throw away what sound of it was not yet taken; its text will come again."""

    stream: int


StreamCommand: TypeAlias = Open | Send | Drop


class StreamPlanner:
    """The streams of one reply. `speed` is the voice's; `eager` opens the first stream before there is text for it.

    `pace` is how the voice kept to the estimates before, and then in this reply: see `WordTimer`.
    """

    def __init__(self, *, speed: float = 1.0, eager: bool = True, pace: float = 1.0) -> None:
        self.pace = pace
        self.error: ServiceError | ProtocolError | None = None
        """Why the rest will not be said."""
        self._speed = speed
        self._eager = eager
        self._text = ""
        self._next = 0  # the first character not sent
        self._finished = False
        self._feeds: list[StreamBudget] = []  # in playing order; only the last may be open
        self._made = 0
        self._queued = 0.0  # seconds of sound received and not taken
        self._failures = 0
        self._now = 0.0
        self._not_before = 0.0
        self._commands: list[StreamCommand] = []

    # --- facts ---

    def add(self, text: str) -> None:
        """The handler said more."""
        # Half a surrogate pair can't be sent; it becomes one "?", so that places stay what they are.
        self._text += text if text.isascii() else text.encode(errors="replace").decode()

    def finish(self) -> None:
        """The handler has said everything."""
        self._finished = True

    def sounded(
        self, stream: int, seconds: float, characters: Sequence[str] = (), words: Sequence[SpokenWord] = ()
    ) -> None:
        """Sound of `stream` has come, perhaps with the characters that it speaks and the words that it completes."""
        feed = self.feed(stream)
        if feed is not None:
            self._queued += seconds
            feed.hear(seconds, characters, words, self._now)

    def taken(self, seconds: float) -> None:
        """So much of the sound has gone on towards the listener."""
        self._queued = max(0.0, self._queued - seconds)

    def completed(self, stream: int, words: Sequence[SpokenWord] = ()) -> None:
        """All sound of `stream` has come, and `words` are the last."""
        feed = self.feed(stream)
        if feed is not None:
            self._failures = 0
            feed.finish(words)
            self.pace = feed.voice.pace
            while self._feeds and self._feeds[0].complete:
                self._feeds.pop(0)

    def failed(self, stream: int, failure: Failed, now: float, roll: float = 0.5) -> None:
        """`stream` will bring no more sound: what it did not speak is said again, and all that came after it.

        `roll` in [0, 1) spreads the wait before that.
        """
        feed = self.feed(stream)
        if feed is None or self.error is not None:
            return
        self._next = feed.resume_at()
        self._failures = 1 if self._next > feed.start else self._failures + 1
        place = self._feeds.index(feed)
        for later in self._feeds[place + 1 :]:
            self._queued = max(0.0, self._queued - later.sound)
            self._commands.append(Drop(later.number))
        del self._feeds[place:]
        wait = delay(failure.retry, self._failures, roll)
        if wait is None or self._failures > FAILURES:
            self.give_up(failure.error)
        else:
            self._not_before = now + wait

    def give_up(self, error: ServiceError | ProtocolError) -> None:
        """Say no more; what is being spoken is still to be heard."""
        self.error = error

    # --- what follows from them ---

    @property
    def done(self) -> bool:
        """Everything was said and all its sound has come, or the reply has failed."""
        return self.error is not None or (self._finished and not self._feeds and not self.waiting)

    @property
    def waiting(self) -> bool:
        """Whether there is something left to say."""
        return bool(self._text[self._next :].strip())

    @property
    def wants_text(self) -> bool:
        """Whether more text is welcome; if not, the handler waits."""
        return len(self._text) - self._next < READ_AHEAD

    def owed(self) -> float:
        """Seconds of speech that were sent as text or received as sound, and have not gone on to the listener."""
        return self._queued + sum(feed.unsounded() for feed in self._feeds)

    @property
    def due_at(self) -> float | None:
        """When `decide` should be asked again though nothing has happened."""
        feed = self._open()
        if feed is not None and self.error is None:
            return min(feed.dies_at(), feed.quiet_at)
        return self._not_before if self._not_before > self._now and self.waiting else None

    def feed(self, stream: int) -> StreamBudget | None:
        """What is known of `stream`, as long as not all of it and of those before it has come."""
        return next((feed for feed in self._feeds if feed.number == stream), None)

    def decide(self, now: float, room: bool = True) -> list[StreamCommand]:
        """What to do now, in order. `room` says whether the connection can take another stream."""
        self._now = now
        if (feed := self._open()) is not None:
            feed.look(now)
        while self.error is None and self._step(room):
            pass
        commands, self._commands = self._commands, []
        return commands

    # --- rules ---

    def _step(self, room: bool) -> bool:
        """Do one thing; False when there is none to do."""
        feed = self._open()
        if feed is None:
            return room and self._may_open() and self._start()
        if self._next < len(self._text) and self._send_some(feed):
            return True
        if (self._finished and not self.waiting) or self._now >= feed.dies_at():
            self._end(feed)
            return True
        return False

    def _may_open(self) -> bool:
        wanted = self.waiting or (self._eager and not self._made and not self._finished)
        return wanted and self._now >= self._not_before and self.owed() < OPEN_BELOW_S

    def _start(self) -> bool:
        self._next = len(self._text) - len(self._text[self._next :].lstrip())
        self._feeds.append(StreamBudget(self._made, self._next, self._now, self._now, self._speed, pace=self.pace))
        self._commands.append(Open(self._made))
        self._made += 1
        return True

    def _send_some(self, feed: StreamBudget) -> bool:
        """Send what may be sent, in pieces that end with words; False where that is nothing yet."""
        count, last = feed.portion(self._text[self._next :], self.owed(), self._now, self._finished)
        end = self._next + count
        while self._next < end:
            rest = self._text[self._next : end]
            piece = rest if len(rest) <= PIECE else rest[: word_end(rest, PIECE) or whole_clusters(rest, PIECE)]
            self._commands.append(Send(feed.number, piece, self._next))
            self._next += len(piece)
            feed.send(piece, self._now)
        if last:
            self._end(feed)
        return last or count > 0

    def _end(self, feed: StreamBudget) -> None:
        """End the stream, with its last piece of text where that is still to be sent; cancel it if it had none."""
        feed.ended = True
        last = self._commands[-1] if self._commands else None
        if not feed.text:
            self._feeds.remove(feed)
            self._commands.append(Drop(feed.number))
        elif isinstance(last, Send) and last.stream == feed.number:
            self._commands[-1] = Send(last.stream, last.text, last.at, end=True)
        else:
            self._commands.append(Send(feed.number, "", feed.end, end=True))

    def _open(self) -> StreamBudget | None:
        """The stream that takes text, if there is one."""
        last = self._feeds[-1] if self._feeds else None
        return last if last is not None and not last.ended else None
