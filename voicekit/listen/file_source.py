"""An audio file as a source: in real time like a microphone, or as fast as its consumer takes it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from functools import partial

import trio

from voicekit.audio.chunk import Chunker
from voicekit.audio.file import PathLike, SoundFileReader
from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.contracts import tell
from voicekit.errors import ConfigError, DeviceError
from voicekit.events import Trouble
from voicekit.flow.link import Inlet, Outlet
from voicekit.flow.stage import Run
from voicekit.flow.threads import in_thread
from voicekit.flow.transform import Pipeable

BLOCK_SECONDS = 1.0
"""Seconds of sound that are read at a time: a thread costs about 0.3 ms, and decoding a second of sound up to 4 ms."""


class FileSource(Pipeable):
    """A source that plays the audio file at `path`, then `trailing_silence` seconds of silence, and ends.

    With `paced` it is `live` and runs in real time: each frame comes when its last sample would have been recorded,
    counted from the start of `run`. Late frames follow immediately, so nothing drifts. Without `paced`, the receiver
    sets the pace. Frames are PCM16 and `frame_ms` long (the last may be shorter), with the rate and channels of the
    file. A file that was cut short is rejected unless `cut_short` is set; if only a few bytes are missing, this is
    reported as Trouble.

    The constructor reads the header. It raises ConfigError for a file that can't be played (see `SoundFileReader`), a
    negative silence, and a frame of less than one sample. Each `run` plays the file from its start; if cancelled, it
    leaves at most one unfinished read in a thread, which then closes the file.
    """

    name = "file"
    accepts: AudioFormat | None = None

    def __init__(
        self,
        path: PathLike,
        *,
        paced: bool = False,
        trailing_silence: float = 0.0,
        frame_ms: float = 20,
        cut_short: bool = False,
    ) -> None:
        with SoundFileReader(path, cut_short=cut_short) as reader:
            self.produces = reader.format
        self.live = paced
        self._path = path
        self._cut_short = cut_short
        if trailing_silence < 0:
            raise ConfigError(f"trailing_silence: expected 0 seconds or more, got {trailing_silence!r}")
        self._silence = self.produces.samples(trailing_silence)
        self._frame = self.produces.samples(frame_ms / 1000)
        if self._frame < 1:
            raise ConfigError(
                f"frame_ms: expected at least the length of one sample at {self.produces.rate} Hz, got {frame_ms!r} ms"
            )

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Run[object, AudioFrame]]:
        yield self._run

    def __repr__(self) -> str:
        return f"<FileSource {str(self._path)!r}, {self.produces}>"

    async def _run(self, inbox: Inlet[object], outbox: Outlet[AudioFrame]) -> None:
        start = trio.current_time()
        chunker = Chunker(self._frame)
        with await in_thread(partial(SoundFileReader, self._path, cut_short=self._cut_short)) as reader:
            if reader.missing:
                what = f"sound file {self._path}: {reader.missing} bytes at its end are missing"
                tell.get()(Trouble(self.name, DeviceError(what)))
            if reader.format != self.produces:
                raise ConfigError(
                    f"sound file {self._path}: the format changed from {self.produces} to {reader.format}"
                )
            while block := await in_thread(reader.read, self.produces.samples(BLOCK_SECONDS)):
                await self._say(chunker.cut(block), start, outbox)
        for silence in self._silent_blocks(reader.position):
            await self._say(chunker.cut(silence), start, outbox)
        await self._say(chunker.finish(), start, outbox)

    async def _say(self, frames: Iterable[AudioFrame], start: float, outbox: Outlet[AudioFrame]) -> None:
        """Send `frames`, each at its time if the source is paced, and never faster than the consumer takes them."""
        for frame in frames:
            if self.live:
                await trio.sleep_until(start + self.produces.seconds(frame.end))
            await outbox.send(frame)

    def _silent_blocks(self, at: int) -> Iterator[AudioFrame]:
        end, block = at + self._silence, self.produces.samples(BLOCK_SECONDS)
        for start in range(at, end, block):
            yield AudioFrame(self.produces.silence(min(block, end - start)), start, self.produces)
