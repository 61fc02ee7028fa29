"""A recorded call on disk, to be drawn: an event log, and beside it mostly the sound of both sides."""

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
    """The waterfalls of a call's turns, and its recorded sound where there is one."""

    falls: tuple[Waterfall, ...]
    recording: Recording | None
    decided: dict[int, float]

    def recorded(self, fall: Waterfall) -> float | None:
        """The wait of that turn as the recording has it."""
        return None if self.recording is None else self.recording.wait(fall, self.decided[fall.number])


def read_call(path: Path) -> TracedCall:
    """The call in the folder `path`, or the one whose event log is the file `path`.

    ConfigError where there is no log, or nothing in it that a traced session would have said.
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
    """The log of the call in the folder `path`, or `path` itself; ConfigError if there is none."""
    log = path / EVENTS if path.is_dir() else path
    if not log.is_file():
        raise ConfigError(f"expected a call's folder with {EVENTS} in it, or an event log, got {str(path)!r}")
    return log


def _only(folder: Path, pattern: str) -> Path | None:
    """The one file of that kind in there; None for none or several."""
    found = sorted(folder.glob(pattern))
    return found[0] if len(found) == 1 else None
