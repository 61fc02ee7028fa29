"""The wait of a turn, measured in the recorded sound alone: caller left, agent right.

The log only says where to look: the agent's reply begins after its turn was committed, and the caller's last word
stands before that. What the recording and the bars disagree about is the unexplained rest.
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
"""Of sound are looked at together, as a call's frames are."""

CLOCKS_S = 0.1
"""By so much the clocks of log and recording may begin apart."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Where each channel is audible: pieces of at most LOOK_S as (start, end), in seconds, in order."""

    caller: tuple[tuple[float, float], ...]
    agent: tuple[tuple[float, float], ...]

    def wait(self, fall: Waterfall, decided: float) -> float | None:
        """The seconds between the two sides around this turn; None if one of them can't be found."""
        ends = [end for _, end in self.caller if end <= decided + CLOCKS_S]
        starts = [start for start, _ in self.agent if start >= decided - CLOCKS_S]
        if not ends or not starts or starts[0] > fall.end + 2 * CLOCKS_S:
            return None
        return starts[0] - ends[-1]


def read_recording(path: str | Path) -> Recording:
    """What is audible in the stereo file `path`. ConfigError for a file with another number of channels."""
    with SoundFileReader(path) as reader:
        if reader.format.channels != 2:
            raise ConfigError(f"{path}: expected a recording with two channels (caller and bot), got one channel")
        pcm = array("h")
        while (frame := reader.read(reader.format.rate)) is not None:
            pcm.frombytes(frame.pcm)
        rate = reader.format.rate
        return Recording(audible(pcm[0::2], rate, Level()), audible(pcm[1::2], rate, Level(noise=0.0)))


def audible(sound: array[int], rate: int, level: Level) -> tuple[tuple[float, float], ...]:
    """The audible pieces of one channel, judged by `level` from its beginning."""
    size, pieces = round(LOOK_S * rate), []
    for at in range(0, len(sound), size):
        found = level.audible(sound[at : at + size])
        if found is not None:
            pieces.append(((at + found[0]) / rate, (at + found[1] + 1) / rate))
    return tuple(pieces)
