"""When each sample reaches the listener: a model of a device that plays by the clock (pure; `now` is an argument).

A frame written at `now` is heard after the device's `latency`, or when the previous frame ends, whichever is later. A
hold freezes everything, including audio in transit through the device. Played audio is passed to `played(start,
frame)`, exactly once and in order. A sink makes its recording from these frames, with the time at which each sample was
heard.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame

SAMPLE_EPSILON = 1e-6
"""Tolerance, as a fraction of a sample: float seconds times a rate may be slightly below the whole number of
samples.
"""


class ClockedDevice:
    """A model of a device: it determines when audio given to `write` reaches the listener. With a `speed` below 1, it
    plays too slowly.
    """

    def __init__(
        self,
        format: AudioFormat,  # noqa: A002  # the field's word
        *,
        latency: float = 0.0,
        speed: float = 1.0,
        played: Callable[[float, AudioFrame], None],
    ) -> None:
        self._rate = format.rate * speed
        self._latency = latency
        self._played = played
        # the frames, each preceded by the time at which it begins to play
        self._frames: deque[tuple[float, AudioFrame]] = deque()
        self._heard = 0  # the number of samples removed from `_frames`
        self._waiting = 0  # the number of samples in `_frames`
        self._held_at: float | None = None

    def write(self, frame: AudioFrame, now: float) -> None:
        now = now if self._held_at is None else self._held_at  # during a hold, the device's time stands still
        self._frames.append((max(now + self._latency, self._ends_at()), frame))
        self._waiting += frame.samples

    def position(self, now: float) -> int:
        """The number of samples heard by `now`."""
        self._settle(now)
        if self._held_at is not None or not self._frames:
            return self._heard
        start, frame = self._frames[0]
        return self._heard + min(frame.samples, max(0, self._count(now - start)))

    def queued(self, now: float) -> int:
        """The number of samples that have been written but not yet heard."""
        position = self.position(now)
        return self._heard + self._waiting - position

    def below_at(self, level: int, now: float) -> float:
        """The time at which fewer than `level` samples will be queued; infinity during a hold."""
        if self._held_at is not None:
            return float("inf")
        return now + max(0, self.queued(now) - level + 1) / self._rate

    def hold(self, now: float) -> None:
        if self._held_at is None:
            self._split(now)
            self._held_at = now

    def release(self, now: float) -> None:
        if self._held_at is not None:
            pause = now - self._held_at
            self._frames = deque((start + pause, frame) for start, frame in self._frames)
            self._held_at = None

    def discard(self, now: float) -> None:
        if self._held_at is None:
            self._split(now)
        self._frames.clear()
        self._waiting = 0
        self._held_at = None

    def _ends_at(self) -> float:
        if not self._frames:
            return float("-inf")
        start, frame = self._frames[-1]
        return start + frame.samples / self._rate

    def _count(self, seconds: float) -> int:
        return int(seconds * self._rate + SAMPLE_EPSILON)

    def _settle(self, now: float) -> None:
        """Hand over the frames that have been heard to the end."""
        while self._frames and self._held_at is None:
            start, frame = self._frames[0]
            if self._count(now - start) < frame.samples:
                return
            self._frames.popleft()
            self._hand_over(start, frame)

    def _split(self, now: float) -> None:
        """Hand over the part of the current frame that has been heard; keep the rest."""
        self._settle(now)
        if not self._frames:
            return
        start, frame = self._frames[0]
        heard = self._count(now - start)
        if heard <= 0:
            return
        self._frames[0] = (now, frame.part(heard))
        self._hand_over(start, frame.part(0, heard))

    def _hand_over(self, start: float, frame: AudioFrame) -> None:
        self._heard += frame.samples
        self._waiting -= frame.samples
        self._played(start, frame)
