"""What a phone line costs a server: `python -m benchmarks.phone_lines [--calls N] [--seconds S] [--rounds R] [--ramp]`.

N callers send a message with 20 ms of sound 50 times a second to a server in its own process. The ways of answering
take turns, round by round. The figure is the server's CPU time for one message in and one message out, or for any two
messages if fewer come back. `lateness` is how long a message takes to the server and back, or, for whole calls, in
which a bot answers instead, how late the server's loop is. With `--ramp`, calls are added until the 99th percentile of
the lateness passes 20 ms. With `--churn`, other calls begin and end all the time during N lasting calls, and the
lateness of the lasting calls is shown with and without the others.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from statistics import median
from urllib.request import urlopen

import trio

from benchmarks import machine
from benchmarks.measure import percentile
from benchmarks.phone_server import script
from voicekit.flow.groups import alone
from voicekit.soniox.connection.direct import DirectWebsocket
from voicekit.soniox.connection.transport import Address, Unconnected
from voicekit.testing.phone_sound import caller_sound
from voicekit_phone.json_stream import MULAW
from voicekit_phone.peers import PeerMark, PeerSound
from voicekit_phone.twilio import TwilioPeer

PACKET_S = 0.02
LATE_S = 0.02
AIM = 1.6
FIRST, GROWTH = 10, 1.4
WARM_S = 1.0
SCRIPT_S = 30.0
"""Seconds of the caller's sound, after which it is repeated."""
CHURN = (0.0, 1.0, 3.0, 10.0)
"""The numbers of short calls that begin in a second, one for each measurement."""


@dataclass
class Server:
    """A server that answers in one way, in its own process."""

    way: str
    url: str

    def cpu(self) -> float:
        with urlopen(f"{self.url}/cpu") as answer:
            return float(answer.read())

    def lateness(self) -> tuple[float, float]:
        """How late the server's loop has been since the last request: median and 99th percentile, in seconds."""
        with urlopen(f"{self.url}/late") as answer:
            middle, worst = answer.read().split()
        return float(middle), float(worst)

    def start_apart(self, calls: int) -> None:
        urlopen(f"{self.url}/apart?calls={calls}").close()

    @property
    def address(self) -> Address:
        return Address(self.url.replace("http", "ws", 1) + "/echo")


@contextmanager
def serving(way: str) -> Iterator[Server]:
    command = [sys.executable, "-m", "benchmarks.phone_server", way]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield Server(way, process.stdout.readline().strip())
    finally:
        process.kill()
        process.wait()


@cache
def slots() -> list[bytes]:
    """The sound of the caller whom the server's sessions understand, in packets."""
    return [caller_sound(script(), number, 1, MULAW) for number in range(round(SCRIPT_S / PACKET_S))]


@dataclass
class Load:
    """Callers, and how late their sound came back."""

    late: list[float] = field(default_factory=list)
    sent: int = 0
    returned: int = 0
    counting: bool = False

    async def call(self, server: Server, until: trio.Event) -> None:
        """Act as one caller until the event `until` is set."""
        peer = TwilioPeer()
        sound = slots()
        async with DirectWebsocket().connect(server.address) as socket, trio.open_nursery() as nursery:
            for message in peer.begin():
                await socket.send(message)
            sent: dict[str, float] = {}

            async def listen() -> None:
                while True:
                    await self._take(peer, await socket.receive(), sent, socket)

            nursery.start_soon(listen)
            start, number = trio.current_time(), 0
            while not until.is_set():
                number += 1
                with trio.move_on_at(start + number * PACKET_S):
                    await until.wait()
                pcm = sound[number % len(sound)]
                sent[b64encode(pcm).decode()] = trio.current_time()
                await socket.send(peer.sound(pcm, number * 20))
                self.sent += self.counting
            nursery.cancel_scope.cancel()

    async def _take(self, peer: TwilioPeer, message: str | bytes, sent: dict[str, float], socket: object) -> None:
        now = trio.current_time()
        try:
            event = peer.receive(message)
        except AssertionError:  # the bare echo repeats messages that only a carrier sends
            event = None
        match event:
            case PeerSound(pcm):
                self.returned += self.counting
                began = sent.get(b64encode(pcm).decode())
                if self.counting and began is not None:
                    self.late.append(now - began)
            case PeerMark(name):
                await socket.send(peer.passed(name))  # type: ignore[attr-defined]  # a Socket


async def loaded(server: Server, calls: int, seconds: float, churn: float = 0.0) -> tuple[float, Load]:
    """The server's CPU seconds for each message and its answer, after a second to warm up; and the load."""
    load, over = Load(), trio.Event()
    async with trio.open_nursery() as nursery:
        for _ in range(calls):
            nursery.start_soon(load.call, server, over)
            await trio.sleep(PACKET_S / calls)
        await trio.sleep(WARM_S)
        if churn:
            nursery.start_soon(_come_and_go, server, over, churn)
        before, load.counting = server.cpu(), True
        await trio.sleep(seconds)
        spent, load.counting = server.cpu() - before, False
        over.set()
    return spent / max(1, (load.sent + load.returned) / 2), load


