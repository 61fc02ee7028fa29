"""From nothing to a spoken word: runs README's first command in a clone, with a new environment and empty caches.

    python -m benchmarks.fresh_machine

Prints how long the installation takes, and how much it puts on the disk. Then the demo runs twice, and this prints how
long it takes until the bot's first word is heard and until the call has ended. The first run prepares the recogniser.
While the demo runs, Python code that tries to connect to another machine fails with an error.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from benchmarks import machine

ROOT = Path(__file__).parent.parent
LOOK_S = 0.05
LONGEST_S = 300.0
GUARD = """\
import ipaddress, sys

def loopback(host):
    try:
        return host in (None, "", "localhost") or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

def watch(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple) and not loopback(arguments[1][0]):
        sys.exit(f"connects to {arguments[1][0]}")
    if event == "socket.getaddrinfo" and not loopback(arguments[0]):
        sys.exit(f"looks up {arguments[0]}")

sys.addaudithook(watch)
"""


@dataclass(frozen=True, slots=True)
class Demo:
    """A run of the demo: seconds until the first word and until the end, and the last lines printed."""

    first_word: float
    whole: float
    verdict: str


def main() -> None:
    print(", ".join(f"{what} {value}" for what, value in machine.describe().items() if what != "trio"))
    install, demo = command()
    with tempfile.TemporaryDirectory(prefix="voicekit-fresh-") as folder:
        work, cache = Path(folder, "checkout"), Path(folder, "cache")
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(work)], check=True)
        guard = Path(folder, "guard")
        guard.mkdir()
        (guard / "sitecustomize.py").write_text(GUARD, encoding="utf-8")
        caches = {"XDG_CACHE_HOME": str(cache), "VOICEKIT_CACHE": str(cache / "voicekit"), "PIP_NO_CACHE_DIR": "1"}
        environment = {**os.environ, **caches}
        environment.pop("SONIOX_API_KEY", None)
        began = monotonic()
        subprocess.run(["bash", "-ec", install], cwd=work, env=environment, check=True)
        installed = monotonic() - began
        print(f"installed in {installed:.0f} s: {mebibytes(work / '.venv'):.0f} MiB")
        for which in ("first", "second"):
            before = written(cache)
            held = hold(demo, work, {**environment, "PYTHONPATH": str(guard)})
            print(
                f"{which} call: first word after {held.first_word:.1f} s, over after {held.whole:.1f} s; {held.verdict}"
            )
            print(f"  {len(written(cache).items() - before.items())} files written into the cache")
            (work / "voicekit-demo").rename(work / f"{which}-call")
        kept = mebibytes(cache)
        print(f"kept in the cache: {kept:.0f} MiB; together on the disk: {mebibytes(work / '.venv') + kept:.0f} MiB")


def command() -> tuple[str, str]:
    """README's first command in two parts: the installation, and the call."""
    _, _, marked = (ROOT / "README.md").read_text(encoding="utf-8").partition("<!-- run -->\n```sh\n")
    install, _, demo = marked.partition("\n```")[0].rpartition(" && ")
    return install, demo


def hold(demo: str, work: Path, environment: dict[str, str]) -> Demo:
    """Run the demo in `work`. The event log shows when the first word was heard."""
    log, first = work / "voicekit-demo" / "events.jsonl", 0.0
    began = monotonic()
    with subprocess.Popen(
        ["bash", "-ec", demo], cwd=work, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as child:
        while child.poll() is None and monotonic() < began + LONGEST_S:
            if not first and log.exists() and '"Audible"' in log.read_text(encoding="utf-8"):
                first = monotonic() - began
            sleep(LOOK_S)
        child.kill()
        printed = child.communicate()[0].strip()
    whole = monotonic() - began
    if child.returncode:
        sys.exit(f"the demo ended with status {child.returncode}:\n{printed}")
    verdict = next(line for line in printed.splitlines() if line.startswith("answered"))
    return Demo(first, whole, verdict)


def mebibytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink()) / 2**20


def written(folder: Path) -> dict[Path, float]:
    """The files below `folder`, and when each was written."""
    return {path: path.stat().st_mtime for path in folder.rglob("*") if path.is_file()}


if __name__ == "__main__":
    main()
