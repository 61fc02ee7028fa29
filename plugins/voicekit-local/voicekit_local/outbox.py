"""Words to be sent in the service's format: each final token once, but all interim tokens in every message. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from voicekit.soniox.api.wire import SttConfig, Token
from voicekit.soniox.server.realtime.stt import END
from voicekit_local.engines.interface import HEARING_RATE
from voicekit_local.segment import Word

PROGRESS: Final = round(0.24 * HEARING_RATE)  # after this many new samples, a result is sent even without words
SPEAKER: Final = "1"  # the label of the only speaker: no engine here can distinguish speakers


@dataclass(frozen=True, slots=True)
class Result:
    """One message: the new final tokens and markers, then all interim tokens. Words are final up to `final_ms`, and
    audio has been heard up to `total_ms`.
    """

    tokens: tuple[Token, ...]
    final_ms: int
    total_ms: int


class Outbox:
    """Collects the final words, and makes messages from them."""

    def __init__(self, config: SttConfig, language: str) -> None:
        self._language = language if config.enable_language_identification else None
        self._speaker = SPEAKER if config.enable_speaker_diarization else None
        self._finals: list[Token] = []  # final tokens that have not been sent
        self._tail: tuple[Token, ...] = ()  # the interim tokens that were sent last
        self._taken_at = 0
        self._final_to = 0
        self._any_token = False
        self.owes_end = False
        """Whether words have come since the last END."""

    def say(self, words: Sequence[Word]) -> None:
        """Add words that have become final."""
        for word in words:
            self._finals.append(self._token(word, final=True, first=not self._any_token))
            self._any_token = self.owes_end = True
            self._final_to = max(self._final_to, word.end)

    def mark(self, marker: Token) -> None:
        """Add a marker after the words so far. END is added only if there have been words since the last END."""
        if marker is END and not self.owes_end:
            return
        if marker is END:
            self.owes_end = False
        self._finals.append(marker)

    def take(self, tail: Sequence[Word], final_to: int, total: int, *, last: bool) -> list[Result]:
        """The messages to send, none or one, after `total` samples have been heard.

        `final_to` is the position up to which all words are final; the final position in the messages never goes back.
        """
        tokens = tuple(self._token(word, first=not (self._any_token or place)) for place, word in enumerate(tail))
        due = total - self._taken_at >= PROGRESS or (last and final_to > self._final_to)
        if not self._finals and tokens == self._tail and not due:
            return []
        self._final_to = max(self._final_to, final_to)
        said, self._finals = self._finals, []
        self._tail, self._taken_at = tokens, total
        return [Result((*said, *tokens), ms(self._final_to), ms(total))]

    def _token(self, word: Word, *, first: bool, final: bool = False) -> Token:
        return Token(
            text=word.text if first else f" {word.text}",
            start_ms=ms(word.start),
            end_ms=ms(word.end),
            confidence=round(word.confidence, 3),
            is_final=final,
            language=self._language,
            speaker=self._speaker,
        )


def ms(samples: int) -> int:
    """The duration of `samples` samples in whole milliseconds."""
    return samples * 1000 // HEARING_RATE
