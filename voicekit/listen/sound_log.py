"""The caller's audio for which no final words have arrived yet. If the recogniser is replaced, the new one has to
process this audio from the start. Pure.

A recogniser counts samples from the first one that it gets; the log knows the position of that sample in the call.
"""

from __future__ import annotations

from collections import deque
from typing import TypeAlias

from msgspec.structs import replace

from voicekit.audio.frame import AudioFrame, Gap
from voicekit.events import (
    Endpoint,
    Final,
    Finalized,
    Interim,
    Progress,
    SpeechStarted,
    SpeechStopped,
    Transcript,
    Translated,
    Word,
)

Heard: TypeAlias = AudioFrame | Gap | SpeechStarted | SpeechStopped

KEPT_S = 60.0
"""The maximum number of seconds of sound that are kept. Older sound is lost if the failed service never made anything
final.
"""

LEAST_SPEECH_S = 0.4
"""The minimum number of seconds of speech for which a recogniser owes a word; anything shorter may be a cough."""

HANGOVER_S = 0.2
"""How many seconds after the last word a detector may report the end of speech; anything longer is a word that was
missed.
"""


class SoundLog:
    """Keeps the audio that was sent to the recogniser until final words for it have come back. All positions are sample
    numbers in the whole call.
    """

    def __init__(self, endpoints: bool = True) -> None:
        self._endpoints = endpoints
        self._items: deque[Heard] = deque()
        self._rate = 16_000
        self._understood = 0
        self._at = 0
        self._sign = 0  # the position in the sound at which the recogniser last gave a sign of life
        self._speech: tuple[int, int | None] | None = None  # the samples at which the latest speech began and stopped
        self._open = False  # whether any words, interim or final, have come since the last Endpoint
        self._last_final: int | None = None  # the end of the last final word; None after an Endpoint

    def hear(self, item: Heard) -> None:
        self._items.append(item)
        match item:
            case AudioFrame():
                self._rate = item.format.rate
                self._at = item.end
            case Gap():
                self._at = item.at + item.samples
            case SpeechStarted(at):
                self._speech = (at, None)
            case SpeechStopped(at) if self._speech is not None:
                self._speech = (self._speech[0], at)
        self._trim(self._at - round(KEPT_S * self._rate))

    def understand(self, said: Transcript) -> None:
        match said:
            case Final(words) if words:
                self._understood = max(self._understood, words[-1].end)
            case Progress(final_to):
                self._understood = max(self._understood, final_to)
        match said:
            case Interim(words) if words:
                self._open = True
            case Final(words) if words:
                self._open, self._last_final = self._endpoints, words[-1].end
            case Endpoint():
                self._open, self._last_final = False, None
        if isinstance(said, Interim | Final | Progress | Endpoint):
            self._sign = self._at
        self._trim(self._understood)

    @property
    def owed_s(self) -> float:
        """How long the recogniser has owed a word or an endpoint, in seconds of audio; 0.0 if it owes none."""
        began, stopped = self._speech or (self._at, self._at)
        end = self._at if stopped is None else stopped
        if self._open:
            return max(0, self._at - max(self._sign, self._sign if stopped is None else stopped)) / self._rate
        began = max(began, self._sign)
        return (self._at - began) / self._rate if end - began >= LEAST_SPEECH_S * self._rate else 0.0

    @property
    def hanging(self) -> int | None:
        """The position at which the last final word ends, if no speech and no endpoint have followed it; otherwise
        None.
        """
        if self._last_final is None or not self._endpoints:
            return None
        stopped = self._last_final if self._speech is None else self._speech[1]
        no_more = stopped is not None and stopped - self._last_final <= HANGOVER_S * self._rate
        return self._last_final if no_more else None

    def again(self) -> tuple[int, list[Heard]]:
        """The position of the first sample that another recogniser must process, and all items from that sample on."""
        self._sign, self._open = self._at, False
        first = next((item.at for item in self._items if isinstance(item, AudioFrame | Gap)), self._at)
        return first, list(self._items)

    def _trim(self, before: int) -> None:
        while self._items and _end(self._items[0]) <= before:
            self._items.popleft()


def _end(item: Heard) -> int:
    match item:
        case AudioFrame():
            return item.end
        case Gap():
            return item.at + item.samples
        case _:
            return item.at


def moved(item: Heard, by: int) -> Heard:
    """`item`, with its position as counted by a recogniser that started at sample `by` of the call."""
    return replace(item, at=max(0, item.at - by))


def moved_back(said: Transcript, by: int) -> Transcript:
    """An item from a recogniser that started at sample `by`, with its position in the whole call."""
    match said:
        case Interim(words) | Final(words) | Translated(words):
            return replace(said, words=tuple(_moved_word(word, by) for word in words))
        case Endpoint(at) | Finalized(at):
            return replace(said, at=at + by)
        case Progress(final_to):
            return Progress(final_to + by)
    return said


def _moved_word(word: Word, by: int) -> Word:
    return replace(word, start=word.start + by, end=word.end + by)
