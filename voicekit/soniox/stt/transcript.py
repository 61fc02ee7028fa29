"""Joins the transcripts of several sessions: adds missing spaces, and removes outdated interim words. Pure.

Audio for which a session has returned no final words is sent again to the next session. A recogniser puts white space
before each word except the first one that it recognises, but the first word of a new session may be in the middle of a
sentence.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from voicekit import events
from voicekit.soniox.stt.tokens import TokenEvent
from voicekit.writing import is_unspaced

_CLOSING: Final = frozenset(".,;:!?%)]}'\u2026\u00bb\u201d\u2019")
"""Marks that have no space before them."""


class TranscriptBuilder:
    """Joins the transcripts of one stream's sessions into one; call `new_session` between two sessions."""

    def __init__(self) -> None:
        self._spoken, self._translated = _Spacing(), _Spacing()
        self._final_to = 0
        self._tail_to = 0  # the end of the interim words that are currently shown
        self._stale_to = 0  # the end of the interim words shown by an earlier session

    def new_session(self) -> None:
        self._spoken.is_first = self._translated.is_first = True
        self._stale_to = self._tail_to

    def feed(self, event: TokenEvent) -> list[TokenEvent]:
        """The events to emit when a session emits `event`."""
        match event:
            case events.Final(words):
                return [replace(event, words=self._spoken.put(words, final=True))]
            case events.Interim(words):
                self._tail_to, self._stale_to = max((word.end for word in words), default=0), 0
                return [replace(event, words=self._spoken.put(words, final=False))]
            case events.Translated(words, is_final):
                return [replace(event, words=self._translated.put(words, final=is_final))]
            case events.Progress(final_to):
                return [*self._forgotten(final_to), *self._progress(event)]
        return [event]

    def _forgotten(self, final_to: int) -> list[TokenEvent]:
        """Remove an earlier session's interim words if this session has passed them without recognising any."""
        if not 0 < self._stale_to <= final_to:
            return []
        self._tail_to = self._stale_to = 0
        return [events.Interim(())]

    def _progress(self, event: events.Progress) -> list[TokenEvent]:
        if event.final_to <= self._final_to:
            return []
        self._final_to = event.final_to
        return [event]


class _Spacing:
    """Adds the space before a session's first word, which the recogniser left out."""

    def __init__(self) -> None:
        self.is_first = True  # true until this session produces a final word
        self._last = ""  # the last final character

    def put(self, words: tuple[events.Word, ...], *, final: bool) -> tuple[events.Word, ...]:
        if self.is_first and words and self._is_missing(words[0].text):
            words = (replace(words[0], text=f" {words[0].text}"), *words[1:])
        if final and words:
            self._last, self.is_first = words[-1].text[-1:], False
        return words

    def _is_missing(self, text: str) -> bool:
        first = text[:1]
        if not self._last or not first or self._last.isspace() or first.isspace() or first in _CLOSING:
            return False
        return not (is_unspaced(self._last) or is_unspaced(first))
