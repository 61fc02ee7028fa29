"""How the demo's call goes if several are held at the same time on one local server: prints each call's closing line.

    python plugins/voicekit-local/benchmarks/demo_calls.py [CALLS ...]

Each call has its own process, like a user's program; all processes share the cores with the server. The calls get a
key, so that none starts its own server. With a key, the demo puts no relay before the recogniser. So in these calls no
connection is lost, and nothing has to be recognised twice.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import trio

from voicekit.soniox.local import SpeechService, local_server

CALLS: Final = (1, 2, 4, 8)
SPREAD_S: Final = 3.0  # between the starts of two calls: people don't call at the same moment
LONGEST_S: Final = 240.0  # a call that takes longer has failed; usually it takes a minute


async def main(numbers: Sequence[int]) -> None:
    command = [sys.executable, "-m", "voicekit", "local-server", "--embedded"]
    async with local_server(command, lambda line: print(line, file=sys.stderr)) as service:
        print("(in these calls, unlike in a demo of its own, no connection is lost)", file=sys.stdout, flush=True)
        for calls in numbers:
            print(f"{calls} at once:", file=sys.stdout, flush=True)
            with tempfile.TemporaryDirectory() as folder:
                async with trio.open_nursery() as nursery:
                    for number in range(calls):
                        nursery.start_soon(hold, service, Path(folder, str(number)), number)


async def hold(service: SpeechService, folder: Path, number: int) -> None:
    """Hold a call, and print its closing line."""
    where = service.endpoints
    around = {
        **os.environ,
        "SONIOX_API_KEY": service.key,
        "SONIOX_API_BASE_URL": where.rest,
        "SONIOX_WS_URL": where.stt,
        "SONIOX_TTS_WS_URL": where.tts,
        "SONIOX_TTS_API_URL": where.tts_rest,
    }
    await trio.sleep(number * SPREAD_S)
    command = [sys.executable, "-m", "voicekit", "demo", "--folder", str(folder)]
    with trio.move_on_after(LONGEST_S):
        done = await trio.run_process(
            command, env=around, check=False, capture_stdout=True, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
        )
        said = done.stdout.decode(errors="replace").strip().splitlines()
        print(f"  call {number + 1}: status {done.returncode}: {closing(said)}", file=sys.stdout, flush=True)
        return
    print(f"  call {number + 1}: not over after {LONGEST_S:g} s", file=sys.stdout, flush=True)


def closing(said: Sequence[str]) -> str:
    """The line with the call's result: the reason for a failure, or else the second to last line."""
    failed = [line for line in said if line.startswith("voicekit: ")]
    return failed[-1] if failed else said[-2] if len(said) > 1 else "nothing"


if __name__ == "__main__":
    trio.run(main, [int(number) for number in sys.argv[1:]] or CALLS)
