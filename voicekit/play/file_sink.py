"""An audio file as a sink: it plays by the clock without a device, and the file gets the sound that would have been
heard.

Sample n of the file was heard n samples after the sink was opened. Silences are included, so two files from the same
call are aligned. A thread writes to the disk, and a slow disk makes playout wait.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import trio

from voicekit.audio.file import SoundFileWriter, check_writable
from voicekit.audio.format import PCM16K, AudioFormat
from voicekit.audio.frame import AudioFrame, Gap, Sound
from voicekit.contracts import Speaker
from voicekit.flow.link import Outlet
from voicekit.flow.scribe import open_scribe
from voicekit.flow.threads import in_thread
from voicekit.play.clocked_device import ClockedDevice
from voicekit.play.sink import ClockedSpeaker

QUEUED = 10.0
"""The maximum number of seconds of heard sound that may wait for the disk; at half of this, playout has to wait."""


class FileSink:
    """Plays into the audio file `path` (.wav, .flac, .ogg, .opus). It can be paused.

    Raises ConfigError for any other suffix or a folder that does not exist, and on opening if the file can't be
    written. If the disk fills up, the call ends with a DeviceError, and the audio written so far can still be played.
    """

    name = "file sink"
    pausable = True

    def __init__(self, path: str | Path, format: AudioFormat = PCM16K) -> None:  # noqa: A002  # the field's word
        self.path = Path(path)
        self.format = format
        check_writable(self.path)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Speaker]:
        writer = await in_thread(SoundFileWriter, self.path, self.format)
        try:
            write = partial(_write, writer)
            async with open_scribe(write, self.format.samples(QUEUED), name="heard sound to the disk") as outlet:
                track = _Track(outlet, self.format.rate, trio.current_time())
                air = ClockedDevice(self.format, played=track.played)
                try:
                    yield _FileSpeaker(air, self.format, outlet)
                finally:
                    air.discard(trio.current_time())
        finally:
            writer.close()


class _Track:
    """Joins the pieces of audio that were heard, with the silences between them."""

    def __init__(self, outlet: Outlet[Sound], rate: int, start: float) -> None:
        self._outlet = outlet
        self._rate = rate
        self._start = start
        self._to = 0

    def played(self, start: float, frame: AudioFrame) -> None:
        at = max(self._to, round((start - self._start) * self._rate))
        if at > self._to:
            self._outlet.offer(Gap(at - self._to, self._to))
        self._outlet.offer(AudioFrame(frame.pcm, at, frame.format))
        self._to = at + frame.samples


class _FileSpeaker(ClockedSpeaker):
    """A speaker that waits for the disk as well as for the clock."""

    def __init__(self, air: ClockedDevice, format: AudioFormat, outlet: Outlet[Any]) -> None:  # noqa: A002
        super().__init__(air, format)
        self._outlet = outlet
        self._enough = format.samples(QUEUED / 2)

    async def write(self, frame: AudioFrame) -> None:
        await self._outlet.until_below(self._enough)
        await super().write(frame)


def _write(writer: SoundFileWriter, sound: list[Sound]) -> None:
    for piece in sound:
        writer.write(piece)
