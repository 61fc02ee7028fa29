"""The contracts of engines: recognisers turn speech into words, synthesisers turn words into speech, and aligners
find when words are spoken.

All sessions in a process share one object per engine. Its methods block, and run in several worker threads at the same
time; `load` runs once, before anything else. Audio is a mono array of float32 from -1 to 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Sound: TypeAlias = NDArray[np.float32]

HEARING_RATE = 16_000
"""Samples per second of the sound for every recogniser."""

LONGEST_S = 15.0
"""How many seconds of sound a recogniser must accept. Longer segments are cut, because engines begin to repeat
themselves on longer sound.
"""

Progress: TypeAlias = Callable[[str, float], None]
"""A function that is called with the current step, as text for a person, and the fraction of the loading that is done.
"""


def no_progress(doing: str, done: float) -> None:
    """A Progress that shows nothing."""


@dataclass(frozen=True, slots=True)
class HeardWord:
    """A word as the recogniser writes it, with punctuation but no spaces; its confidence is from 0 to 1."""

    text: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Heard:
    """The words in one segment of audio.

    Only the engine understands `tokens`. When the same segment is decoded again with more audio at its end, the tokens
    are passed to the engine as a draft, which saves most of the work.
    """

    words: tuple[HeardWord, ...]
    tokens: tuple[int, ...] = field(default=(), repr=False)


class Recogniser(Protocol):
    """Turns one segment of speech into words."""

    name: str
    languages: tuple[str, ...]
    partials: bool
    """Whether decoding is cheap enough to repeat while a segment grows."""

    def load(self, progress: Progress) -> None:
        """Import packages and load files. A missing or altered part raises a ConfigError that names the package."""
        ...

    def decode(self, sound: Sound, draft: tuple[int, ...] = ()) -> Heard:
        """The words in at most LONGEST_S seconds of audio at HEARING_RATE; silence and noise yield none."""
        ...


class Aligner(Protocol):
    """Finds when each word of a known text is spoken."""

    name: str

    def load(self, progress: Progress) -> None:
        """Get ready. If a part is missing, raises a ConfigError that names the package."""
        ...

    def align(self, sound: Sound, rate: int, words: Sequence[str]) -> list[tuple[float, float]]:
        """The start and the end of each word in `sound`, in seconds and in ascending order.

        If the words can't be found, the duration of `sound` is divided among them in proportion to their lengths in
        letters.
        """
        ...


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word as written in the text, without spaces, and when it is spoken, in seconds from the first sample."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Spoken:
    """The speech for one piece of text: PCM16 little-endian, mono, `rate` samples per second."""

    pcm: bytes = field(repr=False)
    rate: int
    words: tuple[SpokenWord, ...]


@dataclass(frozen=True, slots=True)
class Speech:
    """The speech for one piece of text while it is made: PCM16 little-endian, mono, `rate` samples per second.

    The times of the words and the length, in seconds, are known before the sound. Each step of `sound` blocks while it
    makes the next part; joined, the parts have no gap or click between them.
    """

    rate: int
    words: tuple[SpokenWord, ...]
    seconds: float
    sound: Iterator[bytes] = field(repr=False)

    @staticmethod
    def of(spoken: Spoken) -> Speech:
        """Speech that has been made already, in one part."""
        return Speech(spoken.rate, spoken.words, len(spoken.pcm) / (2 * spoken.rate), iter((spoken.pcm,)))

    def whole(self) -> Spoken:
        """All of the speech. Blocks while it is made."""
        return Spoken(b"".join(self.sound), self.rate, self.words)


class Synthesiser(Protocol):
    """Speaks text."""

    name: str
    rate: int
    voices: tuple[str, ...]
    """The names of this engine's voices; it speaks with one of them if it gets any other name."""
    languages: tuple[str, ...]

    def load(self, progress: Progress) -> None:
        """Get ready. If a part is missing or altered, raises a ConfigError that names the package."""
        ...

    def pieces(self, text: str) -> list[str]:
        """`text`, cut at natural pauses; joined together, the pieces make up `text` again. The first sound is ready
        sooner if the pieces are spoken one by one.
        """
        ...

    def speak(self, text: str, voice: str, speed: float = 1.0) -> Spoken:
        """The speech for one piece; a `speed` of 2 is twice as fast. The words of the result, joined by spaces,
        are `text`.
        """
        ...

    def begin(self, text: str, voice: str, speed: float = 1.0) -> Speech:
        """The same speech, made part by part: the first part is short, so that it is soon ready. An engine that can't
        do this returns `Speech.of(self.speak(...))`.
        """
        ...
