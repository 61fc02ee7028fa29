"""The contracts of engines: recognisers turn sound into words, synthesisers words into sound, aligners find the times.

An engine is one object per process, shared by all calls. Its methods block and are called in worker threads, several at
once; `load` is called once, before anything else. Sound is an array of float32 from -1 to 1, mono.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Sound: TypeAlias = NDArray[np.float32]

HEARING_RATE = 16_000
"""Samples per second that every recogniser takes."""

LONGEST_S = 15.0
"""Seconds of sound that a recogniser must accept at once: longer segments are cut, since engines begin to repeat
themselves on more.
"""

Progress: TypeAlias = Callable[[str, float], None]
"""Called with the present step, for a person to read, and the part of the whole loading that is done, from 0 to 1."""


def no_progress(doing: str, done: float) -> None:
    """A Progress that shows nothing."""


@dataclass(frozen=True, slots=True)
class HeardWord:
    """One word as it is written, with its punctuation and without blanks; confidence from 0 to 1."""

    text: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Heard:
    """What one segment of sound says.

    `tokens` mean something to the engine alone: given as the draft when the same segment is decoded again with more
    sound at its end, they save most of the work.
    """

    words: tuple[HeardWord, ...]
    tokens: tuple[int, ...] = field(default=(), repr=False)


class Recogniser(Protocol):
    """Turns one segment of speech into words."""

    name: str
    languages: tuple[str, ...]
    partials: bool
    """Whether it is cheap enough to decode a segment again and again while it grows."""

    def load(self, progress: Progress) -> None:
        """Get ready: imports, files, sessions. ConfigError naming the package when a part is missing or altered."""
        ...

    def decode(self, sound: Sound, draft: tuple[int, ...] = ()) -> Heard:
        """The words of at most LONGEST_S seconds at HEARING_RATE; no words for silence and noise."""
        ...


class Aligner(Protocol):
    """Finds when each word of a known text is spoken."""

    name: str

    def load(self, progress: Progress) -> None:
        """Get ready. ConfigError naming the package when a part is missing."""
        ...

    def align(self, sound: Sound, rate: int, words: Sequence[str]) -> list[tuple[float, float]]:
        """Start and end of each word in seconds, rising, within the sound.

        Where the words can't be found in the sound, their times are spread over it by their letters.
        """
        ...


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word as the text has it, without blanks, and when it sounds: seconds from the first sample."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Spoken:
    """Sound of one piece of text: PCM16 little-endian, mono, `rate` samples per second."""

    pcm: bytes = field(repr=False)
    rate: int
    words: tuple[SpokenWord, ...]


class Synthesiser(Protocol):
    """Speaks text."""

    name: str
    rate: int
    voices: tuple[str, ...]
    """The names that are voices of its own; any other name is spoken by one of them."""
    languages: tuple[str, ...]

    def load(self, progress: Progress) -> None:
        """Get ready. ConfigError naming the package when a part is missing or altered."""
        ...

    def pieces(self, text: str) -> list[str]:
        """`text` cut where a voice may breathe; joined they are `text`. Speaking piece by piece sounds sooner."""
        ...

    def speak(self, text: str, voice: str, speed: float = 1.0) -> Spoken:
        """The sound of one piece; `speed` 2 is twice as fast. The words joined by blanks are the text."""
        ...
