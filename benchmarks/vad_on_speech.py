"""How soon the detectors notice speech, and what judging costs: `python -m benchmarks.vad_on_speech [--vad NAME ...]`.

Measures, for all recordings in tests/data/speech at 8 and 16 kHz, the time from the first sound of speech in the labels
to the mark of the gate with its defaults. This is time in the sound, not time spent. Also measures how long one core
takes to judge a window and to make the detector; the first detector in a process loads what it needs.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from statistics import median
from time import perf_counter

import numpy as np
import soundfile
import soxr

from benchmarks import machine
from benchmarks.measure import percentile
from benchmarks.vad_on_noise import SPEECH
from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.contracts import Vad
from voicekit.events import SpeechStarted, SpeechStopped
from voicekit.extend import Use, load_plugins
from voicekit.flow.transform import StreamContext
from voicekit.listen.detect import detect

RATES = (8_000, 16_000)
FRAMES_PER_SECOND = 50
LABELS = json.loads((SPEECH / "labels.json").read_text(encoding="utf-8"))


def recording(name: str, rate: int) -> bytes:
    """The recording, followed by a second of silence, as PCM16 at `rate`."""
    recorded, recorded_rate = soundfile.read(SPEECH / f"{name}.flac", dtype="int16")
    sound = soxr.resample(np.concatenate([recorded, np.zeros(recorded_rate, np.int16)]), recorded_rate, rate)
    pcm: bytes = sound.astype("<i2").tobytes()
    return pcm


def listen(name: str, rate: int, vad: Vad) -> Iterator[tuple[SpeechStarted | SpeechStopped, float]]:
    """The marks of a recording, each with the time in seconds of sound at which it came."""
    sound, pcm = AudioFormat(rate), recording(name, rate)
    detector = detect(vad).start(StreamContext(sound))
    size = 2 * rate // FRAMES_PER_SECOND
    for start in range(0, len(pcm), size):
        frame = AudioFrame(pcm[start : start + size], start // 2, sound)
        for mark in detector.feed(frame):
            if isinstance(mark, SpeechStarted | SpeechStopped):
                yield mark, frame.end / rate


def noticed(vad: Vad) -> list[float]:
    """The seconds until each first sound of speech is noticed; it is an error if one is not."""
    took: list[float] = []
    for name, label in LABELS.items():
        for rate in RATES:
            starts = [said for mark, said in listen(name, rate, vad) if isinstance(mark, SpeechStarted)]
            took += [said - begin for said, (begin, _) in zip(starts, label["speech"], strict=True)]
    return took


def judged(vad: Vad) -> list[float]:
    """The seconds that each window of all recordings took, at 16 kHz."""
    took: list[float] = []
    for name in LABELS:
        pcm, stream = recording(name, RATES[-1]), vad.start(RATES[-1])
        size = 2 * stream.window
        for start in range(0, len(pcm) - size + 1, size):
            begun = perf_counter()
            stream.probability(pcm[start : start + size])
            took.append(perf_counter() - begun)
    return took


def row(name: str, vad: Vad, made: float) -> str:
    """A line of the table, for a detector that took `made` seconds to make."""
    after, took = noticed(vad), judged(vad)
    window = vad.start(RATES[-1]).window / RATES[-1]
    begins = _ms(min(after), median(after), max(after), window, digits=0)
    return f"{name:<12}{begins}{_ms(min(took), median(took), percentile(took, 99), digits=3)}{_ms(made, digits=1)}"


def _ms(*seconds: float, digits: int) -> str:
    return "".join(f"{1e3 * each:>10.{digits}f}" for each in seconds)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.vad_on_speech", description=__doc__)
    parser.add_argument(
        "--vad",
        nargs="+",
        metavar="NAME",
        default=["webrtc"],
        help="detectors to test, by their registered names (webrtc)",
    )
    options = parser.parse_args(arguments)
    print(", ".join(f"{name} {value}" for name, value in machine.describe().items()))
    print(f"\nms          {'speech is noticed after':^30}    window{'is judged in':^30}   made in")
    print(f"{'':12}{'min':>10}{'median':>10}{'max':>10}{'':>10}{'min':>10}{'median':>10}{'p99':>10}")
    registry = load_plugins().registry
    for name in options.vad:
        begun = perf_counter()
        vad: Vad = Use(name).build(registry, "vad")
        print(row(name, vad, perf_counter() - begun))


if __name__ == "__main__":
    main()
