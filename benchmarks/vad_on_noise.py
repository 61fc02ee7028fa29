"""How often the detectors take other sounds for speech: `python -m benchmarks.vad_on_noise [--seconds S]`.

Prints for each sound and each detector, with the gate's defaults, the false starts per minute and the share of the time
that would count as speech. `--vad NAME ...` tests detectors registered by plugins instead of the built-in ones.
`--files FILE ...` tests recordings at their own level instead, each repeated with a second of silence in between.

All sounds are made here from fixed seeds, except babble, which is all recordings of tests/data/speech played together:
people who speak, but not to the bot.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.contracts import Vad
from voicekit.events import SpeechStarted, SpeechStopped
from voicekit.extend import Use, load_plugins
from voicekit.flow.transform import StreamContext
from voicekit.listen.detect import detect
from voicekit.listen.vad import ConfirmedBy, EnergyVad, WebRtcVad

RATE = 16_000
FRAME = 320
SPEECH = Path(__file__).parents[1] / "tests" / "data" / "speech"

Wave: TypeAlias = NDArray[np.float64]

DETECTORS: dict[str, Vad] = {
    "webrtcvad 0": WebRtcVad(0),
    "webrtcvad 1": WebRtcVad(1),
    "webrtcvad 2": WebRtcVad(2),
    "webrtcvad 3": WebRtcVad(3),
    "energy -40": EnergyVad(-40.0),
    "2 + energy": ConfirmedBy(WebRtcVad(2), EnergyVad(-40.0)),
}


@dataclass(frozen=True, slots=True)
class FalseAlarms:
    """A detector's result for a sound: starts per minute, and the share of the time that counted as speech."""

    starts: float
    speaking: float

    def __str__(self) -> str:
        return f"{self.starts:.1f} / {self.speaking:.0%}"


def white(seconds: float, dbfs: float, *, rate: int = RATE, seed: int = 1) -> bytes:
    """White noise whose root mean square is `dbfs`, as PCM16."""
    return _pcm(np.random.default_rng(seed).standard_normal(round(seconds * rate)), dbfs)


def pink(seconds: float, dbfs: float, *, rate: int = RATE, seed: int = 1) -> bytes:
    """Noise with the same power in each octave, whose root mean square is `dbfs`, as PCM16."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(round(seconds * rate)))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    spectrum[0] = 0
    return _pcm(np.fft.irfft(spectrum, round(seconds * rate)), dbfs)


def hold_music(seconds: float, dbfs: float) -> bytes:
    """Four repeated chords of two seconds with a bass; each note has five harmonics and a decay of half a second."""
    chords = ((0, 4, 7, 12), (9, 12, 16, 21), (5, 9, 12, 17), (7, 11, 14, 19))  # I vi IV V, in semitones over C4
    bars = [_bar(chord) for chord in chords]
    return _pcm(_repeated(np.concatenate(bars), seconds), dbfs)


def ring(seconds: float, dbfs: float) -> bytes:
    """The North American ringing tone: 440 and 480 Hz, two seconds of six."""
    at = np.arange(2 * RATE) / RATE
    sounding = np.sin(2 * np.pi * 440 * at) + np.sin(2 * np.pi * 480 * at)
    return _pcm(_repeated(np.concatenate([sounding, np.zeros(4 * RATE)]), seconds), dbfs)


def clicks(seconds: float, dbfs: float) -> bytes:
    """Two key presses a second at random: 3 ms of fading noise, with peaks 30 dB above the noise between them."""
    dice = np.random.default_rng(2)
    sound = dice.standard_normal(round(seconds * RATE)) * 0.03
    shape = np.exp(-np.arange(round(0.02 * RATE)) / (0.003 * RATE))
    for start in dice.integers(0, len(sound) - len(shape), round(2 * seconds)):
        sound[start : start + len(shape)] += dice.standard_normal(len(shape)) * shape
    return _pcm(sound, dbfs)


def babble(seconds: float, dbfs: float) -> bytes:
    """All recordings at the same time, equally loud and repeated, each beginning at another place."""
    mixed = np.zeros(round(seconds * RATE))
    for number, name in enumerate(json.loads((SPEECH / "labels.json").read_text(encoding="utf-8"))):
        voice = soundfile.read(SPEECH / f"{name}.flac", dtype="float64")[0]
        mixed += _repeated(np.roll(voice / voice.std(), 4_000 * number), seconds)
    return _pcm(mixed, dbfs)


def recorded(path: Path, seconds: float) -> bytes:
    """The recording in the file `path`, mixed to one channel, and repeated with a second of silence in between."""
    sound, rate = soundfile.read(path, dtype="float64", always_2d=True)
    once = soxr.resample(sound.mean(axis=1), rate, RATE)
    return _clipped(_repeated(np.concatenate([once, np.zeros(RATE)]), seconds) * 32_768)


SOUNDS: dict[str, Callable[[float], bytes]] = {
    "silence": lambda seconds: bytes(2 * round(seconds * RATE)),
    "white -40 dBFS": lambda seconds: white(seconds, -40.0),
    "white -20 dBFS": lambda seconds: white(seconds, -20.0),
    "pink -40 dBFS": lambda seconds: pink(seconds, -40.0),
    "pink -30 dBFS": lambda seconds: pink(seconds, -30.0),
    "hold music -25 dBFS": lambda seconds: hold_music(seconds, -25.0),
    "ring -25 dBFS": lambda seconds: ring(seconds, -25.0),
    "clicks -45 dBFS": lambda seconds: clicks(seconds, -45.0),
    "babble -30 dBFS": lambda seconds: babble(seconds, -30.0),
}


def false_alarms(vad: Vad, pcm: bytes) -> FalseAlarms:
    """The result of `vad`, with the gate's defaults, for `pcm` at 16 kHz."""
    marks = list(heard(vad, pcm))
    starts = [mark.at for mark in marks if isinstance(mark, SpeechStarted)]
    stops = [mark.at for mark in marks if isinstance(mark, SpeechStopped)]
    samples = len(pcm) // 2
    return FalseAlarms(len(starts) / (samples / RATE / 60), (sum(stops) - sum(starts)) / samples)


