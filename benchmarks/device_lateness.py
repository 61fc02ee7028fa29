"""How late the callbacks of a sound card come: `python -m benchmarks.device_lateness [--virtual] [--seconds S]`.

A microphone and a speaker are open together, with the same blocks and latency as in voicekit. Each callback should come
one block after the previous one; its lateness is how much later it came than at an even pace. The card has its own
clock, so the pace is calculated from the callbacks themselves. `--virtual` starts its own PulseAudio, whose speaker
plays into nothing and whose microphone hears that speaker; this needs no sound card.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, nullcontext
from pathlib import Path
from statistics import linear_regression, median

from benchmarks import machine
from benchmarks.measure import percentile
from voicekit.audio.format import AudioFormat
from voicekit_device import microphone, speaker
from voicekit_device.cards import choose
from voicekit_device.portaudio import LATENCY, PortAudio

EAR, MOUTH = AudioFormat(16_000), AudioFormat(24_000)
BEGINNING_S = 3.0
"""Seconds until both devices run evenly: PulseAudio's null sink needs two."""


@contextmanager
def virtual_card() -> Iterator[None]:
    """Run our own PulseAudio. PortAudio reads its environment only once, so this must come before everything else."""
    home = tempfile.mkdtemp(prefix="vk-")  # a socket's path must be short
    os.environ |= {"HOME": home, "XDG_RUNTIME_DIR": home, "PULSE_RUNTIME_PATH": f"{home}/pulse"}
    Path(home, ".asoundrc").write_text("pcm.!default { type pulse }\nctl.!default { type pulse }\n", encoding="utf-8")
    server = ["pulseaudio", "-n", "--daemonize=yes", "--exit-idle-time=-1", "--log-target=null"]
    sink = ["module-null-sink", "sink_name=spk", f"rate={MOUTH.rate}", "channels=1"]
    try:
        subprocess.run([*server, "--load=module-native-protocol-unix auth-anonymous=1"], check=True)
        for command in (["load-module", *sink], ["set-default-sink", "spk"], ["set-default-source", "spk.monitor"]):
            subprocess.run(["pactl", *command], check=True, stdout=subprocess.DEVNULL)
        yield
    finally:
        subprocess.run(["pulseaudio", "--kill"], check=False, capture_output=True)
        shutil.rmtree(home, ignore_errors=True)


def calls(seconds: float) -> tuple[list[float], list[float]]:
    """The times of the microphone's and the speaker's callbacks, in a measurement of `seconds`."""
    cards, heard, wanted = PortAudio(), list[float](), list[float]()
    silence = MOUTH.silence(MOUTH.samples(speaker.BLOCK_S))

    def hear(pcm: bytes, torn: bool) -> None:
        heard.append(time.perf_counter())

    def play(samples: int) -> bytes:
        wanted.append(time.perf_counter())
        return silence

    def ended() -> None:
        """Nothing to do: the figures will show it."""

    with ExitStack() as streams:
        mouth = choose(cards, None, "speaker")
        streams.enter_context(closing(cards.open_speaker(mouth, MOUTH, MOUTH.samples(speaker.BLOCK_S), play, ended)))
        ear = choose(cards, None, "microphone")
        block = EAR.samples(microphone.BLOCK_S)
        streams.enter_context(closing(cards.open_microphone(ear, EAR, block, hear, ended)))
        time.sleep(BEGINNING_S)
        heard.clear()
        wanted.clear()
        time.sleep(seconds)
    return heard, wanted


def lateness(called: Sequence[float]) -> list[float]:
    """How many seconds later than at an even pace each callback came; the earliest callback counts as 0."""
    pace, first = linear_regression(range(len(called)), called)
    late = [at - first - pace * number for number, at in enumerate(called)]
    return [each - min(late) for each in late]


def row(name: str, block: float, called: Sequence[float]) -> str:
    late = lateness(called)
    figures = "".join(f"{1e3 * each:>10.2f}" for each in (min(late), median(late), percentile(late, 99), max(late)))
    return f"{name:<12}{len(called):>8}{1e3 * block:>10.0f}{figures}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the measurement (%(default)g)")
    parser.add_argument("--virtual", action="store_true", help="use a virtual sound card (needs Debian's pulseaudio)")
    options = parser.parse_args()
    with virtual_card() if options.virtual else nullcontext():
        heard, wanted = calls(options.seconds)
    print(", ".join(f"{name} {value}" for name, value in machine.describe().items()))
    print(f"{options.seconds:g} s, a latency of {1e3 * LATENCY:g} ms asked for, load {os.getloadavg()[0]:.1f}\n")
    print(f"{'ms late':12}{'calls':>8}{'each':>10}{'min':>10}{'median':>10}{'p99':>10}{'max':>10}")
    print(row("microphone", microphone.BLOCK_S, heard))
    print(row("speaker", speaker.BLOCK_S, wanted))


if __name__ == "__main__":
    main()
