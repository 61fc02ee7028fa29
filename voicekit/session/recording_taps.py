"""Layers around a call's source and sink that report what was received and what was heard, and when.

Each frame is reported with its position: `at` counts samples, at the frame's own rate, from time 0 of a clock. The
caller's frames keep the positions that the source gave them, shifted by the time at which the audio began. The bot's
audio is placed at the time at which it was heard, according to the sink's position: audio that was held is late, audio
that was discarded is missing, and a slow device leaves gaps.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.contracts import Sink, Source, Speaker
from voicekit.flow.layers import Layer, Tapped

FrameTap: TypeAlias = Callable[[AudioFrame], object]
Clock: TypeAlias = Callable[[], float]
"""A function that returns seconds, which never decrease."""

GRAIN = 2
"""How exactly a position, which is a whole number, can show when something began; in samples."""


def overheard_source(source: Source, tell: FrameTap, clock: Clock) -> Tapped:
    """Wrap `source`, so that `tell` is called with every frame."""
    return Tapped(source, outward=_Said(source, tell, clock).note)


class OverheardSink(Layer):
    """Wraps a sink: whenever playout reads the sink's position, `tell` is called with the newly heard audio."""

    def __init__(self, sink: Sink, tell: FrameTap, clock: Clock) -> None:
        super().__init__(sink)  # type: ignore[arg-type]  # a sink is opened like a stage, and yields something else
        self._tell = tell
        self._clock = clock

    @asynccontextmanager
    async def open(self) -> AsyncIterator[OverheardSpeaker]:
        sink: Any = self.stage
        async with sink.open() as speaker:
            overheard = OverheardSpeaker(speaker, sink.format, self._tell, self._clock)
            try:
                yield overheard
            finally:
                overheard.look()


class _Said:
    """Places a source's frames on the recording's time line. After a restart of the source, they continue at the
    current time."""

    def __init__(self, source: Source, tell: FrameTap, clock: Clock) -> None:
        self._source = source
        self._tell = tell
        self._clock = clock
        self._shift: int | None = None
        self._to = 0

    def note(self, item: object) -> None:
        if not isinstance(item, AudioFrame):
            return
        if self._shift is None or item.at + self._shift < self._to:
            self._shift = self._place_of(item) - item.at
        said = AudioFrame(item.pcm, item.at + self._shift, item.format)
        self._to = said.end
        self._tell(said)

    def _place_of(self, first: AudioFrame) -> int:
        began = self._clock() - (first.seconds if self._source.live else 0.0)
        return max(self._to, round(began * first.format.rate))


class OverheardSpeaker:
    """An open sink (`voicekit.contracts.Speaker`) that keeps the written audio until it has been heard, and then
    reports it.

    Between two readings of the position, playing is assumed to continue without a break. It can begin only with a write
    during silence, or with a release; the position then shows when it began.
    """

    def __init__(self, speaker: Speaker, format: AudioFormat, tell: FrameTap, clock: Clock) -> None:  # noqa: A002
        self._speaker = speaker
        self._rate = format.rate
        self._tell = tell
        self._clock = clock
        self._unheard: deque[AudioFrame] = deque()
        self._heard = speaker.position
        self._to = 0  # the position on the recording's timeline at which the reported sound ends
        # the earliest time at which new sound may have begun; None if there is no new sound
        self._since: float | None = None
        self._latency = 0.0  # the device's latency, as last reported
        self._held = False

    async def write(self, frame: AudioFrame) -> None:
        self.look()
        await self._speaker.write(frame)
        if not self._unheard:
            self._since = self._clock()
        self._unheard.append(frame)

    @property
    def position(self) -> int:
        return self.look()

    @property
    def position_error(self) -> float:
        return float(getattr(self._speaker, "position_error", 0.0))

    def hold(self) -> None:
        self.look()
        self._speaker.hold()
        self._held = True

    def release(self) -> None:
        self.look()
        self._speaker.release()
        if self._held and self._unheard:
            self._since = self._clock()
        self._held = False

    def discard(self) -> None:
        self.look()
        self._speaker.discard()
        self.look()
        self._unheard.clear()
        self._since = None
        self._held = False

    def look(self) -> int:
        """Report the audio that has been heard since `look` was last called, and return the position."""
        position = self._speaker.position
        new = position - self._heard
        self._heard = position
        if new > 0 and self._unheard:
            self._hand_over(new, self._clock())
        return position

    def _hand_over(self, samples: int, now: float) -> None:
        place = self._to
        if self._since is not None:
            ended = sum(frame.samples for frame in self._unheard) <= samples
            begun = self._begun(self._since, now - samples / self._rate, ended)
            place = max(place, round(begun * self._rate))
            self._since = None
        while samples > 0 and self._unheard:
            frame = self._unheard.popleft()
            if frame.samples > samples:
                cut = samples * frame.format.sample_bytes
                self._unheard.appendleft(AudioFrame(frame.pcm[cut:], frame.at + samples, frame.format))
                frame = AudioFrame(frame.pcm[:cut], frame.at, frame.format)
            samples -= frame.samples
            self._tell(AudioFrame(frame.pcm, place, frame.format))
            place += frame.samples
        self._to = place

    def _begun(self, since: float, latest: float, ended: bool) -> float:
        """When the sound began: `latest` if it still continues; if it has ended, an estimate from the last latency."""
        if ended:
            return min(max(since, latest), since + self._latency)
        if latest - since < GRAIN / self._rate:
            latest = since
        self._latency = latest - since
        return latest
