"""How the network judges voicekit's recordings, whole and broken off in the middle, and how long it takes.

    python plugins/voicekit-smart-turn/benchmarks/melody.py

In the recordings, people read card names, digits and sentences. "broken off" is the first half of the words. A speaker
would not pause there, so these figures show the network at its best. Times are the CPU time of one judgement.
"""

from __future__ import annotations

import json
import platform
import resource
import statistics
import sys
from pathlib import Path

import numpy as np
import soundfile

from voicekit_smart_turn.layer import TRAIL_S
from voicekit_smart_turn.network import network, probability

SPEECH = Path(__file__).parents[3] / "tests" / "data" / "speech"
FINISHED = 0.5


def main() -> None:
    began = cpu()
    network()
    loaded = cpu() - began
    labels = json.loads((SPEECH / "labels.json").read_text(encoding="utf-8"))
    whole: list[float] = []
    broken: list[float] = []
    times = []
    tell(f"python {platform.python_version()}, {platform.machine()}")
    tell(f"{'recording':14}{'whole':>8}{'broken off':>12}")
    for name, label in labels.items():
        sound, rate = soundfile.read(SPEECH / f"{name}.flac", dtype="int16")
        start, end = label["speech"][0]
        for until, into in ((end, whole), ((start + end) / 2, broken)):
            quiet = np.zeros(round(TRAIL_S * rate), np.int16)
            pcm = np.concatenate([sound[: round(until * rate)], quiet]).tobytes()
            began = cpu()
            into.append(probability(pcm, rate))
            times.append(cpu() - began)
        tell(f"{name:14}{whole[-1]:8.2f}{broken[-1]:12.2f}")
    for what, scores in (("whole", whole), ("broken off", broken)):
        tell(f"{what}: {sum(score >= FINISHED for score in scores)} of {len(scores)} sound finished")
    tell(f"loading {loaded:.2f} s, a judgement {1000 * statistics.median(times):.0f} ms (median)")


def cpu() -> float:
    """Seconds of CPU time that this program has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
