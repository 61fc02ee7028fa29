"""A transcriber without words, for calls in which words play no part."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio

from voicekit.audio.format import PCM16K, AudioFormat
from voicekit.flow.link import Inlet, Outlet
from voicekit.flow.stage import Run
from voicekit.flow.transform import Pipeable


class NoWords(Pipeable):
    """Takes the sound and emits nothing. If it `hangs`, it takes only the first frame."""

    name = "no words"
    accepts = PCM16K
    produces = None
    endpoints = True

    def __init__(self, *, hangs: bool = False) -> None:
        self._hangs = hangs

    def negotiate(self, offered: AudioFormat) -> AudioFormat:
        return PCM16K

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Run[Any, Any]]:
        yield self._run

    async def _run(self, inbox: Inlet[Any], outbox: Outlet[Any]) -> None:
        async for _ in inbox:
            if self._hangs:
                await trio.sleep_forever()
