"""Tells from SpeechStarted and SpeechStopped marks whether the caller is making speech sounds, and for how long."""

from __future__ import annotations

from voicekit.events import SpeechStarted, SpeechStopped


class CallerSpeech:
    """The caller's speech, kept up to date in every state. Its length is measured in samples between marks, and by
    the clock after the last mark."""

    __slots__ = ("_earlier", "_rate", "_started_at", "since", "stopped_at", "talking")

    def __init__(self, rate: int) -> None:
        self.talking = False
        self.stopped_at = 0
        self._rate = rate
        self.since = 0.0
        self._started_at = 0
        self._earlier = 0

    def start(self, mark: SpeechStarted, now: float) -> None:
        self.talking = True
        self.since = now
        self._started_at = mark.at

    def stop(self, mark: SpeechStopped) -> None:
        self._earlier += max(0, mark.at - self._started_at)
        self.talking = False
        self.stopped_at = mark.at

    def doubt(self) -> None:
        """Start counting for a new doubt: earlier stretches of speech don't count, but the current one does."""
        self._earlier = 0

    def evidence(self, now: float) -> int:
        """How many samples of speech there have been since `doubt` was called, including the whole stretch that was in
        progress at that time."""
        running = round((now - self.since) * self._rate) if self.talking else 0
        return self._earlier + running
