"""The caller: a live source that is silent until it gets a line to say."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

from voicekit.audio.file import SoundFileReader
from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.errors import ConfigError
from voicekit.flow.link import Inlet, Outlet
from voicekit.flow.pacing import periodic
from voicekit.flow.stage import Run
from voicekit.flow.threads import in_thread
from voicekit.flow.transform import Pipeable

FRAME_S = 0.02

PCM24K = AudioFormat(24_000)
"""The format in which the caller's lines are recorded."""


class Caller(Pipeable):
    """Plays the caller's lines in real time, like a microphone, with silence between them; ends after `hang_up`."""

    name = "caller"
    accepts: AudioFormat | None = None
    live = True

    def __init__(self, produces: AudioFormat = PCM24K) -> None:
        self.produces = produces
        self._frame = produces.samples(FRAME_S)
        self._waiting = b""
        self._spoken = trio.Event()
        self._hung_up = False

    async def speak(self, pcm: bytes) -> None:
        """Play `pcm`, which is in the format `produces`. Returns after the last sample."""
        self._waiting += pcm
        self._spoken = trio.Event()
        await self._spoken.wait()

    def hang_up(self) -> None:
        """End the sound at the next frame."""
        self._hung_up = True

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Run[Any, Any]]:
        yield self._run

    async def _run(self, inbox: Inlet[Any], outbox: Outlet[Any]) -> None:
        start = trio.current_time() + FRAME_S
        async for number in periodic(FRAME_S, start=start):
            if self._hung_up:
                return
            await outbox.send(AudioFrame(self._next(), number * self._frame, self.produces))

    def _next(self) -> bytes:
        size = self._frame * self.produces.sample_bytes
        said, self._waiting = self._waiting[:size], self._waiting[size:]
        if not self._waiting:
            self._spoken.set()
        return said + self.produces.silence(self._frame)[len(said) :]


async def recording(path: Path, wanted: AudioFormat) -> bytes:
    """The audio in the file at `path`. Raises ConfigError if its format is not `wanted`."""
    return await in_thread(_read, path, wanted)


def _read(path: Path, wanted: AudioFormat) -> bytes:
    with SoundFileReader(path) as reader:
        if reader.format != wanted:
            raise ConfigError(f"{path}: expected {wanted}, got {reader.format}")
        return b"".join(frame.pcm for frame in iter(lambda: reader.read(wanted.rate), None))
