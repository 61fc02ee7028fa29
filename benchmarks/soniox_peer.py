"""The scripted Soniox peer in its own process, so that its work is not counted as the client's.

`python -m benchmarks.soniox_peer SECONDS` serves until its standard input ends; each call may last SECONDS.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

import trio

from voicekit.soniox.api.region import Endpoints
from voicekit.soniox.server.account import Account
from voicekit.testing.scripted import Script
from voicekit.testing.soniox import Hearing, SonioxPeer, Speaking

ROOT = Path(__file__).parent.parent
EXCHANGE_S = 3.5
"""Seconds of one exchange of a conversation: the caller asks for 0.8 s, and the agent answers for 1.1 s. The rest is
the wait for the end of the turn, and time that a busy machine may be late."""
QUESTION = "what is the weather today"
MONOLOGUE = "this is somebody who goes on and on about the weather and does not listen to anybody at all"
SOON = Hearing(endpoint=0.5)
MANY = 1_000_000
AT_ONCE = 1_000.0
"""The speed of sound as a multiple of real time: as fast as the sockets carry it."""


def conversation(seconds: float) -> Script:
    """A caller who asks the same question every EXCHANGE_S, and listens in between."""
    script = Script()
    for number in range(int(seconds / EXCHANGE_S)):
        script.says(QUESTION, at=0.2 + number * EXCHANGE_S, for_=0.8)
    script.stays(until=seconds)
    return script


def monologue(seconds: float) -> Script:
    """A caller who speaks for five seconds out of six."""
    script = Script()
    for number in range(int(seconds / 6)):
        script.says(MONOLOGUE, at=0.2 + 6 * number, for_=5.0)
    script.stays(until=seconds)
    return script


def _large() -> Account:
    """An account without the service's limits, which would distort the client's figures."""
    return Account(sessions=MANY, streams=MANY, requests_per_minute=MANY)


def peers(seconds: float) -> dict[str, SonioxPeer]:
    """One peer for each kind of call."""
    return {
        "hears": SonioxPeer(monologue(seconds), account=_large()),
        "speaks": SonioxPeer(account=_large(), speaking=Speaking(faster=1.0)),
        "bursts": SonioxPeer(account=_large(), speaking=Speaking(faster=AT_ONCE)),
        "converses": SonioxPeer(conversation(seconds), account=_large(), hearing=SOON),
    }


async def _serve(seconds: float) -> None:
    async with AsyncExitStack() as stack:
        served = {name: await stack.enter_async_context(peer.serve()) for name, peer in peers(seconds).items()}
        print(json.dumps({name: asdict(endpoints) for name, endpoints in served.items()}), flush=True)
        await trio.to_thread.run_sync(sys.stdin.read)


@contextmanager
def served(seconds: float) -> Iterator[dict[str, Endpoints]]:
    """Start the peers and yield their addresses, for calls of at most `seconds`; their process ends with the block."""
    command = [sys.executable, "-m", __spec__.name, str(seconds)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            yield {name: Endpoints(**endpoints) for name, endpoints in json.loads(line).items()}
        finally:
            process.kill()  # it has nothing to clean up


if __name__ == "__main__":
    trio.run(_serve, float(sys.argv[1]))
