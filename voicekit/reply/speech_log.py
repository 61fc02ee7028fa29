"""The text that a voice got in one reply, and how much of it has become sound: where another voice continues. Pure.

Positions count characters of all text so far.
"""

from __future__ import annotations

from bisect import bisect_right

from voicekit.audio.frame import AudioFrame
from voicekit.contracts import Text
from voicekit.events import WordMark
from voicekit.writing import ends_sentence

CHARACTERS_A_SECOND = 15.0
"""A fast speaker's rate: the least that a voice without word marks has spoken."""

LAST_WORD_S = 0.3
"""Seconds of sound after the mark of the last word, after which that word was spoken."""


class SpeechLog:
    def __init__(self) -> None:
        self.samples = 0
        """Of all frames so far."""
        self.ended = False
        """No more text will come."""
        self._text = Text("", ())
        self._due = 0
        self._seconds = 0.0
        self._marks: list[tuple[int, float]] = []  # what was heard according to each word mark, and the mark's time
        self._frames = 0

    def give(self, text: Text) -> None:
        """`text` goes to the voice; an empty text, or the end of a sentence, makes everything so far due."""
        self._text += text
        if not text.text or ends_sentence(self._text.text[-120:]):
            self._due = len(self._text)

    def end(self) -> None:
        self.ended = True
        self._due = len(self._text)

    def sound(self, item: AudioFrame | WordMark) -> None:
        """The voice has made `item`."""
        if isinstance(item, WordMark):
            self._marks.append((item.said_to, self._seconds))
        else:
            self._frames += 1
            self.samples = item.end
            self._seconds += (item.end - item.at) / item.format.rate

    @property
    def complete(self) -> bool:
        """Whether all text was spoken, and none will follow."""
        if not self.ended:
            return False
        if not self._text.text.strip():
            return True
        if self._marks:
            said_to, at = self._marks[-1]
            return said_to >= self._last_word_to() and self._seconds - at >= LAST_WORD_S
        return bool(self._frames) and self.place() >= 0.9 * len(self._text)

    @property
    def owes(self) -> bool:
        """Whether the voice has text that it should be speaking."""
        if self.complete or not self._text.text[: self._due].strip():
            return False
        return not self._frames or self._behind()

    def place(self) -> int:
        """Where to continue: at the last word that was begun, since it may have been cut off."""
        if self._marks:
            before = self._marks[-2][0] if len(self._marks) > 1 else 0
            return bisect_right(self._text.to, before)
        place = min(len(self._text), int(self._seconds * CHARACTERS_A_SECOND))
        return self._text.text.rfind(" ", 0, place) + 1

    def rest(self) -> Text:
        """The text for another voice, from the last begun word on."""
        return self._text.part(self.place(), len(self._text))

    def _behind(self) -> bool:
        """Whether the last word that is due has not begun to sound; unknown for a voice without marks."""
        if not self._marks:
            return self.ended
        due = self._text.text[: self._due].rstrip()
        return self._marks[-1][0] < self._text.to[len(due) - 1] or self.ended

    def _last_word_to(self) -> int:
        return self._text.to[len(self._text.text.rstrip()) - 1]
