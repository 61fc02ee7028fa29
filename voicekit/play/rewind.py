"""Keeps the audio that was written to a sink that can't pause, so that a hold can take it back. Pure."""

from __future__ import annotations

from collections import deque

from voicekit.audio.frame import AudioFrame


class Rewind:
    """The audio that may not have been heard yet. Positions are samples of the reply.

    `taken_back` is the audio that must be written again before anything else; code that writes one of these frames
    again must remove the frame from `taken_back`.
    """

    def __init__(self) -> None:
        self.taken_back: deque[AudioFrame] = deque()
        self._unheard: deque[AudioFrame] = deque()
        self._from = 0  # the number of the first sample in the buffer

    @property
    def samples(self) -> int:
        """The number of samples that have been taken back."""
        return sum(frame.samples for frame in self.taken_back)

    def keep(self, frame: AudioFrame, position: int) -> None:
        """Record that `frame` was written, and that everything up to `position` has been heard."""
        self._unheard.append(frame)
        self._forget(position)

    def take_back(self, position: int) -> None:
        """Take back the audio after `position`, which the sink has dropped."""
        self._forget(position)
        if self._unheard:
            self._unheard[0] = self._unheard[0].part(position - self._from)
        self.taken_back.extendleft(reversed(self._unheard))
        self._unheard.clear()
        self._from = position

    def _forget(self, position: int) -> None:
        while self._unheard and (end := self._from + self._unheard[0].samples) <= position:
            self._from = end
            self._unheard.popleft()
