"""The walk through the smallest plugin shows its files as they are."""

from __future__ import annotations

from tests.house.markdown import read
from tests.house.source import ROOT, files

PLUGIN = ROOT / "plugins" / "voicekit-echo"
FILES = {
    "pyproject": "pyproject.toml",
    "init": "voicekit_echo/__init__.py",
    "handler": "voicekit_echo/handler.py",
    "tests": "tests/test_contract.py",
}


def test_the_code_in_the_page_is_that_of_the_plugin() -> None:
    """Each file that docs/plugins.md shows is the plugin's own, whole."""
    blocks = read((ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")).blocks
    shown = {block.name: block.text for block in blocks if block.mark == "file"}
    assert shown == {name: (PLUGIN / path).read_text(encoding="utf-8") for name, path in FILES.items()}


def test_the_page_names_every_file() -> None:
    """The tree at its top has all that is in the plugin's folder."""
    text = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    own = [path for path in files() if path.is_relative_to(PLUGIN)]
    assert own
    assert [path.name for path in own if f" {path.name} " not in text] == []
