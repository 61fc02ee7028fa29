"""Reads a recorded call from disk: its event log, and usually also the audio of both sides."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from voicekit.errors import ConfigError
from voicekit.session.eventlog import EVENTS, read_events
from voicekit.session.trace.bars import Waterfall, waterfall
from voicekit.session.trace.reading import read_turns
from voicekit.session.trace.recording import Recording, read_recording


@dataclass(frozen=True, slots=True)
class TracedCall:
    """The waterfalls of a call's turns, and the call's recording, if there is one."""

    falls: tuple[Waterfall, ...]
    recording: Recording | None
    decided: dict[int, float]

    def recorded(self, fall: Waterfall) -> float | None:
        """The length of the wait that `fall` shows, measured in the recording; None if it can't be measured."""
        return None if self.recording is None else self.recording.wait(fall, self.decided[fall.number])


def read_call(path: Path) -> TracedCall:
    """Read the call in the folder `path`, or the call whose event log is the file `path`.

    Raises ConfigError if there is no log, or if the log is not from a traced session.
    """
    log = event_log(path)
    turns = read_turns(read_events(log))
    falls = tuple(fall for fall in map(waterfall, turns) if fall is not None)
    if not falls:
        raise ConfigError(f"{log}: expected turns of a traced session, found none; see voicekit.session.trace")
    sound = _only(log.parent, "*.wav")
    recording = None if sound is None else read_recording(sound)
    return TracedCall(falls, recording, {turn.number: turn.committed for turn in turns})


def event_log(path: Path) -> Path:
    """The log of the call in the folder `path`, or `path` itself. Raises ConfigError if there is no such file."""
    log = path / EVENTS if path.is_dir() else path
    if not log.is_file():
        raise ConfigError(f"expected a call's folder with {EVENTS} in it, or an event log, got {str(path)!r}")
    return log


def _only(folder: Path, pattern: str) -> Path | None:
    """The only file in `folder` that matches `pattern`; None if there is no such file, or more than one."""
    found = sorted(folder.glob(pattern))
    return found[0] if len(found) == 1 else None
