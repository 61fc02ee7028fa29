"""Scores voicekit, pipecat-ai and livekit-agents in real time over the local server, in the scenes marked `realtime`.

    python -m benchmarks.scenes_beside_peers [--only NAME] [--tuned] [--json FILE]

Each peer is installed into its own environment in the temporary folder, at the versions below. All programs get the
same callers, recogniser, voice and answers, and have the settings that users get; with `--tuned`, the peers also run
with the settings that answer soonest. They take turns, scene by scene. Prints the machine, the date, the versions, and
the table of scores.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

import trio

from benchmarks import machine
from voicekit.extend import load_plugins
from voicekit.soniox.local import soniox_or_local
from voicekit_scenes.command import usual_vad
from voicekit_scenes.judged import Judged, judge
from voicekit_scenes.realtime import hold_in_real_time, hold_with_peer
from voicekit_scenes.scene import Scene, chosen
from voicekit_scenes.shown import as_json, by_scene, table

PEERS: Final = {
    "pipecat": ("pipecat-ai[soniox,silero]==1.14.0",),
    "livekit": ("livekit-agents==1.8.9", "livekit-plugins-soniox==1.8.9", "livekit-plugins-silero==1.8.9"),
}
PROGRAMS: Final = Path(__file__).with_name("peer_work")


def installed(name: str) -> str:
    """The Python of the environment with this peer; the environment is made if it does not exist."""
    folder = Path(tempfile.gettempdir()) / "voicekit-scenes-peers" / name
    python = folder / "bin" / "python"
    if not python.exists():
        print(f"installing {', '.join(PEERS[name])} into {folder}", file=sys.stderr, flush=True)
        venv.create(folder, with_pip=True)
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PEERS[name]]
        subprocess.run(command, check=True)
    return str(python)


async def hold_all(scenes: Sequence[Scene], commands: dict[str, list[str]]) -> dict[str, list[Judged]]:
    plugins = load_plugins()
    vad = usual_vad(plugins)
    found: dict[str, list[Judged]] = {"voicekit": [], **{name: [] for name in commands}}
    async with soniox_or_local(lambda line: None) as service:
        for scene in scenes:
            found["voicekit"].append(judge(await hold_in_real_time(scene, service, vad=vad, plugins=plugins)))
            for name, command in commands.items():
                found[name].append(judge(await hold_with_peer(scene, service, command)))
            print(scene.name, file=sys.stderr, flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", metavar="NAME", help="run only scenes whose name or kind begins with NAME")
    parser.add_argument("--tuned", action="store_true", help="also run the peers with their quickest settings")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    commands = {}
    for name in PEERS:
        command = [installed(name), str(PROGRAMS / f"{name}_scene.py")]
        commands[name] = command
        if options.tuned:
            commands[f"{name}, tuned"] = [*command, "tuned"]
    found = trio.run(hold_all, chosen(options.only, realtime=True), commands)
    wanted = ", ".join(each for peer in PEERS.values() for each in peer)
    print(", ".join(f"{what} {value}" for what, value in machine.describe().items()))
    print(f"voicekit {version('voicekit')}, {wanted}\n")
    print(table(found))
    print(f"\n{by_scene(found)}")
    if options.json is not None:
        options.json.write_text(json.dumps({name: as_json(judged) for name, judged in found.items()}, indent=1))


if __name__ == "__main__":
    main()
