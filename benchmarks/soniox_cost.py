"""What a call over Soniox costs its client.

    python -m benchmarks.soniox_cost [--seconds S] [--calls N] [--repeats R] [--tls] [--websockets]

Measures the milliseconds of CPU time per second of a call, on loopback and in real time, with N calls in this process
at the same time; the peer has its own process. All rows take turns, R times. Each turn holds its calls for S seconds,
or, for whole agents, for at least a whole exchange. With `--tls`, all calls are encrypted; with `--websockets`, only
the rows that compare the two websockets are measured. benchmarks/README.md explains the rows, and shows a run.
"""

from __future__ import annotations

import argparse
import gc
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time
from typing import TypeAlias

import trio
import trustme

from benchmarks import machine
from benchmarks.soniox_calls import Call, converses, hears, only_frames, speaks
from benchmarks.soniox_peer import EXCHANGE_S, served
from voicekit.extend import load_plugins
from voicekit.soniox.api.region import Endpoints
from voicekit.soniox.connection.direct import DirectWebsocket
from voicekit.soniox.connection.transport import TrioWebsocket

SETTLES_S = 0.5
"""Seconds until all calls are connected and running."""
MARGIN_S = 30.0
"""Seconds that calls may last beyond the measurement: a busy machine is late."""
SMOKE_S = 60.0
"""Seconds within which a single call of each row must have made progress; it usually takes three."""

