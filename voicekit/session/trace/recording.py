"""Measures the wait in a turn from the recording alone, in which the caller is on the left and the agent on the right.

The log only shows where to look: the caller's last word comes before the moment at which the turn was committed, and
the agent's reply begins after it. The difference between the wait in the recording and the sum of the bars is reported
as unexplained.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from pathlib import Path

from voicekit.audio.file import SoundFileReader
from voicekit.errors import ConfigError
from voicekit.session.trace.bars import Waterfall
from voicekit.session.trace.levels import Level

LOOK_S = 0.02
"""Seconds of sound that are examined together, like a frame of a call."""

CLOCKS_S = 0.1
"""The maximum number of seconds between the starts of the log and the recording."""


@dataclass(frozen=True, slots=True)
class Recording:
    """The audible pieces of each channel, in order: (start, end) in seconds, each at most LOOK_S seconds long."""

    caller: tuple[tuple[float, float], ...]
    agent: tuple[tuple[float, float], ...]

    def wait(self, fall: Waterfall, decided: float) -> float | None:
        """How many seconds passed between the caller's last sound before the commit, which was at `decided`, and the
        agent's first sound after the commit; None if either sound can't be found."""
        ends = [end for _, end in self.caller if end <= decided + CLOCKS_S]
        starts = [start for start, _ in self.agent if start >= decided - CLOCKS_S]
        if not ends or not starts or starts[0] > fall.end + 2 * CLOCKS_S:
            return None
        return starts[0] - ends[-1]


def read_recording(path: str | Path) -> Recording:
    """Find the audible pieces in the stereo file `path`. Raises ConfigError for a file that is not stereo."""
    with SoundFileReader(path) as reader:
        if reader.format.channels != 2:
            raise ConfigError(f"{path}: expected a recording with two channels (caller and bot), got one channel")
        pcm = array("h")
        while (frame := reader.read(reader.format.rate)) is not None:
            pcm.frombytes(frame.pcm)
        rate = reader.format.rate
        return Recording(audible(pcm[0::2], rate, Level()), audible(pcm[1::2], rate, Level(noise=0.0)))


def audible(sound: array[int], rate: int, level: Level) -> tuple[tuple[float, float], ...]:
    """The audible pieces of one channel, according to `level`."""
    size, pieces = round(LOOK_S * rate), []
    for at in range(0, len(sound), size):
        found = level.audible(sound[at : at + size])
        if found is not None:
            pieces.append(((at + found[0]) / rate, (at + found[1] + 1) / rate))
    return tuple(pieces)
