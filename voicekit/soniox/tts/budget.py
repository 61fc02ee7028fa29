"""One stream of a reply as its feeder sees it: how full it is, where its text may be cut, what it has spoken. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import Final

from voicekit.soniox.api import limits
from voicekit.soniox.api.text_ends import (
    bytes_reach,
    clause_end,
    next_word_end,
    reach,
    seconds_to_say,
    sentence_end,
    word_end,
)
from voicekit.soniox.api.word_times import SpokenWord
from voicekit.soniox.tts.timing import PlacedWord, WordTimer
from voicekit.writing import whole_clusters

OWED_S: Final = 15.0
"""The most that may be owed. It bounds what is made in vain when the caller interrupts, and what waits in memory."""
DRIP_S: Final = 2.0
"""Where more would be owed, text goes out when there is room for so much of it: seldom enough to end a message well,
often enough that the stream does not starve as long as somebody listens."""
IDLE_S: Final = 3.0
"""Silence of the handler after which a stream is ended: well before the service kills it (5.2 s)."""
SLOW_S: Final = 9.0
"""Age at which a stream is ended whose text comes more slowly than it is spoken: the service judges that at 11 s."""
SLOW_RATE: Final = 0.9
"""Seconds of sound per second below which a stream is slow; the service kills below 0.8."""
FULL_S: Final = 100.0
"""Seconds of sound in one stream, of 120: the last 15 are an estimate, which may be a third too low."""
QUIET_S: Final = 0.5
"""Seconds without sound after which a voice that does not tell how far it is has said all that it was sent. A fast one
would otherwise be waited for while much seems to be owed."""
RESCUED_WORD: Final = 40
"""Characters of a word already begun that may still follow into a full stream."""
FULL_BYTES: Final = limits.TTS_TEXT_BYTES - 4 * RESCUED_WORD
SENTENCE_AT: Final = 0.65
CLAUSE_AT: Final = 0.85
"""How full a stream is when the end of a sentence, or of a clause, is taken as its own. At 1.0 that of a word is."""
_TAIL: Final = 8
"""Characters already sent that are looked at to tell whether a sentence or a word ended with them."""


@dataclass(slots=True)
class StreamBudget:
    """What stream `number` was sent, from character `start` of the reply on, and what sound came of it."""

    number: int
    start: int
    opened_at: float
    fed_at: float
    speed: float
    text: str = ""
    bytes: int = 0
    ended: bool = False
    complete: bool = False
    pace: float = 1.0  # see WordTimer
    quiet_at: float = inf  # when to look whether the voice has fallen silent
    voice: WordTimer = field(init=False)

    def __post_init__(self) -> None:
        self.voice = WordTimer(self.speed, self.pace)

    @property
    def end(self) -> int:
        """The reply's first character that was not sent here."""
        return self.start + len(self.text)

    @property
    def sound(self) -> float:
        """Seconds of it that have come."""
        return self.voice.sound

    def send(self, text: str, now: float) -> None:
        self.text += text
        self.bytes += len(text.encode())
        self.fed_at = now
        self.quiet_at = max(self.quiet_at, now + QUIET_S) if self.quiet_at < inf else inf
        self.voice.send(text)

    def hear(self, seconds: float, characters: Sequence[str], words: Iterable[SpokenWord], now: float) -> None:
        """Sound came, with what it says as far as that is told."""
        self.voice.hear(seconds, characters, words)
        self.quiet_at = inf if self.voice.told else now + QUIET_S

    def finish(self, words: Iterable[SpokenWord]) -> None:
        """All its sound has come."""
        self.voice.finish(words)
        self.complete = True

    def look(self, now: float) -> None:
        """Notice that the voice has been quiet for a while."""
        if now >= self.quiet_at:
            self.quiet_at = inf
            self.voice.catch_up()

    def words(self, until: float) -> list[PlacedWord]:
        """The next words, by their places in the reply; see `WordTimer.words`."""
        return [replace(word, to=self.start + word.to) for word in self.voice.words(until)]

    def unsounded(self) -> float:
        """About how many seconds of sound are still to come for what was sent."""
        return 0.0 if self.complete else self.voice.left()

    def resume_at(self) -> int:
        """The reply's character with which the first word begins that was not spoken whole."""
        told = self.voice.spoken if self.voice.told else reach(self.text, self.sound / self.voice.pace, self.speed)
        if told >= len(self.text.rstrip()):
            return self.end
        return self.start + (told if self.text[told].isspace() else word_end(self.text, told))

    def is_slow(self, now: float) -> bool:
        return self.sound < SLOW_RATE * (now - self.opened_at)

    def dies_at(self) -> float:
        """When it must be ended unless text comes."""
        slow_at = self.opened_at + SLOW_S
        return min(self.fed_at + IDLE_S, slow_at) if self.is_slow(slow_at) else self.fed_at + IDLE_S

    def portion(self, pending: str, owed: float, now: float, finished: bool) -> tuple[int, bool]:
        """How many characters of `pending` to send now, and whether the stream ends with them; 0 means to wait.

        `owed` is that of the whole reply, this stream's included.
        """
        space = self._space(pending)
        allowed = reach(pending, OWED_S - owed, self.speed)
        if allowed < min(space, len(pending)):
            return self._drip(pending, allowed, owed), False
        if space < len(pending):
            return self._last_portion(pending, space, finished)
        ending = None if finished else self._ending(pending, now)
        return (len(pending), finished) if ending is None else (ending, True)

    def _space(self, pending: str) -> int:
        """How many characters of `pending` the stream can still take."""
        count = reach(pending, FULL_S - self.sound - self.unsounded(), self.speed)
        return bytes_reach(pending[:count], max(0, FULL_BYTES - self.bytes))

    def _drip(self, pending: str, allowed: int, owed: float) -> int:
        """How much to send of what would be owed too long: a little at a time, at the best end that there is."""
        if OWED_S - owed < DRIP_S:
            return 0
        ends = (self._last(end_of, pending, allowed) for end_of in (sentence_end, clause_end, word_end))
        return next(
            (place for place in ends if place), whole_clusters(pending, allowed) if allowed > RESCUED_WORD else 0
        )

    def _last_portion(self, pending: str, space: int, finished: bool) -> tuple[int, bool]:
        """What still goes into a stream that can't take it all, so that it ends well."""
        for end_of in (sentence_end, clause_end, word_end):
            place = self._last(end_of, pending, space)
            if place is not None:
                return place, True
        rest = next_word_end(pending, RESCUED_WORD) or (len(pending) if finished else 0)
        if rest and rest <= RESCUED_WORD:
            return rest, True
        return (0, False) if len(pending) <= RESCUED_WORD else (whole_clusters(pending, space), True)

    def _ending(self, pending: str, now: float) -> int | None:
        """Where in `pending` the stream should end although all of it fits; None where it should go on."""
        sound = self.sound + self.unsounded() + seconds_to_say(pending, self.speed)
        age = (now - self.opened_at) / SLOW_S if self.is_slow(now) else 0.0
        fullness = max(sound / FULL_S, self.bytes / FULL_BYTES, age)
        ending = self._last(sentence_end, pending, len(pending)) if fullness >= SENTENCE_AT else None
        if ending is None and fullness >= CLAUSE_AT:
            ending = self._last(clause_end, pending, len(pending))
        return ending

    def _last(self, end_of: Callable[[str, int], int], pending: str, room: int) -> int | None:
        """The last such end within `room`; 0 where what was sent ends so; None where there is none."""
        before = self.text[-_TAIL:]
        place = end_of(before + pending, len(before) + room)
        return max(0, place - len(before)) if place >= max(1, len(before.rstrip())) else None
