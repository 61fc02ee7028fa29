"""How many full-duplex calls one core holds: `python -m benchmarks.capacity [--seconds S]`.

Calls are added until the 99th percentile of the frames' lateness passes 20 ms, a whole frame. For each number of calls,
voicekit and the floor take turns. Each measurement has its own process, so that the memory of its calls can be
measured. The echo at the other end has its own core if there is one.
"""

from __future__ import annotations

import argparse
from multiprocessing import get_context
from pathlib import Path

import trio

from benchmarks import machine
from benchmarks.cases.calls import Hold, by_hand, by_lines, held
from benchmarks.echo_peer import echoing
from benchmarks.measure import percentile

LATE_S = 0.02
FIRST, GROWTH = 10, 1.4
WAYS: dict[str, Hold] = {"plain calls": by_hand, "voicekit lines": by_lines}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.capacity", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seconds", type=float, default=3.0, metavar="S", help="seconds per trial (3)")
    seconds = parser.parse_args().seconds
    print(", ".join(f"{what} {value}" for what, value in machine.describe().items()))
    print(f"{'':20}{'calls':>8}{'CPU %':>10}{'p50 ms':>10}{'p99 ms':>10}{'MiB each':>10}")
    calls, living = FIRST, dict(WAYS)
    while living:
        for name in list(living):
            if not _trial(name, calls, seconds):
                del living[name]
        calls = round(calls * GROWTH)


def _trial(name: str, calls: int, seconds: float) -> bool:
    """Hold the calls, print one line, and return whether the frames were on time."""
    with get_context("spawn").Pool(1) as process:
        spent, middle, worst, each = process.apply(_measured, (name, calls, seconds))
    print(f"{name:20}{calls:8}{100 * spent:10.2f}{middle:10.2f}{worst:10.2f}{each:10.3f}", flush=True)
    return worst <= 1000 * LATE_S


def _measured(name: str, calls: int, seconds: float) -> tuple[float, float, float, float]:
    """CPU seconds per second of a call; median and 99th percentile of the lateness in ms; MiB for each call."""
    with echoing() as address:
        trio.run(held, WAYS[name], address, 1, seconds / 10)  # loads what the first call of a process needs
        before = _resident()
        spent, late = trio.run(held, WAYS[name], address, calls, seconds)
    middle, worst = (1000 * percentile(late, percent) for percent in (50, 99))
    return spent, middle, worst, (_resident() - before) / calls


def _resident() -> float:
    """The most memory that this process has used so far, in MiB; 0 if the system does not report it."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    line = next(line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
