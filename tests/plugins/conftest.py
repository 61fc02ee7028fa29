"""Fixtures: an environment without our variables, and a folder in which packages can be installed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import cast

import pytest

Install = Callable[..., None]


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VOICEKIT_BLOCK", raising=False)
    monkeypatch.delenv("VOICEKIT_TRACE", raising=False)


OURS = sorted(path.name for path in (Path(__file__).parents[2] / "plugins").glob("voicekit-*"))


@pytest.fixture(autouse=True)
def _without_this_repository_s_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """What these tests find is what they have installed, whichever plugins are installed beside them."""

    def entry_points(**selected: str) -> list[metadata.EntryPoint]:
        found = cast("Iterable[metadata.EntryPoint]", installed(**selected))
        return [entry for entry in found if entry.dist is None or entry.dist.name not in OURS]

    installed = metadata.entry_points
    monkeypatch.setattr(metadata, "entry_points", entry_points)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a distribution with one module and one entry point, as an installer would leave it on the path."""
    site = tmp_path / "site-packages"
    site.mkdir()
    monkeypatch.syspath_prepend(site)
    before = set(sys.modules)

    def installed(name: str, source: str, *, distribution: str = "", version: str = "1.0") -> None:
        distribution = distribution or f"voicekit-{name}"
        module = distribution.replace("-", "_")
        (site / f"{module}.py").write_text(source)
        metadata = site / f"{module}-{version}.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (metadata / "entry_points.txt").write_text(f"[voicekit]\n{name} = {module}\n")

    yield installed
    for module in set(sys.modules) - before:
        if str(site) in str(getattr(sys.modules[module], "__file__", "")):
            del sys.modules[module]


@pytest.fixture
def voicefile(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Write `voicefile.py` beside a program."""

    def written(source: str) -> Path:
        path = tmp_path / "voicefile.py"
        path.write_text(source)
        return path

    yield written
    sys.modules.pop("voicefile", None)
