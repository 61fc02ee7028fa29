"""How much was sent and how much of it was heard (pure; `now` is an argument): one generation of the bot's sound.

    samples   0 ......... heard ........ sent ........ end
                 dropped  |  can be sent again  | waits for the writer

The page counts the samples its worklet has rendered, subtracts the way to the ear, and reports that every 50 ms.
Between two reports the clock continues from the last one, by at most SLACK_S; without reports, nothing more counts as
heard.
"""

from __future__ import annotations

SLACK_S = 0.2
"""Seconds for which the clock continues without a report: four reports."""


class UnheardSound:
    """The sound from the first sample not heard to the last one written."""

    def __init__(self, sample_bytes: int = 2) -> None:
        self._size = sample_bytes
        self._sound = bytearray()
        self._base = 0
        self.sent = 0

    @property
    def end(self) -> int:
        return self._base + len(self._sound) // self._size

    def write(self, pcm: bytes) -> None:
        self._sound += pcm

    def take(self, most: int) -> bytes:
        """At most `most` samples that were not sent yet; they count as sent."""
        first = (self.sent - self._base) * self._size
        pcm = bytes(self._sound[first : first + most * self._size])
        self.sent += len(pcm) // self._size
        return pcm

    def heard(self, samples: int) -> None:
        """Drop the first `samples`; sound that was not sent stays."""
        done = min(samples, self.sent) - self._base
        if done > 0:
            del self._sound[: done * self._size]
            self._base += done

    def send_from(self, sample: int) -> None:
        """Send again from `sample` on, or from the first sample after it that is still kept."""
        self.sent = min(max(sample, self._base), self.end)


class HeardAtEar:
    """The position in one generation: the last report and the clock since then. It never falls."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._reported = 0
        self._at = 0.0
        self._playing = False
        self._best = 0
        self._held = False

    def report(self, samples: int, now: float, *, playing: bool) -> None:
        """The page has heard `samples`. While held, that shows only when the hold ends."""
        self._reported, self._at, self._playing = max(samples, self._reported), now, playing

    def hold(self, now: float, sent: int) -> None:
        self.samples(now, sent)
        self._held = True

    def release(self) -> None:
        """The page goes on, as it will report."""
        if self._held:
            self._held = self._playing = False

    def samples(self, now: float, sent: int) -> int:
        """Samples heard by `now` of the `sent` ones."""
        if not self._held:
            passed = min(max(0.0, now - self._at), SLACK_S) if self._playing else 0.0
            self._best = max(self._best, min(sent, self._reported + int(passed * self._rate)))
        return self._best

    def final(self, now: float, sent: int) -> int:
        """The samples heard if the rest is dropped, with or without a hold."""
        self._held, self._playing = False, self._playing and not self._held
        return self.samples(now, sent)
