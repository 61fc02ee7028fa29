"""Holds calls for a long time, in real time, and prints what grows in the process.

    python -m benchmarks.soak [--minutes M] [--calls N]

One process answers N calls at a time over Twilio's protocol on loopback. Each call lasts 20 s, and has a signed
webhook, a token, a socket, and a session that greets and hears sound. Every minute, this prints memory, file
descriptors, tasks, threads, calls and lateness. At the end it prints what has grown since the fifth minute, when caches
are full, and the lateness of the whole run.
"""

from __future__ import annotations

import argparse
import os
import resource
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import trio

from benchmarks import machine
from benchmarks.measure import percentile
from benchmarks.workers import PUBLIC, TOKEN, Callers, greet
from voicekit_phone.transports import Twilio
from voicekit_serve.server import serve

CALL_S = 20.0
STEP_S = 0.05
WARM = 5


def resident_mib() -> float:
    """The memory of this process now, in MiB; if there is no /proc, its peak."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def descriptors() -> int:
    return len(os.listdir("/dev/fd"))


async def watch(late: list[float]) -> None:
    while True:
        due = trio.current_time() + STEP_S
        await trio.sleep_until(due)
        late.append(trio.current_time() - due)


@dataclass(frozen=True)
class Held:
    """The memory, file descriptors, tasks, threads and calls of the process at a moment."""

    mib: float
    fds: int
    tasks: int
    threads: int

    @classmethod
    def now(cls) -> Held:
        tasks = trio.lowlevel.current_statistics().tasks_living
        return cls(resident_mib(), descriptors(), tasks, threading.active_count())


def line(minute: int, held: Held, callers: Callers, late: Sequence[float]) -> str:
    counts = callers.outcomes
    return (
        f"{minute:6} {held.mib:8.1f} {held.fds:6} {held.tasks:6} {held.threads:7} "
        f"{counts['whole']:6} {counts['broken']:6} {counts['refused']:7} {1e3 * percentile(late, 99):8.1f}"
    )


def grown(minutes: Sequence[Held], late: Sequence[float]) -> str:
    first, last = minutes[min(WARM, len(minutes)) - 1], minutes[-1]
    return (
        f"since minute {min(WARM, len(minutes))}: RSS {last.mib - first.mib:+.1f} MiB, fds {last.fds - first.fds:+}, "
        f"tasks {last.tasks - first.tasks:+}, threads {last.threads - first.threads:+}; "
        f"late over all of it: p50 {1e3 * percentile(late, 50):.1f}, p99 {1e3 * percentile(late, 99):.1f} ms"
    )


async def keep_calling(callers: Callers, number: int) -> None:
    while True:
        await callers.one(number, CALL_S)


async def main(options: argparse.Namespace) -> None:
    print(", ".join(f"{what} {value}" for what, value in machine.describe().items()))
    print("minute  RSS MiB    fds  tasks threads  whole broken refused p99 late ms")
    late: list[float] = []
    async with trio.open_nursery() as nursery:
        serving = partial(serve, greet, Twilio(TOKEN), public_url=PUBLIC, port=0, max_calls=options.calls + 5)
        site = await nursery.start(serving)
        callers = Callers(int(site.urls[0].rpartition(":")[2]), "call")
        nursery.start_soon(watch, late)
        for number in range(options.calls):
            nursery.start_soon(keep_calling, callers, number)
            await trio.sleep(CALL_S / options.calls)
        minutes: list[Held] = []
        for minute in range(1, options.minutes + 1):
            before = len(late)
            await trio.sleep(60)
            minutes.append(Held.now())
            print(line(minute, minutes[-1], callers, late[before:]), flush=True)
        print(grown(minutes, late), flush=True)
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak")
    parser.add_argument("--minutes", type=int, default=40)
    parser.add_argument("--calls", type=int, default=5)
    trio.run(main, parser.parse_args())
