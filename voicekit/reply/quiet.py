"""A silent voice: it stays silent for as long as it takes to read the text, and emits a mark for each word.

With it, a bot runs without speech, for example in a typed chat. Everything else is as in a spoken call: pacing,
interruptions, and a history of the words that were read.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from voicekit.audio.format import PCM16K, AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.contracts import Text
from voicekit.errors import ConfigError
from voicekit.events import WordMark
from voicekit.flow.link import Inlet, Outlet
from voicekit.flow.stage import Run
from voicekit.flow.transform import Pipeable
from voicekit.writing import word_spans

READING = 0.02
"""Seconds per character: 50 characters a second is faster than people read, but still shows the words appearing."""


class QuietTts(Pipeable):
    """A voice that stays silent for `per_character` seconds per character. Cancelling a reply's scope is enough to cut
    the reply."""

    name = "quiet voice"
    accepts = None

    def __init__(self, *, per_character: float = READING) -> None:
        if not per_character > 0:
            raise ConfigError(f"per_character: expected a number of seconds above 0, got {per_character!r}")
        self.produces = PCM16K
        self._per_character = per_character

    def negotiate(self, wanted: AudioFormat) -> AudioFormat:
        self.produces = wanted
        return wanted

    def cut(self) -> None:
        """Do nothing, since nothing outlives the reply's own tasks."""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Run[Any, Any]]:
        yield self._run

    async def _run(self, inbox: Inlet[Any], outbox: Outlet[Any]) -> None:
        at = 0
        async for text in inbox:
            for piece in pieces(text):
                await outbox.send(WordMark(piece.text, at, piece.to[-1]))
                samples = max(1, self.produces.samples(self._per_character * len(piece)))
                await outbox.send(AudioFrame(self.produces.silence(samples), at, self.produces))
                at += samples


def pieces(text: Text) -> list[Text]:
    """The words of `text`, each with the white space after it."""
    cuts = [start for start, _ in word_spans(text.text) if start]
    return [text.part(start, end) for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True) if end > start]
