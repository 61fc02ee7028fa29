"""Keeps the audio for which no final words have arrived, so that it can be sent again on a new connection.

All audio for the recogniser passes through the ring: `add` puts it in, `take` returns the audio that may be sent now,
and `forget` drops audio that is no longer needed. After a lost connection, `rewind` marks the rest as unsent. `take` is
paced, because the service may drop a client that sends much faster than real time. The pace never delays live audio,
lets a replay catch up, and limits how fast a file is read. Audio that was lost before it was sent leaves one Gap in its
place.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final, TypeAlias

from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame, Gap
from voicekit.events import SpeechStarted, SpeechStopped

CAPACITY_S: Final = 60.0
"""The maximum number of seconds of audio that are kept: twice the longest outage that must lose nothing (30 s); 1.9 MB
at 16 kHz.
"""
REPLAY_SPEED: Final = 1.5
"""How many times faster than real time a replay is. The service tolerates "short bursts", but gives no number; at 1.5,
a replay makes up for a delay of 10 s in 20 s.
"""
BURST_S: Final = 0.5
"""The maximum number of seconds of audio that may be sent in one burst, after less has come for a while. So an ordinary
hiccup of a live source causes no delay.
"""
SILENCE_S: Final = 3.0
"""The maximum number of seconds of silence that are sent for a Gap: no utterance continues over a longer pause
(`limits.ENDPOINT_DELAY_MS`), and the rest of the Gap must not delay the audio after it.
"""

_EPSILON: Final = 1e-3
"""A fraction of a sample: the credit is a floating-point number and may be slightly too low."""

RingItem: TypeAlias = AudioFrame | Gap | SpeechStarted | SpeechStopped


class ReplayRing:
    """The last `seconds` seconds of audio, with the marks at which speech starts or stops, and how much of this was
    sent."""

    def __init__(self, sound: AudioFormat, *, seconds: float = CAPACITY_S) -> None:
        self._capacity = sound.samples(seconds)
        self._sent: deque[RingItem] = deque()
        self._sent_samples = 0
        self._unsent: deque[RingItem] = deque()
        self._unsent_samples = 0
        self._hole: Gap | None = None  # the audio that was lost just before `_unsent`
        self._overrun = 0
        self._counted_to = 0  # losses before this sample are counted in `_overrun`, or have been reported
        self._speed = sound.rate * REPLAY_SPEED
        self._burst = sound.samples(BURST_S)
        self._silence = sound.samples(SILENCE_S)
        self._credit = float(self._burst)  # the number of samples that could be sent at the time `_credit_at`
        self._credit_at = -math.inf

    @property
    def due_at(self) -> float | None:
        """The time at which `take` will next return something: -inf means now; None means that everything has been
        sent."""
        if self._hole is None and not self._unsent:
            return None
        missing = self._price(self._unsent[0]) - self._credit if self._unsent else 0.0
        return -math.inf if self._hole is not None or missing <= 0 else self._credit_at + missing / self._speed

    @property
    def unsent(self) -> int:
        """How many samples of audio are waiting to be taken."""
        return self._unsent_samples

    @property
    def room(self) -> int:
        """How many samples can still be added before unsent audio is lost."""
        return self._capacity - self._unsent_samples

    def add(self, item: RingItem) -> None:
        """Add the next item: a piece of audio or a mark. If the ring is full, the oldest audio is dropped, which counts
        as an overrun if that audio had not been sent."""
        if isinstance(item, Gap) and self._unsent and isinstance(self._unsent[-1], Gap):
            before = self._unsent.pop()
            item = Gap(item.end - before.at, before.at)
        self._unsent.append(item)
        self._unsent_samples += _weight(item)
        while self._sent_samples + self._unsent_samples > self._capacity and (self._sent or len(self._unsent) > 1):
            self._drop_oldest()

    def take(self, now: float) -> list[RingItem]:
        """Return the audio and the marks that may be sent now; from then on, they count as sent."""
        self._credit = min(self._credit + max(0.0, now - self._credit_at) * self._speed, self._burst)
        self._credit_at = now
        taken: list[RingItem] = []
        while self._unsent:
            item = self._unsent[0]
            samples, weight = _samples(item), _weight(item)
            if min(samples, self._burst) > self._credit + _EPSILON:
                break
            self._credit -= min(samples, self._silence) if isinstance(item, Gap) else samples
            self._unsent_samples -= weight
            self._sent_samples += weight
            taken.append(self._unsent.popleft())
        self._sent.extend(taken)
        if self._hole is not None:
            taken.insert(0, self._hole)
            self._hole = None
        return taken

    def forget(self, before: int) -> None:
        """Drop audio that has been sent and ends at or before sample `before`, since it will not be needed again."""
        while self._sent and _end(self._sent[0]) <= before:
            self._sent_samples -= _weight(self._sent.popleft())

    def rewind(self, to: int) -> None:
        """Mark everything from sample `to` onwards as unsent. Audio that was dropped leaves a Gap."""
        self._unsent.extendleft(reversed(self._sent))
        self._unsent_samples += self._sent_samples
        self._sent.clear()
        self._sent_samples = 0
        start = self._drop_until(to)
        self._hole = None
        if start > to:
            self._hole = Gap(start - to, to)
            self._count(to, start)

    def overrun(self) -> int:
        """How many samples of unsent audio have been lost since this method was last called."""
        lost, self._overrun = self._overrun, 0
        return lost

    def _price(self, item: RingItem) -> int:
        """The credit that `item` needs; for a frame longer than a burst, the credit for a burst is enough."""
        return min(_samples(item), self._burst)

    def _drop_oldest(self) -> None:
        if self._sent:
            self._sent_samples -= _weight(self._sent.popleft())
            return
        lost = self._unsent.popleft()
        self._unsent_samples -= _weight(lost)
        if isinstance(lost, AudioFrame):
            self._count(lost.at, lost.end)
        if isinstance(lost, (AudioFrame, Gap)):
            start = lost.at if self._hole is None else self._hole.at
            self._hole = Gap(lost.end - start, start)

    def _count(self, start: int, end: int) -> None:
        self._overrun += max(0, end - max(start, self._counted_to))
        self._counted_to = max(end, self._counted_to)

    def _drop_until(self, to: int) -> int:
        """Drop everything before sample `to`, except marks for later samples, and return the sample at which the rest
        begins.
        """
        marks: list[RingItem] = []
        start = to
        while self._unsent:
            item = self._unsent.popleft()
            self._unsent_samples -= _weight(item)
            if _samples(item) and _end(item) > to:
                first = _from(item, to)
                start = first.at
                self._unsent_samples += _weight(first)
                self._unsent.appendleft(first)
                break
            if not _samples(item) and _end(item) > to:
                marks.append(item)
        self._unsent.extendleft(reversed(marks))
        return start


def _from(item: RingItem, to: int) -> RingItem:
    """`item` without the part before sample `to`."""
    if item.at >= to:
        return item
    if isinstance(item, AudioFrame):
        return AudioFrame(item.pcm[(to - item.at) * item.format.sample_bytes :], to, item.format)
    return Gap(_end(item) - to, to)


def _samples(item: RingItem) -> int:
    return item.samples if isinstance(item, (AudioFrame, Gap)) else 0


def _weight(item: RingItem) -> int:
    """How much of the capacity `item` takes: a Gap takes none."""
    return item.samples if isinstance(item, AudioFrame) else 0


def _end(item: RingItem) -> int:
    return item.end if isinstance(item, (AudioFrame, Gap)) else item.at
