"""Limits how long a graceful end takes: text that already exists is still played, but no more text is awaited (pure).

The limit is the length of the queued audio plus one second. Text that has not been synthesised yet adds an unknown
length, so the limit is extended while more of the text is heard or queued, up to `within` seconds after the request.
"""

from __future__ import annotations

from math import inf

from voicekit.contracts import Reply

SPARE = 1.0
"""Seconds on top of the queued sound, for the last samples to leave the device."""

VOICE_BEGINS = 2.5
"""The maximum number of seconds that a voice takes to make the first sound of a text, even on a busy machine."""


class GracefulEnd:
    """The time limit of a graceful end; `deadline` is infinite until the end is requested."""

    def __init__(self, within: float) -> None:
        self.deadline = inf
        self.why = ""
        self._within = within
        self._latest = inf
        self._last = (0, 0)  # the reply that was live when the end was requested, and the length of its text
        self._heard = (0, 0)
        self._queued = 0.0
        self._heard_out = False

    def order(self, queued: float, reply: Reply | None, now: float, why: str) -> None:
        """Record that the end was requested while `queued` seconds of `reply` had not been heard yet. A second request
        has no effect."""
        if self.deadline < inf:
            return
        self.why = why
        self._latest = now + self._within
        if reply is not None:
            self._last = (reply.turn, len(reply.said))
            self._heard = (reply.turn, reply.heard_to)
        self._queued = queued
        is_silent = reply is not None and not queued and reply.heard_to < len(reply.said)
        self.deadline = min(now + queued + (VOICE_BEGINS if is_silent else SPARE), self._latest)

    def listen(self, reply: Reply | None, now: float) -> None:
        """Record that more of `reply` may have been heard. When all text from before the request counts as heard, one
        more second is allowed for its last word.
        """
        if self._heard_out or self.deadline == inf or reply is None or reply.turn != self._last[0]:
            return
        if reply.heard_to >= self._last[1]:
            self._heard_out = True
            self.deadline = min(now + SPARE, self._latest)

    def is_over(self, queued: float, reply: Reply | None, now: float) -> bool:
        """At the deadline, decide whether to end now; if not, move `deadline`.

        A reply that began after the request is a farewell, and is played to its end.
        """
        if reply is None or now >= self._latest:
            return True
        heard = (reply.turn, reply.heard_to)
        goes_on = heard > self._heard or (queued > 0 and queued != self._queued)
        if (self._heard_out and reply.turn == self._last[0]) or not goes_on:
            return True
        self._heard, self._queued = heard, queued
        self.deadline = min(now + queued + SPARE, self._latest)
        return False
