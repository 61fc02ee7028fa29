"""Recognises pieces of words from their samples, for the scripted peer. Pure.

Each sample from a ScriptedSource encodes its position. A piece of a word is understood only if all its samples have
arrived exactly once and in order. If a piece is torn, only the letters that arrived are understood, followed by TORN.
So 20 ms that are dropped or doubled within a word change the transcript; within silence, they shift the times of the
following words. Less than SLACK_S may be missing at either end of a piece, since times on the wire are whole
milliseconds. Other audio is not understood, but its samples are counted.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from voicekit.testing.positions import POSITIONS, WINDOW
from voicekit.testing.scripted import Script

LETTERS: Final = 4
"""The maximum number of letters in a piece: recognisers split most words into one to three pieces."""
TORN: Final = "?"
SLACK_S: Final = 0.001
RUNS: Final = 1_000
"""How many runs are remembered: more than any test needs, but fewer than a broken client could cause."""


@dataclass(frozen=True, slots=True)
class SoundingPiece:
    """A piece of a word: `text` is spoken from sample `start` to `end`. The first piece of a word includes the white
    space before it.
    """

    text: str
    start: int
    end: int


@dataclass(slots=True)
class SoundRun:
    """A run of `samples` consecutive samples, which starts at sample `at` of the session and at sample `source` of the
    script.

    `source` is None if the audio is not from the script.
    """

    source: int | None
    at: int
    samples: int = 0


class PeerStt:
    """Listens to the PCM16 of one session at `rate`. Pieces of words, timed in the session's samples, are added to
    `said`; whoever reads them there also removes them.
    """

    def __init__(self, script: Script, rate: int) -> None:
        self.total = 0
        self.said: list[SoundingPiece] = []
        self.runs: list[SoundRun] = []
        self._script = script
        self._rate = rate
        self._slack = round(SLACK_S * rate)
        self._pieces = pieces(script, rate)
        self._next = 0  # the index of the first piece that the current run has not reached
        self._pending = b""  # recent sound that is too short to be found in the script

    def hear(self, data: bytes) -> None:
        pcm = self._pending + data
        while pcm:
            taken = self._follow(pcm) or self._find(pcm)
            if not taken:
                break
            pcm = pcm[2 * taken :]
        self._pending = pcm

    def skip(self, samples: int) -> None:
        """Take `samples` samples of audio that is certainly not from the script."""
        self._take_unknown(samples)

    def pause(self) -> None:
        """Record that another segment begins; if a piece is unfinished, it is torn."""
        self._take_unknown(len(self._pending) // 2)
        self._pending = b""
        run = self.runs[-1] if self.runs else None
        if self.begun() is not None and run is not None and run.source is not None:
            self._begin(run.source + run.samples)

    def begun(self) -> SoundingPiece | None:
        """The part of the current piece that has arrived."""
        if self._next >= len(self._pieces) or not self.runs:
            return None
        return self._understood(self._pieces[self._next], self.runs[-1], live=True)

    def _follow(self, pcm: bytes) -> int:
        """Take the samples that continue the current run, and return their number."""
        run = self.runs[-1] if self.runs else None
        if run is None or run.source is None:
            return 0
        expected = self._script.pcm(run.source + run.samples, len(pcm) // 2, self._rate)
        same = len(pcm) // 2 if pcm[: len(expected)] == expected else _in_common(pcm, expected)
        self._extend(run, same)
        return same

    def _find(self, pcm: bytes) -> int:
        """Begin another run where sound of the script is found, and return the number of samples taken."""
        samples = array("h", pcm[: len(pcm) // 2 * 2])
        for place in range(len(samples) - WINDOW + 1):
            if (samples[place + 1] - samples[place] - 1) % POSITIONS:
                continue
            source = self._position(samples[place], pcm[2 * place : 2 * (place + WINDOW)])
            if source is not None:
                self._take_unknown(place)
                self._begin(source)
                return place + self._follow(pcm[2 * place :])
        unknown = max(0, len(samples) - WINDOW + 1)
        self._take_unknown(unknown)
        return unknown

    def _position(self, sample: int, window: bytes) -> int | None:
        """The position of `window` in the script; the likeliest positions are tried first."""
        end = round(self._script.until * self._rate)
        near = max((run.source + run.samples for run in self.runs[-2:] if run.source is not None), default=0)
        places = range(sample % POSITIONS, end, POSITIONS)
        likely = sorted(places, key=lambda place: abs(place - near))
        return next((place for place in likely if self._script.pcm(place, WINDOW, self._rate) == window), None)

    def _take_unknown(self, samples: int) -> None:
        if samples:
            if not self.runs or self.runs[-1].source is not None:
                self._begin(None)
            self.runs[-1].samples += samples
            self.total += samples

    def _extend(self, run: SoundRun, samples: int) -> None:
        run.samples += samples
        self.total += samples
        end = (run.source or 0) + run.samples
        while self._next < len(self._pieces) and self._pieces[self._next].end <= end:
            self._say(self._pieces[self._next])
            self._next += 1

    def _begin(self, source: int | None) -> None:
        if self._next < len(self._pieces) and self.runs:
            self._say(self._pieces[self._next])
        self.runs.append(SoundRun(source, self.total))
        del self.runs[:-RUNS]
        self._next = len(self._pieces)
        if source is not None:
            self._next = next((n for n, piece in enumerate(self._pieces) if piece.end > source), self._next)

    def _say(self, piece: SoundingPiece) -> None:
        understood = self._understood(piece, self.runs[-1], live=False)
        if understood is not None:
            self.said.append(understood)

    def _understood(self, piece: SoundingPiece, run: SoundRun, live: bool) -> SoundingPiece | None:
        """`piece` as it was heard, in the session's time; if `live`, its end is still to come."""
        if run.source is None:
            return None
        start, end = max(piece.start, run.source), min(piece.end, run.source + run.samples)
        if end - start <= self._slack:
            return None
        torn = start > piece.start + self._slack or (end < piece.end - self._slack and not live)
        text = piece.text
        if torn or end < piece.end - self._slack:
            text = _letters(piece, start, end) + (TORN if torn else "")
        shift = run.at - run.source
        return SoundingPiece(text, start + shift, end + shift)


