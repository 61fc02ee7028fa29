"""Compares voicekit with pipecat-ai and livekit-agents: `python -m benchmarks --peers`.

Each peer is installed into its own environment in the temporary folder, at the versions below. All programs take turns
and do the same work. They are imported, and they pass frames through five stages that do nothing. Then, each as its own
process on loopback websockets, they answer the callers of the stub, with their best and with their default settings;
in the middle of an answer the caller says something.

Some things are not compared. livekit-agents has no chain of stages into which one could put five others. Neither peer
is measured with a VAD or a model that ends turns, which their defaults may have and which take time, so barge-in is by
words. No sound is compared, so this does not show how well a program hears, ends turns or speaks.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median

import trio

from benchmarks import machine
from benchmarks.cases.transforms import through_line
from benchmarks.footprint import core_distributions, import_command, mebibytes
from benchmarks.idle_agent import PAGE
from benchmarks.stub import Stub

ROOT = Path(__file__).parent.parent
WORK = Path(__file__).with_name("peer_work")
REPEATS = 3
STAGES, FRAMES = 5, 1_000
TURNS = 8
INTERRUPTIONS = 4
TOKEN_S = 0.02
STARTS_S, QUIET_S, PATIENCE_S = 20.0, 0.5, 5.0
"""In seconds: the time for a program to start listening, the pause between two turns, and the longest wait for an
answer.
"""

PEERS = {
    "pipecat-ai": ("pipecat-ai[soniox]==1.14.0",),
    "livekit-agents": ("livekit-agents==1.8.9", "livekit-plugins-soniox==1.8.9"),
}
IMPORTS = {
    "voicekit": ("voicekit", "voicekit.session", "voicekit.soniox.stt.soniox_stt", "voicekit.soniox.tts.soniox_tts"),
    "pipecat-ai": ("pipecat.pipeline.task", "pipecat.services.soniox.stt", "pipecat.services.soniox.tts"),
    "livekit-agents": ("livekit.agents", "livekit.plugins.soniox"),
}
INSTALLED = """
import json
from importlib.metadata import distributions
found = {d.metadata["Name"].lower(): d for d in distributions()}
found = [d for name, d in found.items() if name not in ("pip", "setuptools")]
sizes = [f.locate().stat().st_size for d in found for f in d.files or () if f.suffix != ".pyc" and f.locate().exists()]
print(json.dumps([len(found), sum(sizes) / 2**20]))
"""


@dataclass(slots=True)
class Held:
    """The figures of one program. `text`, `sound`: seconds from `<end>` on the wire to the first text on the wire, and
    to the first frame at the sink. `stop`: seconds from the caller's words to the command that stops the voice.
    `memory`: MiB after the first turn."""

    text: list[float] = field(default_factory=list)
    sound: list[float] = field(default_factory=list)
    stop: list[float] = field(default_factory=list)
    memory: float = 0.0


@dataclass(frozen=True, slots=True)
class Row:
    """One way to do some work; `take` returns one or more samples of it."""

    name: str
    take: Callable[[], Sequence[float]]


def compare_peers() -> int:
    """Make and print all comparisons, and return 0."""
    pythons = {"voicekit": sys.executable, **{name: _installed(name) for name in PEERS}}
    print(", ".join(f"{what} {value}" for what, value in machine.describe().items()))
    print(", ".join(wanted for peer in PEERS.values() for wanted in peer))
    _print_footprint(pythons)
    _compare("import, ms", 1e3, [Row(name, partial(_imported, pythons[name], name)) for name in pythons])
    flood = WORK / "pipecat_flood.py"
    floods = [
        Row("voicekit", lambda: trio.run(through_line, STAGES, FRAMES)),
        Row("pipecat-ai", lambda: _numbers(pythons["pipecat-ai"], str(flood), str(STAGES), str(FRAMES), "1")),
    ]
    _compare("a frame through five stages, us", 1e6, floods)
    _compare_turns(pythons)
    return 0


def _compare_turns(pythons: dict[str, str]) -> None:
    ours = [sys.executable, "-m", "benchmarks.agents"]
    agents: dict[str, tuple[list[str], list[str]]] = {
        "voicekit, default": ([*ours, "voicekit"], []),
        "by hand": ([*ours, "hand"], []),  # its program also imports voicekit, so its memory means nothing
    }
    for name, program in (("pipecat-ai", "pipecat_turn.py"), ("livekit-agents", "livekit_turn.py")):
        for how in ("best", "default"):
            agents[f"{name}, {how}"] = ([pythons[name], str(WORK / program)], [how])
    at_once: dict[str, list[Held]] = {name: [] for name in agents}
    slowly: dict[str, list[Held]] = {name: [] for name in agents}
    for _ in range(REPEATS):
        for name, (command, settings) in agents.items():
            at_once[name].append(trio.run(_held, command, ["0", *settings]))
            slowly[name].append(trio.run(_held, command, [str(TOKEN_S), *settings]))
    figures: tuple[tuple[str, float, dict[str, list[Held]], Callable[[Held], list[float]]], ...] = (
        ("`<end>` on the wire -> first text on the wire, ms", 1e3, at_once, lambda held: held.text),
        ("`<end>` -> first text, a token every 20 ms, ms", 1e3, slowly, lambda held: held.text),
        ("`<end>` -> first frame at the sink, ms", 1e3, at_once, lambda held: held.sound),
        ("the caller's words -> the order to stop, ms", 1e3, at_once, lambda held: held.stop),
        ("memory of an agent that has answered once, MiB", 1.0, at_once, lambda held: [held.memory]),
    )
    for what, scale, of, pick in figures:
        _print(what, scale, {name: [sample for held in all_ for sample in pick(held)] for name, all_ in of.items()})


def _compare(what: str, scale: float, rows: Sequence[Row]) -> None:
    """Measure the rows in turns, and print each one compared with the first."""
    taken: dict[str, list[float]] = {row.name: [] for row in rows}
    for _ in range(REPEATS):
        for row in rows:
            taken[row.name].extend(row.take())
    _print(what, scale, taken)


def _print(what: str, scale: float, taken: dict[str, list[float]]) -> None:
    print(f"\n{what:52}" + "".join(f"{title:>10}" for title in ("min", "median", "max", "to ours")))
    ours = median(next(iter(taken.values())))
    for name, samples in taken.items():
        if not samples:
            print(f"  {name:50}{'none':>20}", flush=True)
            continue
        figures = "".join(f"{scale * figure:10.2f}" for figure in (min(samples), median(samples), max(samples)))
        print(f"  {name:50}{figures}{median(samples) / ours:10.2f}", flush=True)


def _print_footprint(pythons: dict[str, str]) -> None:
    print(f"\n{'installed, with all they need':52}{'packages':>10}{'MiB':>10}")
    core = core_distributions()
    package = sum(file.stat().st_size for file in (ROOT / "voicekit").rglob("*.py")) / 2**20
    ours = (len(core) + 1, sum(map(mebibytes, core)) + package)
    for name, python in pythons.items():
        if name == "voicekit":
            count, size = ours
        else:
            count, size = json.loads(subprocess.check_output([python, "-c", INSTALLED], text=True))
        print(f"  {name:50}{count:10}{size:10.1f}")


def _installed(name: str) -> str:
    """The Python of the environment with this peer; the environment is made if it does not exist."""
    folder = Path(tempfile.gettempdir()) / "voicekit-peers" / name
    python = folder / "bin" / "python"
    if not python.exists():
        print(f"installing {', '.join(PEERS[name])} into {folder}", flush=True)
        venv.create(folder, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PEERS[name]], check=True)
    return str(python)


def _imported(python: str, name: str) -> list[float]:
    return _numbers(python, *import_command(*IMPORTS[name])[1:])


def _numbers(python: str, *arguments: str) -> list[float]:
    """The numbers that a program prints on its standard output, one in each line."""
    done = subprocess.run([python, *arguments], capture_output=True, text=True, check=True, cwd=ROOT)
    return [float(line) for line in done.stdout.split()]


async def _held(command: list[str], arguments: list[str]) -> Held:
    """Measure turns of an agent in its own program, after one turn to warm it up, and then interruptions."""
    held = Held()
    async with _running(Stub(0.1), command, arguments) as (stub, process):
        sounded = Sounded(process)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sounded.read)
            for number in range(TURNS + 1):
                stub.answered = trio.Event()
                await stub.end_turn()
                with trio.fail_after(PATIENCE_S):
                    await stub.answered.wait()
                await trio.sleep(QUIET_S)
                if number:
                    held.text.append(stub.text - stub.asked)
                    held.sound += [at - stub.asked for at in sounded.since(stub.asked)]
                else:
                    held.memory = _memory(process.pid)
            nursery.cancel_scope.cancel()
    async with _running(Stub(1.0, endless=True), command, arguments) as (stub, _):
        for _ in range(INTERRUPTIONS):
            stub.answered, stub.stopped = trio.Event(), trio.Event()
            await stub.end_turn()
            with trio.fail_after(PATIENCE_S):
                await stub.answered.wait()
            await trio.sleep(QUIET_S / 2)
            await stub.interrupt()
            with trio.move_on_after(QUIET_S):
                await stub.stopped.wait()
                held.stop.append(stub.cancelled - stub.asked)
            await trio.sleep(QUIET_S)
    return held


class Sounded:
    """The times at which replies began to sound, as the program prints them."""

    def __init__(self, process: trio.Process) -> None:
        self._process = process
        self._at: list[float] = []

    async def read(self) -> None:
        assert self._process.stdout is not None, "it was started with a pipe"
        rest = b""
        async for block in self._process.stdout:
            *lines, rest = (rest + block).split(b"\n")
            self._at += map(float, lines)

    def since(self, asked: float) -> list[float]:
        """The first of these times after `asked`, if there is one."""
        return [at for at in self._at if at > asked][:1]


@asynccontextmanager
async def _running(stub: Stub, command: list[str], arguments: list[str]) -> AsyncIterator[tuple[Stub, trio.Process]]:
    async with stub.serve() as endpoints, trio.open_nursery() as nursery:
        program = [*command, endpoints.stt, endpoints.tts, *arguments]
        run = partial(
            trio.run_process, program, check=False, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        process = await nursery.start(run)
        try:
            with trio.fail_after(STARTS_S):
                await stub.hearing.wait()
            await trio.sleep(QUIET_S)
            yield stub, process
        finally:
            process.kill()


def _memory(process: int) -> float:
    """The memory of a process in MiB; 0 if the system does not report it."""
    statm = Path(f"/proc/{process}/statm")
    return int(statm.read_text(encoding="ascii").split()[1]) * PAGE / 2**20 if statm.exists() else 0.0
