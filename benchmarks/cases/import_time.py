"""The time of `import voicekit` in a fresh interpreter, compared with the imports of a trio client written by hand."""

from __future__ import annotations

from collections.abc import Sequence

import trio

from benchmarks.case import Case
from benchmarks.footprint import import_command

start = Case(
    "import", "import in a fresh interpreter, files in the system's cache", operations=1, rounds=20, warm=False
)


async def _seconds(*modules: str) -> Sequence[float]:
    done = await trio.run_process(import_command(*modules), capture_stdout=True)
    return [float(done.stdout)]


@start.floor("trio, trio_websocket, webrtcvad")
async def floor(count: int) -> Sequence[float]:
    return await _seconds("trio", "trio_websocket", "webrtcvad")


@start.subject("voicekit", aim=1.3)
async def voicekit(count: int) -> Sequence[float]:
    return await _seconds("voicekit")


@start.subject("voicekit, and a Session's parts")
async def voicekit_in_use(count: int) -> Sequence[float]:
    """`import voicekit` imports parts only when they are used; this imports all that a call with Soniox needs."""
    return await _seconds(
        "voicekit", "voicekit.session", "voicekit.soniox.stt.soniox_stt", "voicekit.soniox.tts.soniox_tts"
    )