Hold: TypeAlias = Callable[[Call], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Row:
    """A kind of call, to the peer called `peer`. The calls of a turn begin within `spread_s`.

    With `per_sound`, the cost is for a second of sound that came, not for a second of the call.
    """

    name: str
    peer: str
    hold: Hold
    transport: type[TrioWebsocket] | type[DirectWebsocket] = TrioWebsocket
    spread_s: float = 0.1
    least_s: float = 0.0
    per_sound: bool = False


@dataclass(frozen=True, slots=True)
class Effort:
    calls: int
    seconds: float
    repeats: int
    context: ssl.SSLContext | None = None
    only_websockets: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """The result of one turn of a row: CPU seconds per second, and the calls' speed as a multiple of real time."""

    cost: float
    pace: float


def groups() -> Sequence[Sequence[Row]]:
    """The rows in groups; in each group, they are compared with the first."""
    hearing = {ms: partial(hears, frame_s=ms / 1000) for ms in (20, 40, 100)}
    agent = partial(Row, peer="converses", spread_s=EXCHANGE_S, least_s=EXCHANGE_S)
    whole = partial(converses, plugins=load_plugins())
    return (
        (
            Row("STT, 20 ms per message", "hears", hearing[20]),
            Row("  with DirectWebsocket", "hears", hearing[20], DirectWebsocket),
            Row("STT, 40 ms per message", "hears", hearing[40]),
            Row("STT, 100 ms per message", "hears", hearing[100]),
            Row("20 ms frames and no STT", "hears", only_frames),
        ),
        (Row("TTS, sound as it is spoken", "speaks", speaks),),
        (
            Row("TTS, sound in a burst", "bursts", speaks, per_sound=True),
            Row("  with DirectWebsocket", "bursts", speaks, DirectWebsocket, per_sound=True),
        ),
        (
            agent("whole agent, 20 ms frames", hold=partial(whole, frame_s=0.02, message_s=0.02)),
            agent(
                "  with DirectWebsocket",
                hold=partial(whole, frame_s=0.02, message_s=0.02),
                transport=DirectWebsocket,
            ),
            agent("  40 ms per message", hold=partial(whole, frame_s=0.02, message_s=0.04)),
            agent("  100 ms per message", hold=partial(whole, frame_s=0.02, message_s=0.1)),
            agent("whole agent, 40 ms frames", hold=partial(whole, frame_s=0.04, message_s=0.04)),
        ),
    )


async def measure(row: Row, peers: Mapping[str, Endpoints], effort: Effort) -> Taken:
    """Measure one turn of `row`."""
    seconds = max(row.least_s, effort.seconds)
    calls = [
        Call(peers[row.peer], row.transport(ssl_context=effort.context), _longest(effort)) for _ in range(effort.calls)
    ]
    async with trio.open_nursery() as nursery:
        for number, call in enumerate(calls):
            nursery.start_soon(_begin_after, number * row.spread_s / effort.calls, row.hold, call)
        await trio.sleep(row.spread_s + SETTLES_S)
        gc.collect()  # so that no row pays for another's garbage
        done, began, spent = sum(call.done for call in calls), trio.current_time(), process_time()
        await trio.sleep(seconds)
        spent, lasted = process_time() - spent, (trio.current_time() - began) * effort.calls
        done = sum(call.done for call in calls) - done
        nursery.cancel_scope.cancel()
    if not done:
        raise RuntimeError(f"{row.name.strip()}: its calls stood still")
    return Taken(spent / (done if row.per_sound else lasted), done / lasted)


async def smoke(peers: Mapping[str, Endpoints]) -> None:
    """Hold one call of each row, all at the same time, until each has made progress."""

    async def one(row: Row) -> None:
        call = Call(peers[row.peer], row.transport(), SMOKE_S)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(row.hold, call)
            await call.moving.wait()
            nursery.cancel_scope.cancel()

    with trio.fail_after(SMOKE_S):
        async with trio.open_nursery() as nursery:
            for group in groups():
                for row in group:
                    nursery.start_soon(one, row)


async def _begin_after(seconds: float, hold: Hold, call: Call) -> None:
    await trio.sleep(seconds)
    await hold(call)


async def _measure_all(peers: Mapping[str, Endpoints], effort: Effort) -> list[str]:
    rows = [group for group in map(partial(_chosen, effort), groups()) if group]
    taken: dict[Row, list[Taken]] = {row: [] for group in rows for row in group}
    for _ in range(effort.repeats):
        for row, turns in taken.items():
            turns.append(await measure(row, peers, effort))
    return [line for group in rows for line in ["", *(_line(row, taken[row], taken[group[0]]) for row in group)]]


def _chosen(effort: Effort, group: Sequence[Row]) -> Sequence[Row]:
    """The rows to measure; for the comparison of websockets, those with DirectWebsocket and the row before each."""
    if not effort.only_websockets:
        return group
    return [row for pair in pairwise(group) if pair[1].transport is DirectWebsocket for row in pair]


def _line(row: Row, turns: Sequence[Taken], beside: Sequence[Taken]) -> str:
    costs = [1000 * turn.cost for turn in turns]
    ratio = median(turn.cost / other.cost for turn, other in zip(turns, beside, strict=True))
    figures = "".join(f"{figure:10.2f}" for figure in (min(costs), median(costs), max(costs)))
    return f"{row.name:30}{figures}{ratio:10.3f}{median(turn.pace for turn in turns):10.2f}"


def _longest(effort: Effort) -> float:
    return max(EXCHANGE_S, effort.seconds) + EXCHANGE_S + SETTLES_S + MARGIN_S


def run_smoke() -> None:
    with served(SMOKE_S) as peers:
        trio.run(smoke, peers)
    print("\nsoniox_cost: each of its calls works")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.soniox_cost", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--seconds", type=float, default=1.0, metavar="S", help="seconds per turn (1)")
    parser.add_argument("--calls", type=int, default=10, metavar="N", help="number of concurrent calls (10)")
    parser.add_argument("--repeats", type=int, default=1, metavar="R", help="number of measurements of each row (1)")
    parser.add_argument("--tls", action="store_true", help="encrypt all calls")
    parser.add_argument("--websockets", action="store_true", help="only compare the two websockets")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        certificate, context = _certified(Path(folder, "peer.pem")) if options.tls else (None, None)
        effort = Effort(options.calls, options.seconds, options.repeats, context, options.websockets)
        _report(effort, certificate)


def _certified(path: Path) -> tuple[Path, ssl.SSLContext]:
    """A new certificate for 127.0.0.1, written to `path` with its key, and a client's context that trusts it."""
    authority, context = trustme.CA(), ssl.create_default_context()
    authority.configure_trust(context)
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(path))
    return path, context


def _report(effort: Effort, certificate: Path | None) -> None:
    versions = {name: version(name) for name in ("trio-websocket", "websockets")}
    print(", ".join(f"{what} {value}" for what, value in (machine.describe() | versions).items()))
    encrypted = ", over TLS" if certificate else ""
    print(f"{effort.calls} calls at once, {effort.repeats} turns of {effort.seconds:g} s{encrypted}")
    print(
        f"{'ms of CPU per second':30}" + "".join(f"{title:>10}" for title in ("min", "median", "max", "ratio", "pace"))
    )
    with served(_longest(effort), certificate) as peers:
        print("\n".join(trio.run(_measure_all, peers, effort)))


if __name__ == "__main__":
    main()
