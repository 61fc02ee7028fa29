"""Recordings that are kept for some days, and no longer."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from voicekit.cli.recordings import DAY_S, folder_for
from voicekit.errors import ConfigError


def recorded(folder: Path, days: float, *names: str) -> Path:
    """A call in `folder` that is so many days old."""
    folder.mkdir(parents=True)
    for name in names or ("call.wav", "events.jsonl", "wire.jsonl"):
        (folder / name).write_text("x", encoding="utf-8")
        then = (folder / name).stat().st_mtime - days * DAY_S
        os.utime(folder / name, (then, then))
    return folder


def test_without_days_the_folder_is_the_call_s(tmp_path):
    """As it was named, and nothing is made or deleted here."""
    old = recorded(tmp_path / "call-000001", 1000)
    assert folder_for(tmp_path / "call", None) == tmp_path / "call"
    assert old.is_dir()
    assert not (tmp_path / "call").exists()


def test_each_call_has_a_new_folder_and_older_ones_go(tmp_path):
    """Only what is older than was asked for, in folders that nobody but their owner may open."""
    kept = tmp_path / "kept"
    old, young = recorded(kept / "call-000001", 7.1), recorded(kept / "call-000002", 6.9)
    fresh = folder_for(kept, 7)
    assert fresh == kept / "call-000003"
    assert (old.exists(), young.exists()) == (False, True)
    assert fresh.stat().st_mode & 0o777 == 0o700
    assert folder_for(kept, 7) == kept / "call-000001", "a number that is free again is used again"


def test_what_is_no_recording_is_never_deleted(tmp_path):
    """Other files, folders that have anything else in them, and what a link leads to."""
    kept = tmp_path / "kept"
    notes = recorded(kept / "notes", 100, "notes.txt")
    mixed = recorded(kept / "mixed", 100, "call.wav", "mine.txt")
    empty = kept / "empty"
    empty.mkdir()
    (kept / "list.txt").write_text("x", encoding="utf-8")
    elsewhere = recorded(tmp_path / "elsewhere", 100)
    (kept / "link").symlink_to(elsewhere)
    half = recorded(kept / "half", 100, "call.wav")
    (half / "events.jsonl").symlink_to(elsewhere / "events.jsonl")
    folder_for(kept, 1)
    for path in (notes / "notes.txt", mixed / "call.wav", empty, kept / "list.txt", elsewhere / "call.wav", half):
        assert path.exists()


@pytest.mark.parametrize("days", [0, -1, float("nan")])
def test_days_are_above_0(tmp_path, days):
    """What would delete everything at once is refused."""
    with pytest.raises(ConfigError, match="expected a number of days above 0"):
        folder_for(tmp_path, days)


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    """One sentence, with the folder's name."""
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(ConfigError, match="file/kept: can't be written: Not a directory"):
        folder_for(tmp_path / "file" / "kept", 1)
