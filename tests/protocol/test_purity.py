"""The protocol cores, and their tests, know no trio and no socket."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import voicekit.soniox

CORES = (
    "api/config api/errors api/limits api/region api/text_ends api/verdict api/wire api/word_times api/wrongs "
    "stt/replay stt/session stt/states stt/timers stt/tokens stt/transcript "
    "tts/connection tts/live_stream tts/planner tts/states tts/stream "
    "server/account server/checks server/refusal "
    "server/realtime/role server/realtime/states server/realtime/stream server/realtime/stt server/realtime/tts"
)
PURE = {"voicekit.flow.backoff"}
ROOT = Path(voicekit.soniox.__file__).parent
FILES = [*(ROOT / f"{name}.py" for name in CORES.split()), *sorted(Path(__file__).parent.glob("*.py"))]
FORBIDDEN = {"trio", "trio_websocket", "socket", "asyncio", "threading", "time", "datetime", "random"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_a_core_knows_no_trio_no_socket_and_no_clock(file: Path) -> None:
    """What decides is told the time and the dice, so that any test can be exact."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    names = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not {name.partition(".")[0] for name in names} & FORBIDDEN
    rooms = {name.split(".")[1] for name in names if name.startswith("voicekit.") and name not in PURE}
    assert rooms <= {"audio", "errors", "events", "listen", "soniox", "writing"}
