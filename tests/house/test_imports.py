"""The import contract of pyproject.toml is kept, covers everything, and finds what breaks it."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from tests.house.source import ROOT, Module, modules

LINT_IMPORTS = Path(sysconfig.get_path("scripts"), "lint-imports")
HEAVY = ("numpy", "soundfile", "soxr", "httpx")  # loaded only where they are used
USERS = ("voicekit/cli/", "voicekit/testing/", "voicekit/__main__.py", "voicekit/__init__.py")


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([LINT_IMPORTS, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False)


def test_the_import_contract_is_kept() -> None:
    """Rooms import one way, and each third-party package is known only where it belongs."""
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_breach_of_each_contract_is_found(tmp_path: Path) -> None:
    """An import upwards, one of a sibling, and third-party packages in the wrong rooms break the contract."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "voicekit", tmp_path / "voicekit", ignore=shutil.ignore_patterns("__pycache__"))
    _append(tmp_path / "voicekit/errors.py", "import voicekit.flow.link")
    _append(tmp_path / "voicekit/listen/gate.py", "import voicekit.turn.policy, pluggy")
    _append(tmp_path / "voicekit/session/stereo.py", "import voicekit.soniox.api.wire")
    _append(tmp_path / "voicekit/audio/format.py", "import httpx")
    done = lint_imports(tmp_path)
    assert done.returncode == 1
    for breach in (
        "voicekit.errors is not allowed to import voicekit.flow",
        "voicekit.listen is not allowed to import voicekit.turn",
        "voicekit.listen.gate -> pluggy",
        "voicekit.session.stereo -> voicekit.soniox.api.wire",
        "voicekit.audio.format -> httpx",
    ):
        assert breach in done.stdout


def test_every_room_is_a_package() -> None:
    """A folder without `__init__.py` would be invisible to the import contract."""
    folders = {(ROOT / module.path).parent for module in modules("voicekit/*")}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def test_no_room_enters_by_the_front_door() -> None:
    """Rooms import each other by name, never through `voicekit` itself, which would hide what they use."""
    rooms = [module for module in modules("voicekit/*") if not module.path.startswith(USERS)]
    assert [offence for module in rooms for offence in _front_doors(module)] == []


def test_importing_voicekit_is_cheap() -> None:
    """`import voicekit` loads none of the heavy packages."""
    program = f"import sys, voicekit; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def _append(path: Path, line: str) -> None:
    path.write_text(f"{path.read_text(encoding='utf-8')}\n{line}\n", encoding="utf-8")


def _front_doors(module: Module) -> list[str]:
    """Each import of `voicekit` as a whole, or of a name that is not a module of its own in there."""
    found = []
    for node in ast.walk(module.tree):
        names = [name.name for name in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        if isinstance(node, ast.Import):
            whole = "voicekit" in names
        else:
            inside = isinstance(node, ast.ImportFrom) and node.module == "voicekit"
            whole = inside and not all(_is_module(name) for name in names)
        if whole:
            found.append(f"{module.path}:{node.lineno}")
    return found


def _is_module(name: str) -> bool:
    return (ROOT / "voicekit" / name).is_dir() or (ROOT / "voicekit" / f"{name}.py").exists()
