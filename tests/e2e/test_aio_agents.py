"""Agents of frameworks that need asyncio as handlers, in an environment of their own: pydantic-ai and LangGraph."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "14_asyncio_agent.py"
PROGRAM = ROOT / "tests" / "e2e" / "clients" / "asyncio_agents.py"
PACKAGES = {"pydantic-ai": ["pydantic-ai-slim"], "langgraph": ["langgraph", "langchain-core"]}
PATIENCE_S = 500.0


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that has voicekit, and neither of the frameworks yet."""
    folder = tmp_path_factory.mktemp("agents")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True, timeout=PATIENCE_S)
    made = folder / "bin" / "python"
    subprocess.run([made, "-m", "pip", "install", "--quiet", ROOT], check=True, timeout=PATIENCE_S)
    return made


@pytest.mark.parametrize("framework", ["pydantic-ai", "langgraph"])
def test_an_agent_answers_a_call(python: Path, framework: str) -> None:
    """The framework's fake model is heard, the caller's interruption cuts it, and five calls have one timeline."""
    install = [python, "-m", "pip", "install", "--quiet", "--only-binary", ":all:", *PACKAGES[framework]]
    if subprocess.run(install, capture_output=True, timeout=PATIENCE_S, check=False).returncode:
        pytest.skip(f"needs the package {PACKAGES[framework][0]}")
    done = subprocess.run(
        [python, PROGRAM, framework, EXAMPLE],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    )
    assert done.returncode == 0, done.stderr
    held = json.loads(done.stdout)
    assert held["timelines"] == 1
    assert held["tasks"] == [0] * 5
    assert held["orphans"] == {}
    first, second = held["turns"][:2]
    assert first["cut"]
    assert 0 < len(first["heard"]) < len(first["said"])
    assert first["said"].startswith("The table is booked for four people")
    assert second["heard"]
