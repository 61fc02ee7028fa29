"""The memory of a connected, idle agent that runs in its own program."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import trio

from benchmarks.case import Case
from benchmarks.stub import Stub

ROOT = Path(__file__).parents[2]

idle = Case("idle-memory", "memory of a connected agent that waits", operations=1, rounds=4, unit="MiB", warm=False)


async def _measured(way: str) -> Sequence[float]:
    async with Stub(0.1).serve() as endpoints:
        command = [sys.executable, "-m", "benchmarks.idle_agent", way, endpoints.stt, endpoints.tts]
        done = await trio.run_process(command, capture_stdout=True, cwd=ROOT)
    return [float(done.stdout)]


@idle.floor("trio, trio_websocket, webrtcvad by hand")
async def by_hand(count: int) -> Sequence[float]:
    return await _measured("hand")


@idle.subject("a voicekit session", aim=1.3)
async def with_voicekit(count: int) -> Sequence[float]:
    return await _measured("webrtc")


if find_spec("voicekit_silero") is not None:

    @idle.subject("a voicekit session, vad confirmed")
    async def with_silero(count: int) -> Sequence[float]:
        return await _measured("confirmed")
