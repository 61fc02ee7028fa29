"""Records how much of a reply's text a voice has spoken, so that another voice can continue from that point. Pure.

Positions are counted in characters from the beginning of the reply.
"""

from __future__ import annotations

from bisect import bisect_right

from voicekit.audio.frame import AudioFrame
from voicekit.contracts import Text
from voicekit.events import WordMark
from voicekit.writing import ends_sentence

CHARACTERS_A_SECOND = 15.0
"""An assumed rate for a voice without word marks."""

LAST_WORD_S = 0.3
"""Seconds of sound after the mark of the last word; by then, that word has been spoken."""


class SpeechLog:
    def __init__(self) -> None:
        self.samples = 0
        """The number of samples in all frames so far."""
        self.ended = False
        """Whether all text has come."""
        self._text = Text("", ())
        self._due = 0
        self._seconds = 0.0
        # for each word mark: its `said_to`, and the seconds of sound before it
        self._marks: list[tuple[int, float]] = []
        self._frames = 0

    def give(self, text: Text) -> None:
        """Record that `text` has been sent to the voice. After an empty text, or at the end of a sentence, the voice
        must speak all text that it has received.
        """
        self._text += text
        if not text.text or ends_sentence(self._text.text[-120:]):
            self._due = len(self._text)

    def end(self) -> None:
        self.ended = True
        self._due = len(self._text)

    def sound(self, item: AudioFrame | WordMark) -> None:
        """Record that the voice has produced `item`, a frame or a word mark."""
        if isinstance(item, WordMark):
            self._marks.append((item.said_to, self._seconds))
        else:
            self._frames += 1
            self.samples = item.end
            self._seconds += (item.end - item.at) / item.format.rate

    @property
    def complete(self) -> bool:
        """Whether all text has arrived and has been spoken."""
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
        """Whether the voice has received text that it should be speaking by now."""
        if self.complete or not self._text.text[: self._due].strip():
            return False
        return not self._frames or self._behind()

    def place(self) -> int:
        """The position at which another voice continues: the start of the last word that was begun, since that word may
        have been cut off."""
        if self._marks:
            before = self._marks[-2][0] if len(self._marks) > 1 else 0
            return bisect_right(self._text.to, before)
        place = min(len(self._text), int(self._seconds * CHARACTERS_A_SECOND))
        return self._text.text.rfind(" ", 0, place) + 1

    def rest(self) -> Text:
        """The text for another voice, starting with the last word that was begun."""
        return self._text.part(self.place(), len(self._text))

    def _behind(self) -> bool:
        """Whether the last word that is due has not begun to sound. Without word marks this is unknown; the result is
        then whether all text has come."""
        if not self._marks:
            return self.ended
        due = self._text.text[: self._due].rstrip()
        return self._marks[-1][0] < self._text.to[len(due) - 1] or self.ended

    def _last_word_to(self) -> int:
        return self._text.to[len(self._text.text.rstrip()) - 1]
