"""How much of the bot's audio has been sent, and how much has been heard, in one generation: from one flush to the next
(pure; `now` is an argument).

    samples   0 ......... heard ........ sent ........ end
                 dropped  |  can be sent again  | waits for the writer

The page counts the samples that its worklet has rendered, subtracts those not yet played by the device, and reports the
result every 50 ms. After a report the position advances with the clock, but by no more than SLACK_S until the next
report.
"""

from __future__ import annotations

SLACK_S = 0.2
"""Seconds for which the position advances without a report: the time of four reports."""


class UnheardSound:
    """The audio from the first sample not yet heard to the last sample written."""

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
        """Return at most `most` samples that have not been sent, and count them as sent."""
        first = (self.sent - self._base) * self._size
        pcm = bytes(self._sound[first : first + most * self._size])
        self.sent += len(pcm) // self._size
        return pcm

    def heard(self, samples: int) -> None:
        """Drop the generation's first `samples` samples, because they have been heard; audio not yet sent is kept."""
        done = min(samples, self.sent) - self._base
        if done > 0:
            del self._sound[: done * self._size]
            self._base += done

    def send_from(self, sample: int) -> None:
        """Go back and send again from `sample` on, or from the first later sample that is still kept."""
        self.sent = min(max(sample, self._base), self.end)


class HeardAtEar:
    """How far the bot has been heard in one generation: the last report plus the time since then. Never goes back."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._reported = 0
        self._at = 0.0
        self._playing = False
        self._best = 0
        self._held = False

    def report(self, samples: int, now: float, *, playing: bool) -> None:
        """Record that `samples` samples have been heard. During a hold, the position does not change."""
        self._reported, self._at, self._playing = max(samples, self._reported), now, playing

    def hold(self, now: float, sent: int) -> None:
        self.samples(now, sent)
        self._held = True

    def release(self) -> None:
        """End the hold; the position advances again after the page's next report."""
        if self._held:
            self._held = self._playing = False

    def samples(self, now: float, sent: int) -> int:
        """How many of the `sent` samples have been heard by `now`."""
        if not self._held:
            passed = min(max(0.0, now - self._at), SLACK_S) if self._playing else 0.0
            self._best = max(self._best, min(sent, self._reported + int(passed * self._rate)))
        return self._best

    def final(self, now: float, sent: int) -> int:
        """How many samples will have been heard if the rest is dropped now. Ends a hold."""
        self._held, self._playing = False, self._playing and not self._held
        return self.samples(now, sent)