async def _come_and_go(server: Server, over: trio.Event, rate: float) -> None:
    """Begin `rate` calls a second, each of which ends half a second later."""
    async with trio.open_nursery() as nursery:
        while not over.is_set():
            nursery.start_soon(_brief, server)
            await trio.sleep(1 / rate)


async def _brief(server: Server) -> None:
    end = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Load().call, server, end)
        await trio.sleep(0.5)
        end.set()


async def apart(server: Server, calls: int, seconds: float) -> float:
    """The CPU seconds of sessions in memory, for each 20 ms of a session."""
    server.start_apart(calls)
    await trio.sleep(WARM_S)
    before = server.cpu()
    await trio.sleep(seconds)
    return (server.cpu() - before) / (calls * seconds / PACKET_S)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.phone_lines", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--calls", type=int, default=10, metavar="N", help="number of concurrent callers (10)")
    parser.add_argument("--seconds", type=float, default=4.0, metavar="S", help="seconds per trial (4)")
    parser.add_argument(
        "--rounds", type=int, default=5, metavar="R", help="number of rounds; every variant runs once in each (5)"
    )
    parser.add_argument("--ramp", action="store_true", help="find out how many calls one core can carry")
    parser.add_argument("--churn", action="store_true", help="measure how much short calls delay long ones")
    options = parser.parse_args()
    print(", ".join(f"{what} {value}" for what, value in machine.describe().items()))
    if options.ramp:
        _ramp(options.seconds)
    elif options.churn:
        _churn(options.calls, options.seconds)
    else:
        _compare(options.calls, options.seconds, options.rounds)


def _compare(calls: int, seconds: float, rounds: int) -> None:
    spent: dict[str, list[float]] = {"bare": [], "wire": [], "session": [], "apart": []}
    frames: list[float] = []  # of the caller's, for each message in and one out of a whole call
    for _ in range(rounds):
        for way, found in spent.items():
            with serving(way) as server:
                if way == "apart":
                    found.append(trio.run(apart, server, calls, seconds))
                    continue
                each, load = trio.run(loaded, server, calls, seconds)
                found.append(each)
                if way == "session":
                    frames.append(2 * load.sent / (load.sent + load.returned))
    print(f"{calls} calls, {seconds:g} s, {rounds} rounds; CPU of the server for one message in and one out, in us")
    print(f"{'':28}{'min':>8}{'median':>8}{'ratio':>8}")
    bare = spent["bare"]
    names = {"bare": "bare echo", "wire": "wire alone", "session": "whole call", "apart": "session in memory"}
    for way, found in spent.items():
        ratio = median(each / floor for each, floor in zip(found, bare, strict=True))
        aim = f"   aim {AIM}{' !' if way == 'wire' and ratio > AIM else ''}" if way == "wire" else ""
        print(f"{names[way]:28}{1e6 * min(found):8.0f}{1e6 * median(found):8.0f}{ratio:8.2f}{aim}")
    sessions = [each * many for each, many in zip(spent["apart"], frames, strict=True)]
    whole = median(s / (w + a) for s, w, a in zip(spent["session"], spent["wire"], sessions, strict=True))
    allowed = median(s / (AIM * b + a) for s, b, a in zip(spent["session"], bare, sessions, strict=True))
    print(f"in a whole call, {median(frames):.2f} of the caller's messages come for each message in and one out")
    print(f"a whole call beside wire and as much of a session added up: {whole:.2f}")
    print(f"a whole call beside {AIM} bare echoes and as much of a session added up: {allowed:.2f}   aim 1")


def _ramp(seconds: float) -> None:
    print(f"{'':12}{'calls':>8}{'p50 ms':>10}{'p99 ms':>10}")
    living, calls = ["bare", "wire", "session"], FIRST
    while living:
        for way in list(living):
            with serving(way) as server:
                load = Load()
                with suppress(Unconnected):  # the server admits no more calls
                    _, load = trio.run(_alone, server, calls, seconds)
                of_loop = server.lateness()
            if not load.sent:
                print(f"{way:12}{calls:8}   its brake lets no more in", flush=True)
                living.remove(way)
                continue
            found = of_loop if way == "session" else (percentile(load.late, 50), percentile(load.late, 99))
            middle, worst = (1000 * each for each in found)
            print(f"{way:12}{calls:8}{middle:10.2f}{worst:10.2f}", flush=True)
            if worst > 1000 * LATE_S:
                living.remove(way)
        calls = round(calls * GROWTH)


async def _alone(server: Server, calls: int, seconds: float) -> tuple[float, Load]:
    with alone():
        return await loaded(server, calls, seconds)


def _churn(calls: int, seconds: float) -> None:
    print(f"{'':24}{'p50 ms':>10}{'p99 ms':>10}{'max ms':>10}")
    with serving("wire") as server:
        for rate in CHURN:
            _, load = trio.run(loaded, server, calls, seconds, rate)
            name = f"{rate:g} a second come and go" if rate else "nobody comes or goes"
            middle, worst = (1000 * percentile(load.late, percent) for percent in (50, 99))
            print(f"{name:24}{middle:10.2f}{worst:10.2f}{1000 * max(load.late):10.2f}", flush=True)


if __name__ == "__main__":
    main()
