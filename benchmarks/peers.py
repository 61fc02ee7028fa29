"""voicekit beside pipecat-ai and livekit-agents: `python -m benchmarks --peers`.

Each peer is installed into an environment of its own under the temporary folder, at the versions below, and does the
same work: it is imported, it passes frames through five stages that do nothing, and it answers the callers of the
stub, as a program of its own on loopback websockets, with its best settings and with its default ones. All take turns.

Not compared: livekit-agents has no chain of stages that one could put five of one's own into; neither peer is measured
with a VAD or a model that ends turns, which their defaults may have and which cost them time of their own; and no
sound is compared, so nothing is said about how well any of them hears, ends turns or speaks.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import trio

from benchmarks import machine
from benchmarks.cases.transforms import through_line
from benchmarks.footprint import core_distributions, import_command, mebibytes
from benchmarks.stub import Stub

ROOT = Path(__file__).parent.parent
WORK = Path(__file__).with_name("peer_work")
REPEATS = 3
STAGES, FRAMES = 5, 1_000
TURNS = 8
STARTS_S, QUIET_S, PATIENCE_S = 20.0, 0.5, 5.0
"""Until a program hears; between two turns; until a turn without an answer is given up."""

PEERS = {
    "pipecat-ai": ("pipecat-ai[soniox]==1.14.0",),
    "livekit-agents": ("livekit-agents==1.8.9", "livekit-plugins-soniox==1.8.9"),
}
IMPORTS = {
    "voicekit": ("voicekit", "voicekit.session", "voicekit.soniox.transcriber", "voicekit.soniox.voice"),
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


@dataclass(frozen=True, slots=True)
class Row:
    """One way to do some work, and how to take a sample of it or several."""

    name: str
    take: Callable[[], Sequence[float]]


def compare_peers() -> int:
    """Print all that is compared; 0."""
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
    ours = [sys.executable, "-m", "benchmarks.agents"]
    agents = [Row("voicekit, default", partial(_answered, [*ours, "voicekit"], ""))]
    agents.append(Row("by hand", partial(_answered, [*ours, "hand"], "")))
    for name, program in (("pipecat-ai", "pipecat_turn.py"), ("livekit-agents", "livekit_turn.py")):
        for how in ("best", "default"):
            agents.append(Row(f"{name}, {how}", partial(_answered, [pythons[name], str(WORK / program)], how)))
    _compare("`<end>` on the wire -> first text on the wire, ms", 1e3, agents)
    return 0


def _compare(what: str, scale: float, rows: Sequence[Row]) -> None:
    """Let the rows take turns, and print them beside the first one."""
    taken: dict[str, list[float]] = {row.name: [] for row in rows}
    for _ in range(REPEATS):
        for row in rows:
            taken[row.name].extend(row.take())
    print(f"\n{what:52}" + "".join(f"{title:>10}" for title in ("min", "median", "max", "to ours")))
    ours = median(taken[rows[0].name])
    for name, samples in taken.items():
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
    """The Python of the environment that has this peer, which is made when it is not there yet."""
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
    """What a program prints on its standard output, one number a line."""
    done = subprocess.run([python, *arguments], capture_output=True, text=True, check=True, cwd=ROOT)
    return [float(line) for line in done.stdout.split()]


def _answered(command: list[str], how: str) -> Sequence[float]:
    return trio.run(_turns, command, how)


async def _turns(command: list[str], how: str) -> list[float]:
    """Turns of one agent in a program of its own, from `<end>` to its first text; the first turn only warms it up."""
    stub, taken = Stub(0.1), []
    async with stub.serve() as endpoints, trio.open_nursery() as nursery:
        program = [*command, endpoints.stt, endpoints.tts, *([how] if how else [])]
        run = partial(trio.run_process, program, check=False, cwd=ROOT, stderr=subprocess.DEVNULL)
        process = await nursery.start(run)
        try:
            with trio.fail_after(STARTS_S):
                await stub.hearing.wait()
            await trio.sleep(QUIET_S)
            for _ in range(TURNS + 1):
                stub.answered = trio.Event()
                await stub.end_turn()
                with trio.fail_after(PATIENCE_S):
                    await stub.answered.wait()
                taken.append(stub.text - stub.asked)
                await trio.sleep(QUIET_S)
        finally:
            process.kill()
    return taken[1:]
