"""Computed sounds without words: coughs, a door, a bunch of keys, a hum, music. The same seed gives the same sound."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Samples: TypeAlias = NDArray[np.float64]
    """Mono sound at RATE, from -1 to 1."""

RATE: Final = 16_000
"""The rate of all sounds of the scenes, in Hz."""

SPEECH_DBFS: Final = -23.0
"""The level of the callers' and the bot's speech, and of music: a root mean square without the silence."""

RINGS_S: Final = 2.5
"""Seconds until a chord has fallen by 43 dB."""

FLOOR_DBFS: Final = -70.0
"""The level of the noise in a room: no telephone call has digital silence."""


def cough(seconds: float, seed: int) -> Samples:
    """Bursts of noise that sound like coughs, each with an abrupt start."""
    dice = np.random.default_rng(seed)
    sound = _shaped(dice.standard_normal(_count(seconds)), 350, 2_800)
    bursts = max(1, round(seconds / 0.3))
    time = np.arange(len(sound)) / RATE
    envelope = np.zeros(len(sound))
    for start in np.arange(bursts) * seconds / bursts:
        since = np.clip(time - start, 0, None)
        envelope = np.maximum(envelope, (since > 0) * np.minimum(since / 0.01, 1) * np.exp(-since / 0.12))
    voiced = 0.6 * _harmonics(time, 160, 12, 0.85)
    return _peak((sound + voiced) * envelope, 0.5)


def door(seconds: float, seed: int) -> Samples:
    """A thump and the click of a lock."""
    dice = np.random.default_rng(seed)
    time = np.arange(_count(seconds)) / RATE
    thump = np.sin(2 * np.pi * 95 * time) * np.exp(-time / 0.06)
    slam = _shaped(dice.standard_normal(len(time)), 60, 900) * np.exp(-time / 0.05)
    lock = _shaped(dice.standard_normal(len(time)), 1_500, 6_000) * np.exp(-np.abs(time - 0.22) / 0.008)
    return _peak(thump + 0.8 * slam + 0.5 * lock, 0.6)


def keys(seconds: float, seed: int) -> Samples:
    """Clinks of metal, a dozen a second."""
    dice = np.random.default_rng(seed)
    time = np.arange(_count(seconds)) / RATE
    sound = np.zeros(len(time))
    for start in np.sort(dice.uniform(0, seconds - 0.05, round(12 * seconds))):
        since = np.clip(time - start, 0, None)
        for pitch in dice.uniform(2_500, 7_000, 3):
            sound += (since > 0) * np.sin(2 * np.pi * pitch * since) * np.exp(-since / dice.uniform(0.01, 0.04))
    return _peak(sound, 0.3)


def hum(seconds: float, seed: int) -> Samples:
    """The hum of a person who is thinking: a low tone through a closed mouth."""
    dice = np.random.default_rng(seed)
    time = np.arange(_count(seconds)) / RATE
    pitch = 125 + 6 * np.sin(2 * np.pi * 0.9 * time) + np.cumsum(dice.standard_normal(len(time))) * 0.002
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    sound = sum(0.6**number * np.sin(number * phase) for number in range(1, 9))
    edges = np.minimum(1, np.minimum(time, seconds - time) / 0.06)
    return _peak(np.asarray(sound) * edges, 0.3)


def music(seconds: float, seed: int) -> Samples:
    """Chords like those of a piano, two per second, with a bass; each chord fades within RINGS_S."""
    dice = np.random.default_rng(seed)
    sound = np.zeros(_count(seconds + RINGS_S))
    since = np.arange(_count(RINGS_S)) / RATE
    chords = ((220.0, 277.2, 329.6), (196.0, 246.9, 293.7), (174.6, 220.0, 261.6), (196.0, 246.9, 329.6))
    for number, start in enumerate(np.arange(0, seconds, 0.5)):
        chord = chords[number // 4 % len(chords)]
        first = _count(float(start))
        for pitch in (chord[0] / 2, *chord, dice.choice(chord) * 2):
            sound[first : first + len(since)] += np.exp(-since / 0.5) * _harmonics(since, float(pitch), 6, 0.5)
    sound = sound[: _count(seconds)]
    return np.asarray(sound * (10 ** (SPEECH_DBFS / 20) / np.sqrt((sound**2).mean())))


NOISES: Final[Mapping[str, Callable[[], Samples]]] = {
    "cough-short": lambda: cough(0.28, 1),
    "cough-long": lambda: cough(0.65, 2),
    "cough-fit": lambda: cough(1.5, 3),
    "door": lambda: door(0.45, 4),
    "keys": lambda: keys(1.6, 5),
    "hum": lambda: hum(0.8, 6),
    "music": lambda: music(16.0, 7),
    "music-short": lambda: music(2.5, 8),
}
"""All sounds that this module makes, by name."""


def floor(at: int, samples: int) -> Samples:
    """The noise of the room from sample `at` on; the same `at` always gives the same noise."""
    places = (at + np.arange(samples)) % len(_floor())
    return np.asarray(_floor()[places])


@cache
def _floor() -> Samples:
    return np.random.default_rng(0).standard_normal(3 * RATE) * 10 ** (FLOOR_DBFS / 20)


def _count(seconds: float) -> int:
    return round(seconds * RATE)


def _shaped(noise: Samples, low: float, high: float) -> Samples:
    """`noise` limited to the range between two pitches, with soft edges."""
    spectrum = np.fft.rfft(noise)
    pitch = np.fft.rfftfreq(len(noise), 1 / RATE)
    gain = 1 / (1 + (low / np.maximum(pitch, 1)) ** 4) / (1 + (pitch / high) ** 4)
    return np.fft.irfft(spectrum * gain, len(noise))


def _harmonics(time: Samples, pitch: float, most: int, fall: float) -> Samples:
    tones = (fall**number * np.sin(2 * np.pi * pitch * number * time) for number in range(1, most + 1))
    return np.asarray(np.sum(list(tones), axis=0))


def _peak(sound: Samples, peak: float) -> Samples:
    return np.asarray(sound * (peak / np.abs(sound).max()))
