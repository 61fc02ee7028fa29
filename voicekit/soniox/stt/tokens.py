"""Turns one session's tokens into the transcript: timed words, endpoints and translations. Pure.

The service counts milliseconds from the start of the session's audio. Words are timed in samples of the caller's audio:
the session begins at sample `base`, and `leave_out` records audio that was not sent. Markers may be anywhere among the
final tokens; the tokens of the next segment follow them. Translated tokens have no times and are handled separately.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias

from voicekit import events
from voicekit.listen.transcribe import Assembly
from voicekit.listen.transcribe import HeardToken as Piece
from voicekit.soniox.api.wire import END_TOKEN, FIN_TOKEN, Number, SttResponse, Token

PRE_ROLL_S: Final = 0.2
"""Seconds of audio before the first unfinished word that a new session also gets, so that it hears the word's
beginning."""
_LONGEST_MS: Final = 1e9
"""The largest time in milliseconds (eleven days): a larger or negative time is garbage and counts as 0."""


TokenEvent: TypeAlias = (
    events.Interim | events.Final | events.Endpoint | events.Finalized | events.Progress | events.Translated
)


class Tokens:
    """The transcript of one session, which begins with sample `base` of the caller's audio; there are `rate` samples
    per second."""

    def __init__(self, rate: int, base: int) -> None:
        self._rate = rate
        # for each stretch of the session's audio: its first sample, and what to add to get its position in the caller's
        # audio
        self._ears = [(0, base)]
        self._said = Assembly()
        self._translated = Assembly()
        self._translates = False  # whether any translation has arrived
        self._last_end = base  # the end of the last token that had times
        self._released_to = base
        self._final_to = base
        self._tail_at: int | None = None  # the start of the first word that is not final

    def ear(self, sample: int) -> int:
        """Convert a position in the session's audio to a position in the caller's audio; both are in samples."""
        last, ahead = self._ears[-1]
        if sample >= last:
            return sample + ahead
        return sample + next(ahead for start, ahead in reversed(self._ears) if sample >= start)

    def rebase(self, base: int) -> None:
        """Set `base`, the sample at which the session begins. Call this only before its first audio."""
        self._ears = [(0, base)]
        self._last_end = self._released_to = self._final_to = base

    def leave_out(self, at: int, samples: int) -> None:
        """Record that `samples` samples of the caller's audio, directly before the session's sample `at`, were not
        sent."""
        self._ears.append((at, self._ears[-1][1] + samples))

    @property
    def has_tail(self) -> bool:
        """Whether there are words that are not final."""
        return self._tail_at is not None

    @property
    def replay_from(self) -> int:
        """The sample at which a new session must begin so that nothing is lost and no word is repeated."""
        unsure = self._final_to if self._tail_at is None else min(self._final_to, self._tail_at)
        return max(self._released_to, unsure - round(PRE_ROLL_S * self._rate))

    def read(self, answer: SttResponse, heard_to: int | None, finalized_to: int | None) -> list[TokenEvent]:
        """Return what `answer` adds to the transcript. Times later than `heard_to` are changed to `heard_to`; a `<fin>`
        answers the request for all audio up to `finalized_to`."""
        out: list[TokenEvent] = []
        said: tuple[list[Piece], list[Piece]] = ([], [])
        translated: tuple[list[Piece], list[Piece]] = ([], [])
        for token in answer.tokens or ():
            if token.text == END_TOKEN or token.text == FIN_TOKEN:
                out += [*self._segment(said[0], translated[0]), self._marked(token.text, finalized_to)]
                said[0].clear()
                translated[0].clear()
            else:
                into = translated if token.translation_status == "translation" else said
                into[0 if token.is_final else 1].append(self._piece(token, heard_to))
        out += self._note(self._said.feed(*said))
        if translated[0] or translated[1] or self._translates:
            self._translates = True
            out += _translations(self._translated.feed(*translated))
        out += self._progress(answer.final_audio_proc_ms, heard_to)
        return _tidied(out)

    def finish(self) -> list[TokenEvent]:
        """Return the last words, which are complete because the session has ended."""
        return _tidied(self._segment([], []))

    def _segment(self, said: list[Piece], translated: list[Piece]) -> list[TokenEvent]:
        """End a segment: its words are complete, whatever comes next."""
        return [
            *self._note([*self._said.feed(said), *self._said.flush()]),
            *_translations([*self._translated.feed(translated), *self._translated.flush()]),
        ]

    def _marked(self, marker: str, finalized_to: int | None) -> TokenEvent:
        if marker == END_TOKEN:
            return events.Endpoint(self._released_to)
        return events.Finalized(self._final_to if finalized_to is None else finalized_to)

    def _note(self, said: Iterable[events.Final | events.Interim]) -> list[TokenEvent]:
        out: list[TokenEvent] = []
        for event in said:
            if isinstance(event, events.Final):
                self._released_to = max(self._released_to, event.words[-1].end)
            else:
                self._tail_at = min((word.start for word in event.words), default=None)
            out.append(event)
        return out

    def _progress(self, final_ms: Number | None, heard_to: int | None) -> list[TokenEvent]:
        final_to = self._final_to if final_ms is None else self._sample(final_ms, heard_to)
        if final_to <= self._final_to:
            return []
        self._final_to = final_to
        return [events.Progress(final_to)]

    def _piece(self, token: Token, heard_to: int | None) -> Piece:
        """The token, timed in samples of the caller's audio; without times, it is placed at the end of the previous
        token."""
        start = self._last_end if token.start_ms is None else self._sample(token.start_ms, heard_to)
        end = start if token.end_ms is None else max(start, self._sample(token.end_ms, heard_to))
        if token.end_ms is not None and token.is_final:
            self._last_end = end
        return Piece(token.text or "", start, end, token.language, token.speaker, token.confidence)

    def _sample(self, ms: Number, heard_to: int | None) -> int:
        sample = self.ear(round(ms * self._rate / 1000) if 0 <= ms <= _LONGEST_MS else 0)
        return sample if heard_to is None or sample < heard_to else heard_to


def _translations(said: Iterable[events.Final | events.Interim]) -> list[TokenEvent]:
    return [events.Translated(event.words, isinstance(event, events.Final)) for event in said]


def _tidied(said: list[TokenEvent]) -> list[TokenEvent]:
    """`said` with neighbouring finals joined, and without interims that a later one in the same message replaces."""
    last = {_tail(event): place for place, event in enumerate(said)}
    out: list[TokenEvent] = []
    for place, event in enumerate(said):
        before = out[-1] if out else None
        if isinstance(event, events.Final) and isinstance(before, events.Final):
            out[-1] = events.Final(before.words + event.words)
        elif _tail(event) is None or last[_tail(event)] == place:
            out.append(event)
    return out


def _tail(event: TokenEvent) -> str | None:
    """Which interim words `event` replaces, the spoken or the translated ones; None if it is not an interim."""
    if isinstance(event, events.Interim):
        return "said"
    return "translated" if isinstance(event, events.Translated) and not event.is_final else None
