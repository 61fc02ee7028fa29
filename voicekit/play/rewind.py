"""What was written to a sink that can't pause, and how it is taken back for a hold. Pure."""

from __future__ import annotations

from collections import deque

from voicekit.audio.frame import AudioFrame


class Rewind:
    """Keeps what was written and perhaps not heard. Positions are samples of the reply.

    `taken_back` is what must be written again before everything else: whoever writes it removes it.
    """

    def __init__(self) -> None:
        self.taken_back: deque[AudioFrame] = deque()
        self._unheard: deque[AudioFrame] = deque()
        self._from = 0  # number of the first sample in the buffer

    @property
    def samples(self) -> int:
        """How many samples were taken back."""
        return sum(frame.samples for frame in self.taken_back)

    def keep(self, frame: AudioFrame, position: int) -> None:
        """`frame` was written; everything up to `position` has been heard."""
        self._unheard.append(frame)
        self._forget(position)

    def take_back(self, position: int) -> None:
        """The sink has dropped everything after `position`."""
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
