"""One stream of a reply: its text, its audio, and how much more text it can take. Pure.

The planner sends the text, the connection's events go to `hear`, and playout takes the audio. All times are in seconds.
Those with names that end in `_at` are clock times; the others are positions or durations in the stream's own audio.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf
from typing import Final

from voicekit.soniox.api import limits
from voicekit.soniox.api.errors import Failed
from voicekit.soniox.api.text_ends import (
    bytes_reach,
    clause_end,
    next_word_end,
    reach,
    seconds_to_say,
    sentence_end,
    word_end,
)
from voicekit.soniox.tts.live_stream import FIRST_STALL_S, STALL_S, SoundEnded, StreamFailed, StreamGone, StreamSound
from voicekit.soniox.tts.timing import WordTimer
from voicekit.writing import whole_clusters

OWED_S: Final = 15.0
"""The maximum number of seconds of speech that may be owed. This limits the speech that is made in vain if the caller
interrupts, and the audio that waits in memory.
"""
DRIP_S: Final = 2.0
"""If more would be owed, text is sent when there is room for this many seconds: seldom enough that a message can end
well, often enough that the stream does not time out while its audio is taken.
"""
IDLE_S: Final = 3.0
"""Seconds without text after which a stream is ended: well before the service would end it (5.2 s)."""
SILENT_S: Final = 2.0
"""Seconds after its first text within which the first stream of a reply must produce audio; otherwise it counts as dead
and is ended."""
SLOW_S: Final = 9.0
"""The age, in seconds, at which a stream is ended if its text comes more slowly than it is spoken; the service checks
this at 11 s."""
SLOW_RATE: Final = 0.9
"""A stream with fewer seconds of audio per second than this is slow; the service ends it below 0.8."""
FULL_S: Final = 100.0
"""The maximum number of seconds of audio in one stream. The service allows 120, but the last 15 are an estimate, which
may be a third too low.
"""
QUIET_S: Final = 0.5
"""Seconds without audio after which a voice that reports no times counts as having spoken all of its text. Otherwise a
fast voice would seem to owe a lot of speech, and text would wait.
"""
RESCUED_WORD: Final = 40
"""How many characters of a word that has begun may still be sent into a full stream."""
FULL_BYTES: Final = limits.TTS_TEXT_BYTES - 4 * RESCUED_WORD
SENTENCE_AT: Final = 0.65
CLAUSE_AT: Final = 0.85
"""How full a stream must be to end at a sentence (SENTENCE_AT), or at a clause. At 1.0, it may end at a word."""
_TAIL: Final = 8
"""How many of the characters sent last are examined to see whether a sentence or a word ended with them."""


def _ignore(stream: SpeechStream, now: float) -> None:
    """Do nothing: the default for `when_over`."""


class SpeechStream:
    """A stream with the reply's text from character `start` on. `when_over(stream, now)` is called when no more audio
    will arrive.

    `pace` is the time that the voice took in earlier streams, divided by the estimated time: see `WordTimer`. A `first`
    stream belongs to a reply for which no audio has arrived so far; if it stays silent, it is ended sooner than others.
    """

    def __init__(
        self,
        start: int,
        now: float,
        *,
        speed: float = 1.0,
        pace: float = 1.0,
        first: bool = False,
        when_over: Callable[[SpeechStream, float], None] = _ignore,
    ) -> None:
        self.id = ""  # assigned by the stream's connection
        self.start = start
        self.end = start  # the index, in the reply, of the first character that has not been sent to this stream
        self.voice = WordTimer(speed, pace)
        self.pieces: deque[bytes] = deque()  # audio that has not been taken yet
        self.queued = 0.0  # seconds of audio in `pieces`
        self.ended = False  # true once no more text will be sent
        self.over = False  # true once no more audio will come
        self.failure: Failed | None = None  # why some audio is missing; None if nothing is missing
        self.quiet_at = inf  # the time at which to check whether the voice has fallen silent
        self.stall_s = FIRST_STALL_S if first else STALL_S
        """Seconds without audio after which the stream counts as dead when its text is complete."""
        self._first = first
        self._when_over = when_over
        self._speed = speed
        self._opened_at = self._fed_at = now
        self._silent_until = inf  # the time at which the stream must end if no audio has come
        self._bytes = 0

    def send(self, text: str, now: float) -> None:
        """Record that more text was sent."""
        self.end += len(text)
        self._bytes += len(text.encode())
        self._fed_at = now
        if self._first and not self.voice.sound:
            self._silent_until = min(self._silent_until, now + SILENT_S)
        self.quiet_at = max(self.quiet_at, now + QUIET_S) if self.quiet_at < inf else inf
        self.voice.send(text)

    def hear(self, event: StreamSound | SoundEnded | StreamFailed | StreamGone, now: float) -> None:
        """Take an event about the stream; the connection's reader calls this."""
        if isinstance(event, StreamSound):
            self.voice.hear(event.seconds, event.characters, event.words)
            self.quiet_at = inf if self.voice.told else now + QUIET_S
            self.queued += event.seconds
            self._silent_until = inf
            if event.data:
                self.pieces.append(event.data)
        elif isinstance(event, SoundEnded | StreamFailed):
            self.over = True
            if isinstance(event, SoundEnded):
                self.voice.finish(event.words)
            else:
                self.failure = event.failure
            self._when_over(self, now)

    def look(self, now: float) -> None:
        """Check whether the voice has been quiet for a while."""
        if now >= self.quiet_at:
            self.quiet_at = inf
            self.voice.catch_up()

    @property
    def owed(self) -> float:
        """How many seconds of audio have arrived but have not been taken, plus an estimate for text that has no audio
        yet.
        """
        return self.queued + self._unsounded

    @property
    def _unsounded(self) -> float:
        return 0.0 if self.over else self.voice.left()

    def resume_at(self) -> int:
        """The index, in the reply's text, of the first word that was not spoken completely."""
        text, voice = self.voice.text, self.voice
        told = voice.spoken if voice.told else reach(text, voice.sound / voice.pace, self._speed)
        if told >= len(text.rstrip()):
            return self.end
        return self.start + (told if text[told].isspace() else word_end(text, told))

    def _is_slow(self, now: float) -> bool:
        return self.voice.sound < SLOW_RATE * (now - self._opened_at)

    def dies_at(self) -> float:
        """The time at which the stream must be ended if no text arrives."""
        slow_at = self._opened_at + SLOW_S
        return min(self._fed_at + IDLE_S, self._silent_until, slow_at if self._is_slow(slow_at) else inf)

    def portion(self, pending: str, owed: float, now: float, finished: bool) -> tuple[int, bool]:
        """How many characters of `pending` to send now (0 means none yet), and whether the stream's text ends with
        them.

        `owed` is the total for the reply, including this stream.
        """
        space = self._space(pending)
        allowed = reach(pending, OWED_S - owed, self._speed)
        if allowed < min(space, len(pending)):
            return self._drip(pending, allowed, owed), False
        if space < len(pending):
            return self._last_portion(pending, space, finished)
        ending = None if finished else self._ending(pending, now)
        return (len(pending), finished) if ending is None else (ending, True)

    def _space(self, pending: str) -> int:
        """How many characters of `pending` the stream can still take."""
        count = reach(pending, FULL_S - self.voice.sound - self._unsounded, self._speed)
        return bytes_reach(pending[:count], max(0, FULL_BYTES - self._bytes))

    def _drip(self, pending: str, allowed: int, owed: float) -> int:
        """How many characters to send while a lot is owed: a little at a time, up to the best possible end."""
        if OWED_S - owed < DRIP_S:
            return 0
        ends = (self._last(end_of, pending, allowed) for end_of in (sentence_end, clause_end, word_end))
        return next(
            (place for place in ends if place), whole_clusters(pending, allowed) if allowed > RESCUED_WORD else 0
        )

    def _last_portion(self, pending: str, space: int, finished: bool) -> tuple[int, bool]:
        """How many more characters to send to a stream that can't take all of `pending`, so that it ends in a good
        place."""
        for end_of in (sentence_end, clause_end, word_end):
            place = self._last(end_of, pending, space)
            if place is not None:
                return place, True
        rest = next_word_end(pending, RESCUED_WORD) or (len(pending) if finished else 0)
        if rest and rest <= RESCUED_WORD:
            return rest, True
        return (0, False) if len(pending) <= RESCUED_WORD else (whole_clusters(pending, space), True)

    def _ending(self, pending: str, now: float) -> int | None:
        """The index in `pending` at which the stream should end although all of it fits; None if the stream should
        continue."""
        sound = self.voice.sound + self._unsounded + seconds_to_say(pending, self._speed)
        age = (now - self._opened_at) / SLOW_S if self._is_slow(now) else 0.0
        fullness = max(sound / FULL_S, self._bytes / FULL_BYTES, age)
        ending = self._last(sentence_end, pending, len(pending)) if fullness >= SENTENCE_AT else None
        if ending is None and fullness >= CLAUSE_AT:
            ending = self._last(clause_end, pending, len(pending))
        return ending

    def _last(self, end_of: Callable[[str, int], int], pending: str, room: int) -> int | None:
        """The last end in `pending`, within `room`, that `end_of` finds; 0 if the text sent so far ends there already;
        None if there is no end."""
        before = self.voice.text[-_TAIL:]
        place = end_of(before + pending, len(before) + room)
        return max(0, place - len(before)) if place >= max(1, len(before.rstrip())) else None
