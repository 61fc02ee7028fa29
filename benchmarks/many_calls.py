"""What a call costs if many share a process: `python -m benchmarks.many_calls [--rounds R] [--seconds S]`.

Measures the CPU time per second of a whole agent's call, over loopback and in real time, with 1, 10 and 20 calls: 20 ms
frames, webrtcvad, and an agent that speaks for a third of the time. A client written by hand with the same detector is
the comparison. The two take turns; the peer has its own process. Then, with `--memory N` calls in a process, measures
the MiB for each call beyond the first, after all have been answered. Only voicekit's built-in plugins are loaded.
benchmarks/README.md has the results.
"""

from __future__ import annotations

import argparse
import gc
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from time import process_time
from typing import TypeAlias

import trio

from benchmarks import machine
from benchmarks.soniox_by_hand import by_hand
from benchmarks.soniox_calls import FRAME_S, Call, converses
from benchmarks.soniox_peer import EXCHANGE_S, served
from voicekit.extend import Plugins, load_plugins
from voicekit.soniox.api.region import Endpoints
from voicekit.soniox.connection.transport import TrioWebsocket

CALLS = (1, 10, 20)
SETTLES_S = 0.5
MARGIN_S = 60.0
"""Seconds that calls may last beyond the measurement: a busy machine is late."""
STARTS_S = 0.08
"""Seconds between the starts of two calls whose memory is measured."""

Hold: TypeAlias = Callable[[Call], Awaitable[None]]


def ways() -> Mapping[str, Hold]:
    agent = partial(converses, frame_s=FRAME_S, message_s=FRAME_S, plugins=only_ours())
    return {"a client by hand": by_hand, "a voicekit session": agent}


def only_ours() -> Plugins:
    """Only the plugins that are part of voicekit itself, even if others are installed."""
    listed = load_plugins(strict=False).listing()
    return load_plugins([info.name for info in listed if info.origin != "built in"])


async def cpu(hold: Hold, endpoints: Endpoints, calls: int, seconds: float) -> tuple[float, float]:
    """CPU seconds per second of a call, and seconds of completed exchanges per second of a call."""
    held = [Call(endpoints, TrioWebsocket(), seconds + EXCHANGE_S + MARGIN_S) for _ in range(calls)]
    async with trio.open_nursery() as nursery:
        for number, call in enumerate(held):
            nursery.start_soon(_begin_after, number * EXCHANGE_S / calls, hold, call)
        await trio.sleep(EXCHANGE_S + SETTLES_S)
        gc.collect()
        done, began, spent = sum(call.done for call in held), trio.current_time(), process_time()
        await trio.sleep(seconds)
        spent, lasted = process_time() - spent, (trio.current_time() - began) * calls
        done = sum(call.done for call in held) - done
        nursery.cancel_scope.cancel()
    return spent / lasted, done / lasted


def mebibytes(way: str, calls: int) -> float:
    """MiB for each call beyond the first, in this process."""
    with served(calls * STARTS_S + 2 * EXCHANGE_S + MARGIN_S) as peers:
        return trio.run(_grown, ways()[way], peers["converses"], calls)


async def _grown(hold: Hold, endpoints: Endpoints, calls: int) -> float:
    held = [Call(endpoints, TrioWebsocket(), calls * STARTS_S + 2 * EXCHANGE_S + MARGIN_S) for _ in range(calls)]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(hold, held[0])
        await held[0].moving.wait()
        gc.collect()
        before = _resident()
        for number, call in enumerate(held[1:]):
            nursery.start_soon(_begin_after, number * STARTS_S, hold, call)
        for call in held:
            await call.moving.wait()
        gc.collect()
        grown = _resident() - before
        nursery.cancel_scope.cancel()
    return grown / (calls - 1)


async def _begin_after(seconds: float, hold: Hold, call: Call) -> None:
    await trio.sleep(seconds)
    await hold(call)


def _resident() -> float:
    """The memory of this process now, in MiB; 0 if the system does not report it."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    line = next(line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.many_calls", description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "--rounds",
        type=int,
        default=5,
        metavar="R",
        help="number of rounds; every variant runs once in each (5)",
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=EXCHANGE_S,
        metavar="S",
        help="seconds per round (default: the length of one exchange)",
    )
    parser.add_argument(
        "--calls",
        type=int,
        nargs="+",
        default=CALLS,
        metavar="N",
        help="numbers of concurrent calls to measure (1 10 20)",
    )
    parser.add_argument(
        "--memory", type=int, default=100, metavar="N", help="number of calls whose memory is measured (100)"
    )
    options = parser.parse_args()
    print(", ".join(f"{what} {value}" for what, value in machine.describe().items()))
    print(f"{'ms of CPU per second of a call':32}{'min':>8}{'median':>8}{'max':>8}{'ratio':>8}{'pace':>8}")
    with served(options.seconds + 2 * EXCHANGE_S + MARGIN_S) as peers:
        for calls in options.calls:
            taken: dict[str, list[tuple[float, float]]] = {way: [] for way in ways()}
            for _ in range(options.rounds):
                for way, hold in ways().items():
                    taken[way].append(trio.run(cpu, hold, peers["converses"], calls, options.seconds))
            floor, *_ = taken.values()
            for way, turns in taken.items():
                _print(f"{calls:3} of {way}", turns, floor)
    if options.memory > 1:
        print(f"\nMiB for each of {options.memory} calls beyond the first")
        for way in ways():
            with get_context("spawn").Pool(1) as process:
                print(f"{way:32}{process.apply(mebibytes, (way, options.memory)):8.3f}", flush=True)


def _print(name: str, turns: list[tuple[float, float]], floor: list[tuple[float, float]]) -> None:
    costs = [1000 * cost for cost, _ in turns]
    ratio = median(cost for cost, _ in turns) / median(cost for cost, _ in floor)
    figures = f"{min(costs):8.2f}{median(costs):8.2f}{max(costs):8.2f}{ratio:8.2f}"
    print(f"{name:32}{figures}{median(pace for _, pace in turns):8.2f}", flush=True)


if __name__ == "__main__":
    main()
