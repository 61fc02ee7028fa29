"""A fresh environment, made once for all tests that look at voicekit as its users get it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PATIENCE_S = 240
"""For one step of an installation on a slow line; a quick one takes 20 s."""


@dataclass(frozen=True)
class Fresh:
    """A virtual environment with voicekit, pytest and, in `folder`, a bot and a plugin that `voicekit init` wrote."""

    bin: Path
    folder: Path
    plugin: Path
    bot: Path

    def run(self, command: str, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run one of its commands in its folder, with no key and no setting but those given."""
        return self.run_in(self.folder, command, *arguments, **environment)

    def run_in(
        self, folder: Path, command: str, *arguments: str | Path, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        ours = ("VOICEKIT_", "SONIOX_", "PYTHON", "PYTEST_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        return subprocess.run(
            [self.bin / command, *arguments],
            cwd=folder,
            env={**kept, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Fresh:
    folder = tmp_path_factory.mktemp("fresh")
    subprocess.run([sys.executable, "-m", "venv", folder / "env"], check=True, timeout=PATIENCE_S)
    made = Fresh(folder / "env" / "bin", folder, folder / "voicekit-night-watch", folder / "front-desk")
    for command in (
        ("pip", "install", "--quiet", ROOT, "pytest", "pytest-trio"),
        ("voicekit", "init", "night-watch", "--plugin"),
        ("voicekit", "init", "front-desk"),
        ("pip", "install", "--quiet", made.plugin),
    ):
        done = made.run(*command)
        assert done.returncode == 0, done.stdout + done.stderr
    return made


@pytest.fixture(scope="session")
def bare_local_server(fresh: Fresh) -> Path:
    """A folder that, on PYTHONPATH, brings the plugin voicekit-local without the packages that it stands on."""
    folder = fresh.folder / "bare"
    done = fresh.run("pip", "install", "--quiet", "--no-deps", "--target", folder, ROOT / "plugins" / "voicekit-local")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder
