"""Sources that need no device: silence and a tone, for tests, typed calls, and trying out a pipeline.

The sources emit frames of 20 ms. If `live`, they run in real time: each frame comes when its last sample would have
been recorded, counted from the start of `run`. Late frames follow immediately, so nothing drifts. Otherwise the
receiver sets the pace. A cancelled run leaves nothing behind; every run begins at sample 0.
"""

from __future__ import annotations

import math
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import trio

from voicekit.audio.format import PCM16K, AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.errors import ConfigError
from voicekit.flow.link import Inlet, Outlet
from voicekit.flow.stage import Run
from voicekit.flow.transform import Pipeable

FRAME_S = 0.02
"""The frame length of telephones and most microphones."""

FULL_SCALE = 32_767


class SilenceSource(Pipeable):
    """A silent caller: silence in any `format`, for `duration` seconds or, by default, forever."""

    name = "silence"
    accepts: AudioFormat | None = None

    def __init__(
        self,
        format: AudioFormat = PCM16K,  # noqa: A002  # the field's word
        *,
        duration: float | None = None,
        live: bool = True,
    ) -> None:
        self.produces = format
        self.live = live
        self._end = _samples_of(duration, format, self.name)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Run[object, AudioFrame]]:
        yield self._run

    async def _run(self, inbox: Inlet[object], outbox: Outlet[AudioFrame]) -> None:
        await _say(lambda at, samples: self.produces.silence(samples), self.produces, self._end, self.live, outbox)


class ToneSource(Pipeable):
    """A sine of `frequency` Hz in PCM16, at `level_dbfs` relative to the loudest possible sine; in stereo, both
    channels are the same.

    Raises ConfigError for any other encoding, for a level above 0, and for a frequency too high for the rate.
    """

    name = "tone"
    accepts: AudioFormat | None = None

    def __init__(
        self,
        frequency: float = 440,
        format: AudioFormat = PCM16K,  # noqa: A002  # the field's word
        *,
        level_dbfs: float = -20.0,
        duration: float | None = None,
        live: bool = True,
    ) -> None:
        if format.encoding != "pcm16":
            raise ConfigError(f"tone source: expected pcm16, got {format}")
        if not 0 < frequency < format.rate / 2:
            raise ConfigError(
                f"tone source: expected a frequency above 0 and below {format.rate / 2:g} Hz, got {frequency!r}"
            )
        if not level_dbfs <= 0:
            raise ConfigError(f"tone source: expected a level of at most 0 dBFS, got {level_dbfs!r}")
        self.produces = format
        self.live = live
        self._turn = math.tau * frequency / format.rate
        self._peak = FULL_SCALE * 10 ** (level_dbfs / 20)
        self._end = _samples_of(duration, format, self.name)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Run[object, AudioFrame]]:
        yield self._run

    async def _run(self, inbox: Inlet[object], outbox: Outlet[AudioFrame]) -> None:
        await _say(self._sine, self.produces, self._end, self.live, outbox)

    def _sine(self, at: int, samples: int) -> bytes:
        heights = (round(self._peak * math.sin(self._turn * n)) for n in range(at, at + samples))
        return b"".join(struct.pack("<h", height) * self.produces.channels for height in heights)


def _samples_of(duration: float | None, format: AudioFormat, name: str) -> int | None:  # noqa: A002  # the field's word
    if duration is None:
        return None
    if not 0 <= duration < math.inf:
        raise ConfigError(f"{name} source: expected a duration of at least 0 s, or None, got {duration!r}")
    return format.samples(duration)


async def _say(
    pcm: Callable[[int, int], bytes],
    format: AudioFormat,  # noqa: A002  # the field's word
    end: int | None,
    live: bool,
    outbox: Outlet[AudioFrame],
) -> None:
    """Send the frames of `pcm(at, samples)` up to sample `end`, each at its time if `live`."""
    start = trio.current_time()
    size = format.samples(FRAME_S)
    at = 0
    while samples := size if end is None else min(size, end - at):
        frame = AudioFrame(pcm(at, samples), at, format)
        at = frame.end
        if live:
            await trio.sleep_until(start + format.seconds(at))
        await outbox.send(frame)