def until(piece: SoundingPiece, end: int) -> SoundingPiece:
    """The part of `piece` that has been understood at sample `end`, which must be after the start of the piece."""
    if piece.end <= end:
        return piece
    return replace(piece, text=_letters(piece, piece.start, end), end=end)


def pieces(script: Script, rate: int) -> list[SoundingPiece]:
    """All speech in the script, cut into pieces of words, timed in the script's samples at `rate`."""
    return [
        piece
        for utterance in script.utterances(rate)
        for place, word in enumerate(utterance)
        for piece in _pieces(word.text if place else f" {word.text.lstrip()}", word.start, word.end)
    ]


def _pieces(word: str, start: int, end: int) -> Iterator[SoundingPiece]:
    letters = word.strip()
    white = word[: len(word) - len(word.lstrip())]
    for first in range(0, len(letters), LETTERS):
        last = min(first + LETTERS, len(letters))
        text = ("" if first else white) + letters[first:last]
        yield SoundingPiece(text, *(start + (end - start) * letter // len(letters) for letter in (first, last)))


def _letters(piece: SoundingPiece, start: int, end: int) -> str:
    """The letters of `piece` that sound from `start` to `end`: at least one."""
    letters = piece.text.lstrip()
    white = piece.text[: len(piece.text) - len(letters)]
    first = len(letters) * (start - piece.start) // (piece.end - piece.start)
    last = max(first + 1, len(letters) * (end - piece.start) // (piece.end - piece.start))
    return white + letters[first:last]


def _in_common(left: bytes, right: bytes) -> int:
    """How many samples are the same at the beginning of `left` and `right`."""
    differ = (place for place, (one, other) in enumerate(zip(left, right, strict=False)) if one != other)
    return next(differ, min(len(left), len(right))) // 2
