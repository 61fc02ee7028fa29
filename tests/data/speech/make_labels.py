"""Says where speech starts and stops in the recordings beside this file, in seconds: writes labels.json anew.

    python -m venv aligning && aligning/bin/pip install pocketsphinx soundfile numpy
    aligning/bin/python tests/data/speech/make_labels.py

Two witnesses that know nothing of the detectors under test:

1. *Forced alignment.* pocketsphinx (its own US English model) is told the words of `text` and finds where each one
   sounds, in steps of 10 ms. The recording is padded with half a second of noise at its own floor at both ends:
   without room for a silence the aligner stretches the first and the last word over whatever is there. Words with
   no more than the gate's hangover between them are one segment.
2. *Envelope.* The aligner's edges are good to about 100 ms (it often gives the end of a last "s" to silence), so
   each edge moves to the outermost step, within 150 ms of the aligned one, whose level is at least 8 dB over the
   median level of what the aligner calls silence. The level is that of 30 ms around the step, which evens out noise.
   From 8 to 10 dB no edge moves by more than 120 ms and three in four by at most 20 ms; below 8 dB the breath before a
   sentence counts as speech.

In labels.json, `text` is what is said, `aligned` what the first witness says and `speech` the labels.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from pocketsphinx import Decoder

HERE = Path(__file__).parent
RATE = 16_000
STEP = 160  # samples: 10 ms, the aligner's own step
STEPS_PER_S = RATE // STEP
PADDING = 50  # steps of noise at either end while aligning
HANGOVER = 30  # steps: a pause of at most this length belongs to the speech around it
OVER_SILENCE_DB = 8.0
OUTSIDE = 15  # steps: how far outside an aligned segment its edge may lie
FILLERS = ("<s>", "</s>", "<sil>", "(NULL)", "[", "+")


def envelope(sound: Any) -> Any:
    """The level of the 30 ms around each step, in dBFS."""
    power = np.mean((sound[: len(sound) // STEP * STEP].astype(float) - sound.mean()).reshape(-1, STEP) ** 2, axis=1)
    around = np.ones(3)
    even = np.convolve(power, around, "same") / np.convolve(np.ones(len(power)), around, "same")
    return 10 * np.log10(even / 32768.0**2 + 1e-10)


def aligned_words(sound: Any, text: str, floor_db: float) -> list[tuple[int, int]]:
    """First and last-plus-one step of each word of `text`."""
    noise = np.random.default_rng(7).standard_normal(2 * PADDING * STEP) * 32768 * 10 ** (floor_db / 20)
    before, after = np.split(noise.round().astype(np.int16), 2)
    decoder = Decoder(samprate=RATE, loglevel="FATAL")
    decoder.set_align_text(text)
    decoder.start_utt()
    decoder.process_raw(np.concatenate([before, sound, after]).tobytes(), full_utt=True)
    decoder.end_utt()
    spoken = [part for part in decoder.seg() if not part.word.startswith(FILLERS)]
    return [(max(0, part.start_frame - PADDING), part.end_frame + 1 - PADDING) for part in spoken]


def segments(words: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Words joined where the pause between them is no longer than the hangover."""
    joined = [words[0]]
    for start, end in words[1:]:
        if start - joined[-1][1] <= HANGOVER:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def silence_level(level: Any, spoken: list[tuple[int, int]]) -> float:
    silent = np.ones(len(level), bool)
    for start, end in spoken:
        silent[start:end] = False
    return float(np.median(level[silent]))


def outermost(level: Any, threshold: float, start: int, end: int) -> tuple[int, int]:
    """The segment from the first to the last step over the threshold."""
    near = range(max(0, start - OUTSIDE), min(len(level), end + OUTSIDE))
    loud = [step for step in near if level[step] > threshold]
    return loud[0], loud[-1] + 1


def main() -> None:
    path = HERE / "labels.json"
    labels = json.loads(path.read_text())
    for name, label in labels.items():
        sound, rate = soundfile.read(HERE / f"{name}.flac", dtype="int16")
        assert rate == RATE, f"{name}: expected {RATE} Hz, got {rate}"
        level = envelope(sound)
        spoken = segments(aligned_words(sound, label["text"], float(np.percentile(level, 10))))
        silence = silence_level(level, spoken)
        label["aligned"] = [[start / STEPS_PER_S, end / STEPS_PER_S] for start, end in spoken]
        label["speech"] = []
        for start, end in spoken:
            first, last = outermost(level, silence + OVER_SILENCE_DB, start, end)
            label["speech"].append([first / STEPS_PER_S, last / STEPS_PER_S])
            print(f"{name:13} silence {silence:4.0f} dBFS  aligned {start:4}-{end:4}  labelled {first:4}-{last:4}")
    lines = (f" {json.dumps(name)}: {json.dumps(label)}" for name, label in labels.items())
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