def heard(vad: Vad, pcm: bytes) -> Iterator[SpeechStarted | SpeechStopped]:
    """The marks for `pcm` at 16 kHz, which is sent in frames of 20 ms."""
    sound = AudioFormat(RATE)
    detector = detect(vad).start(StreamContext(sound))
    for at in range(0, len(pcm) // 2, FRAME):
        yield from _marks(detector.feed(AudioFrame(pcm[2 * at : 2 * (at + FRAME)], at, sound)))
    yield from _marks(detector.finish())


def named(names: list[str]) -> dict[str, Vad]:
    """The detectors registered under `names`, without options."""
    registry = load_plugins().registry
    return {name: Use(name).build(registry, "vad") for name in names}


def report(
    seconds: float, detectors: Mapping[str, Vad] = DETECTORS, sounds: Mapping[str, Callable[[float], bytes]] = SOUNDS
) -> str:
    """The table, as it is printed."""
    width = max(map(len, sounds))
    lines = [f"false starts per minute / share of the time that counts as speech; {seconds:g} s of each, 16 kHz"]
    lines.append(" " * (width + 1) + "".join(f"{name:>15}" for name in detectors))
    for name, make in sounds.items():
        pcm = make(seconds)
        lines.append(f"{name:{width + 1}}" + "".join(f"{false_alarms(vad, pcm)!s:>15}" for vad in detectors.values()))
    return "\n".join(lines)


def _marks(items: object) -> Iterator[SpeechStarted | SpeechStopped]:
    assert isinstance(items, tuple)
    yield from (item for item in items if isinstance(item, SpeechStarted | SpeechStopped))


def _bar(chord: tuple[int, ...]) -> Wave:
    at = np.arange(2 * RATE) / RATE
    pluck = np.exp(-(at % 0.5) / 0.5)
    notes = [261.63 * 2 ** (note / 12) for note in chord] + [130.81 * 2 ** (chord[0] / 12)]
    tones = [np.sin(2 * np.pi * note * n * at) / n for note in notes for n in range(1, 6)]
    whole: Wave = np.sum(tones, axis=0) * pluck
    return whole


def _repeated(sound: Wave, seconds: float) -> Wave:
    return np.resize(sound, round(seconds * RATE))


def _pcm(sound: Wave, dbfs: float) -> bytes:
    """`sound` as PCM16 with a root mean square of `dbfs`; samples beyond full scale are clipped."""
    return _clipped(sound / np.sqrt(np.mean(sound**2)) * 32_768 * 10 ** (dbfs / 20))


def _clipped(sound: Wave) -> bytes:
    samples: NDArray[np.int16] = np.clip(np.round(sound), -32_768, 32_767).astype("<i2")
    return samples.tobytes()


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.vad_on_noise", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="seconds per sound (60)")
    parser.add_argument(
        "--vad",
        nargs="+",
        metavar="NAME",
        help="registered names of the detectors to test, separated by spaces (for example: webrtc silero)",
    )
    parser.add_argument(
        "--files", nargs="+", type=Path, metavar="FILE", help="use these recordings instead of synthetic sounds"
    )
    options = parser.parse_args(arguments)
    sounds = {path.stem: partial(recorded, path) for path in options.files} if options.files else SOUNDS
    print(report(options.seconds, named(options.vad) if options.vad else DETECTORS, sounds))


if __name__ == "__main__":
    main()
