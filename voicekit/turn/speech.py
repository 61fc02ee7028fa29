"""Whether the caller is making speech sounds, and for how long, derived from SpeechStarted and SpeechStopped."""

from __future__ import annotations

from voicekit.events import SpeechStarted, SpeechStopped


class CallerSpeech:
    """Kept up to date in every state. Counts ear samples where marks exist, and otherwise seconds of the clock."""

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
        """Count from now on: earlier stretches are no evidence for this doubt, but the current one is."""
        self._earlier = 0

    def evidence(self, now: float) -> int:
        """Samples of speech since `doubt`, including the whole stretch that was in progress then."""
        running = round((now - self.since) * self._rate) if self.talking else 0
        return self._earlier + running
