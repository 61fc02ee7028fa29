"""Follows a voice through the text of one stream: how much of the text was spoken, and when each word begins. Pure.

The known facts are points: each is a time in the stream and the number of characters spoken by then. The service's
timestamps are such points; they may be missing from some messages, or from all. Another point is known when the voice
has spoken all of its text. The times of words between two points are interpolated; after the last point, they are
estimated from the pace so far. So the time of a word should be requested as late as possible.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from voicekit.contracts import Text
from voicekit.reply.align import Aligner
from voicekit.soniox.api.text_ends import reach, seconds_to_say
from voicekit.soniox.api.word_times import SpokenWord
from voicekit.writing import begins_word, word_spans

GUESS_AFTER_S: Final = 1.0
"""Seconds of audio without a timed character after which the times of words are estimated: a pause between sentences is
shorter."""

PACE_AFTER_S: Final = 2.0
"""Seconds of audio that are needed to measure the pace of a voice."""

JUMP_SHORT: Final = 15
"""How many characters a jump stays behind the estimate, since the aligner finds words only ahead of its position."""

_ORIGIN = (0, 0.0)


class PlacedWord(Struct, frozen=True):
    """A word that begins `at` seconds after the stream's first sample, and ends with character `to` of the text."""

    text: str
    at: float
    to: int


class WordTimer:
    """Follows a voice through one stream of speech. `sound` is how many seconds of audio have arrived, and `told` is
    True if the service has reported the time of any character.

    `pace` is the time that the voice takes, divided by the estimate (`seconds_to_say`); the given value is used until
    the pace can be measured.
    """

    __slots__ = (
        "_aligner", "_base", "_begun", "_given", "_open", "_pace", "_points", "_speed", "_text", "_told_to", "_whole",
        "sound", "told",
    )  # fmt: skip

    def __init__(self, speed: float = 1.0, pace: float = 1.0) -> None:
        self.sound = 0.0
        self.told = False
        self._speed = speed
        self._pace = pace
        self._text = ""
        self._aligner = Aligner()
        self._begun = 0  # the end, in the text, of the last word that was reported
        self._whole = 0  # the end, in the text, of the last word that is certainly complete
        self._open = ""  # the spoken part of an unfinished word
        # for each point: a number of characters, and the time by which they had been spoken
        self._points: deque[tuple[int, float]] = deque()
        self._base = _ORIGIN  # the last point before the word that `words` returns next
        self._told_to = 0.0  # the seconds of audio that had arrived when characters were last reported
        self._given = 0  # the end, in the text, of the last word that `words` returned

    def send(self, text: str) -> None:
        """Record that more text was sent to the stream."""
        self._aligner.sent(Text.raw(text, len(self._text)))
        self._text += text

    def hear(self, seconds: float, characters: Sequence[str], words: Iterable[SpokenWord]) -> None:
        """Record the arrival of more audio, the characters spoken in it, and the words that are now complete, with
        their times."""
        if characters and self._is_silent:
            self._jump()
        self._place(words)
        for character in characters:
            self._speak(character)
        self.sound += seconds
        if characters:
            self.told = True
            self._told_to = self.sound

    def finish(self, words: Iterable[SpokenWord]) -> None:
        """Record that all audio has arrived, which means that all text has been spoken."""
        self._place(words)
        self.catch_up()

    def catch_up(self) -> None:
        """Record that the voice has spoken all text that has been sent so far."""
        self._know(len(self._text), self.sound)

    @property
    def text(self) -> str:
        """All text that was sent."""
        return self._text

    @property
    def pace(self) -> float:
        place, at = self._last
        estimated = seconds_to_say(self._text[:place], self._speed)
        return at / estimated if at >= PACE_AFTER_S and estimated else self._pace

    @property
    def spoken(self) -> int:
        """How many characters of the text have certainly been spoken, according to the times that the service has
        reported."""
        rest = self._text[self._whole :]
        if not self._open or not rest.lstrip().startswith(self._open):
            return self._whole
        return len(self._text) - len(rest.lstrip()) + len(self._open)

    def left(self) -> float:
        """An estimate of the seconds of audio still to come."""
        if self.told:
            return seconds_to_say(self._text[self.spoken :], self._speed)
        place, at = self._last
        return max(0.0, seconds_to_say(self._text[place:], self._speed) - (self.sound - at))

    def words(self, until: float) -> list[PlacedWord]:
        """Return the words that begin before second `until`, as far as their times are known or estimated; each word is
        returned only once.

        A later word may have an earlier time if an estimate was wrong.
        """
        placed = []
        for start, end in word_spans(self._text, self._given):
            at = self._time_of(start, guess=end < len(self._text) and self._is_silent)
            if at is None or at >= until:
                break
            self._given = end
            placed.append(PlacedWord(self._text[start:end], at, end))
        return placed

    @property
    def _is_silent(self) -> bool:
        """Whether the service has sent no times for words for a while."""
        return self.sound >= self._told_to + GUESS_AFTER_S

    def _jump(self) -> None:
        """After a lot of speech without times, look for the next words at the place that the voice has probably
        reached."""
        known, at = self._last
        ahead = reach(self._text[known:], (self.sound - at) / self.pace, self._speed) - JUMP_SHORT
        start = next((start for start, _ in word_spans(self._text, known + max(0, ahead))), len(self._text))
        if start > self._begun:
            self._aligner = Aligner()
            self._aligner.sent(Text.raw(self._text[start:], start))
            self._begun = self._whole = start

    def _time_of(self, place: int, *, guess: bool) -> float | None:
        """The time at which the word at `place` begins; None if it is not known now."""
        while self._points and self._points[0][0] <= place:
            self._base = self._points.popleft()
        known, at = self._base
        into = seconds_to_say(self._text[known:place], self._speed)
        if known == place and self._base is not _ORIGIN:
            return at
        if self._points:
            following, then = self._points[0]
            return at + (then - at) * into / seconds_to_say(self._text[known:following], self._speed)
        return at + into * self.pace if guess else None

    def _speak(self, character: str) -> None:
        if character.isspace():
            self._open = ""
        else:
            self._open = character if begins_word(self._open, character) else self._open + character

    def _place(self, words: Iterable[SpokenWord]) -> None:
        """Find timed words in the text. A number in the text may be spoken as many words; it is complete when the next
        word has begun."""
        for word in words:
            begun = self._aligner.mark(word.text)
            if begun > self._begun:
                sent = list(word_spans(self._text[:begun], self._begun))
                self._know(sent[-1][0] if sent else begun, word.at)
                alike = _letters(self._text[self._begun : begun]) == _letters(word.text)
                self._whole = begun if alike else self._begun
                self._begun = begun

    @property
    def _last(self) -> tuple[int, float]:
        return self._points[-1] if self._points else self._base

    def _know(self, place: int, at: float) -> None:
        """Add a point, unless it is before the last one."""
        last, before = self._last
        point = (place, max(at, before))
        if place > last:
            self._points.append(point)
        elif place == last and self._points:
            self._points[-1] = point
        elif place == last:
            self._base = point


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text)).casefold()
