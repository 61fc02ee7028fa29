"""Finds the words of a transcript or its translation, and their times, for subtitles in any script. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from voicekit.soniox.rest.schema.answers import TranscriptToken
from voicekit.writing import begins_word

MARKERS: Final = ("<end>", "<fin>")
_SPACES: Final = re.compile(r"\s+")
TRANSLATION: Final = "translation"


@dataclass(frozen=True, slots=True)
class CaptionWord:
    """A word, including any space before it, or a piece of text in a script without spaces."""

    text: str
    start: int
    end: int
    speaker: str | None


def timed(tokens: Iterable[TranscriptToken], translated: bool) -> Iterator[CaptionWord]:
    """The original or the translated tokens, each with times. A translation has no times of its own, so it gets those
    of its original."""
    originals: list[TranscriptToken] = []
    translation: list[TranscriptToken] = []
    last = 0
    for token in tokens:
        if token.text in MARKERS:
            continue
        if token.translation_status == TRANSLATION:
            if translated:
                translation.append(token)
            continue
        if translation:
            yield from _spread(translation, originals, last)
            last = max(last, _span(originals, last)[1])
            originals, translation = [], []
        start = last if token.start_ms is None else token.start_ms
        end = max(start, start if token.end_ms is None else token.end_ms)
        if translated:
            originals.append(token)
            if token.translation_status in (None, "none"):
                yield CaptionWord(token.text, start, end, token.speaker)  # already in the requested language
                originals, last = [], end
        else:
            yield CaptionWord(token.text, start, end, token.speaker)
            last = end
    if translation:
        yield from _spread(translation, originals, last)


def _spread(
    translation: Sequence[TranscriptToken], originals: Sequence[TranscriptToken], last: int
) -> Iterator[CaptionWord]:
    """The tokens of a translation, spread over the time of the original in proportion to their length."""
    start, end = _span(originals, last)
    whole = sum(len(token.text) for token in translation) or 1
    speaker = next((token.speaker for token in originals if token.speaker), None)
    said = 0
    for token in translation:
        here = start + (end - start) * said // whole
        said += len(token.text)
        yield CaptionWord(token.text, here, start + (end - start) * said // whole, token.speaker or speaker)


def _span(tokens: Sequence[TranscriptToken], last: int) -> tuple[int, int]:
    starts = [token.start_ms for token in tokens if token.start_ms is not None]
    ends = [token.end_ms for token in tokens if token.end_ms is not None]
    start = min(starts, default=last)
    return start, max(start, max(ends, default=start))


def words_of(pieces: Iterable[CaptionWord]) -> Iterator[CaptionWord]:
    """Join pieces into words. A word begins where a line may be broken: before a space, or anywhere in scripts without
    spaces."""
    held: CaptionWord | None = None
    for piece in pieces:
        piece = CaptionWord(_SPACES.sub(" ", piece.text), piece.start, piece.end, piece.speaker)
        if held is None:
            held = piece
        elif held.speaker != piece.speaker or may_break(held.text, piece.text):
            yield held
            held = piece
        else:
            held = CaptionWord(held.text + piece.text, held.start, max(held.end, piece.end), held.speaker)
    if held is not None:
        yield held


def may_break(before: str, after: str) -> bool:
    """Whether a line may be broken between `before` and `after`."""
    if not before or not after or not before.strip():
        return False
    return after[0].isspace() or (not before[-1].isspace() and begins_word(before, after))
