"""The licence is there, and so is a notice for all that comes from others."""

from __future__ import annotations

from pathlib import Path

from tests.house.source import ROOT, files

NOTICES = (ROOT / "THIRD-PARTY.md").read_text(encoding="utf-8")
DISTRIBUTIONS = Path(__file__).with_name("core_distributions.txt").read_text(encoding="utf-8").split()


def test_the_licence_is_mit() -> None:
    """LICENSE has the MIT terms and names who grants them."""
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert text.startswith("MIT License\n\nCopyright (c) 2026 The voicekit developers\n")
    assert "The above copyright notice and this permission notice shall be included" in text


def test_every_core_distribution_has_a_notice() -> None:
    """THIRD-PARTY.md has a row for each distribution that the core brings."""
    assert [name for name in DISTRIBUTIONS if f"| {name} |" not in NOTICES] == []


def test_every_folder_of_test_data_has_a_notice() -> None:
    """THIRD-PARTY.md says where the files of each folder of test data come from."""
    data = ROOT / "tests" / "data"
    folders = {path.parent.relative_to(ROOT).as_posix() for path in files() if path.is_relative_to(data)}
    assert [folder for folder in sorted(folders) if f"`{folder}`" not in NOTICES] == []
