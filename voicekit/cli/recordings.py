"""Where recordings go, and when they are deleted: callers' words are kept no longer than requested."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Final

from voicekit.errors import ConfigError
from voicekit.session.callfolder import SOUND, WIRE
from voicekit.session.eventlog import EVENTS

FILES: Final = {SOUND, EVENTS, WIRE}
DAY_S: Final = 24 * 3600.0


def folder_for(folder: Path, days: float | None) -> Path:
    """The folder in which the next call is recorded: `folder` itself or, with `days`, a new subfolder. Recordings more
    than `days` days old are deleted.
    """
    if days is None:
        return folder
    if not days > 0:
        raise ConfigError(f"--keep: expected a number of days above 0, got {days:g}")
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = next(path for number in count(1) if not (path := folder / f"call-{number:06}").exists())
        fresh.mkdir(mode=0o700)
        delete_older(folder, fresh.stat().st_mtime - days * DAY_S)
    except OSError as error:
        raise ConfigError(f"call folder {folder}: can't be written: {error.strerror}") from error
    return fresh


def delete_older(folder: Path, limit: float) -> None:
    """Delete the recorded calls in `folder` that were last written before `limit`, and no other files."""
    for call in folder.iterdir():
        files = list(call.iterdir()) if call.is_dir() and not call.is_symlink() else []
        ours = [file for file in files if file.name in FILES and file.is_file() and not file.is_symlink()]
        if ours and len(ours) == len(files) and all(file.stat().st_mtime < limit for file in ours):
            for file in ours:
                file.unlink()
            call.rmdir()
