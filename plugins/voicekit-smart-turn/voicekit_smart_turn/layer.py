"""A layer around an stt that keeps the last seconds of the caller's audio and, on request, has the network judge them.

    frames ──kept──▶ stt ──▶ transcripts
               └─ score(at) ▶ thread ▶ PauseScored, among the transcripts

Each call uses at most one thread. A new request replaces one that is still waiting, because that one's pause has ended.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import trio

from voicekit.audio.frame import AudioFrame
from voicekit.events import PauseScored
from voicekit.flow import Inlet, Outlet
from voicekit.flow.groups import alone
from voicekit.flow.layers import Layer, run_tapped
from voicekit.flow.stage import Run
from voicekit.flow.threads import in_thread
from voicekit_smart_turn.features import SECONDS
from voicekit_smart_turn.network import network, probability

TRAIL_S = 0.2
"""Seconds of silence judged with the audio before it: the network was trained on audio that ends in some silence."""


class Scoring(Layer):
    """An stt that also answers requests to score a pause; the audio must be PCM16 mono."""

    def __init__(self, stage: Any) -> None:
        super().__init__(stage)
        self._kept = KeptSound()
        self._wanted: int | None = None
        self._asked = trio.lowlevel.ParkingLot()

    @property
    def scores(self) -> bool:
        accepts = self.accepts
        return accepts is None or (accepts.encoding == "pcm16" and accepts.channels == 1)

    def score(self, at: int) -> None:
        """Have the pause at sample `at` judged. A PauseScored follows, unless the stt ends first. Never waits."""
        self._wanted = at
        self._asked.unpark_all()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Run[Any, Any]]:
        """Load the network, and open the stt."""
        await in_thread(network)
        async with self.stage.open() as run:
            yield partial(self._run, run)

    async def _run(self, run: Run[Any, Any], inbox: Inlet[Any], outbox: Outlet[Any]) -> None:
        self._kept, self._wanted = KeptSound(), None
        with alone():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._judge, outbox)
                await run_tapped(run, self._kept.add, None, inbox, outbox)
                nursery.cancel_scope.cancel()

    async def _judge(self, outbox: Outlet[Any]) -> None:
        while True:
            while self._wanted is None:
                await self._asked.park()
            at, self._wanted = self._wanted, None
            rate = self._kept.rate
            if rate:
                pcm = self._kept.until(at + round(TRAIL_S * rate))
                await outbox.send(PauseScored(at, await in_thread(probability, pcm, rate)))


class KeptSound:
    """Keeps the audio frames of slightly more than the last eight seconds."""

    def __init__(self) -> None:
        self.rate = 0
        self._frames: deque[AudioFrame] = deque()

    def add(self, item: object) -> None:
        if not isinstance(item, AudioFrame):
            return
        self.rate = item.format.rate
        self._frames.append(item)
        while self._frames[0].end < item.end - (SECONDS + 1) * self.rate:
            self._frames.popleft()

    def until(self, end: int) -> bytes:
        """The kept audio up to sample `end`; gaps are left out."""
        pieces = []
        for frame in self._frames:
            if frame.at < end:
                pieces.append(frame.pcm[: 2 * (end - frame.at)])
        return b"".join(pieces)
