"""The timers of a session: they watch whether the service responds to audio, and delay requests for final words."""

from __future__ import annotations

import math
from typing import Final

DEAF_S: Final = 10.0
"""Seconds of audio without an answer after which the peer counts as dead; results come several times a second, even in
silence. A broken connection is noticed sooner, by unanswered pings.
"""
WORTH_AN_ANSWER_S: Final = 1.0
"""Seconds of audio that must have been sent before any answer is expected."""
PAUSE_S: Final = 5.0
"""Seconds without audio after which no answer to earlier audio is expected."""

FINALIZE_AFTER_S: Final = 0.2
"""Seconds of audio that should follow the end of speech before the request to finalize, as the vendor recommends."""
FINALIZE_EVERY_S: Final = 1.0
"""The shortest time between two requests, in seconds. The vendor recommends at most one "every few seconds", but an
exchange of short answers needs about one per second.
"""
FINALIZE_ANSWER_S: Final = 3.0
"""Seconds after which the answer to a request is no longer expected."""


class Liveness:
    """Detects whether the service still responds to the audio that is sent to it."""

    __slots__ = ("_last", "_since")

    def __init__(self) -> None:
        self._since: float | None = None  # the time at which the first unanswered audio was sent
        self._last = 0.0

    def asked(self, now: float) -> None:
        """Record that audio was sent."""
        if self._since is None or now - self._last >= PAUSE_S:
            self._since = now
        self._last = now

    def came(self) -> None:
        """Record that a message was received."""
        self._since = None

    @property
    def dead_at(self) -> float:
        """The time at which the peer counts as dead if no message arrives; inf while no answer is expected."""
        owed = self._since is not None and self._last - self._since >= WORTH_AN_ANSWER_S
        return math.inf if self._since is None or not owed else self._since + DEAF_S


class Finalizing:
    """One session's requests to finalize. Positions are counted in samples of the caller's audio, at `rate` samples per
    second."""

    __slots__ = ("_asked_at", "_by_mark", "_pending", "_rate", "_wanted")

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._wanted: int | None = None  # a request will be sent as soon as the audio up to this sample has been sent
        self._by_mark = False
        self._pending: int | None = None  # a request for the audio up to this sample has not been answered
        self._asked_at = -math.inf

    def want(self, at: int, *, in_pause: bool = False) -> None:
        """Request final words as soon as the audio up to `at` has been sent; with `in_pause`, only if no speech starts
        before that.
        """
        self._wanted, self._by_mark = at, in_pause

    def speech_stopped(self, at: int) -> None:
        if self._wanted is None or self._by_mark:
            self._wanted, self._by_mark = at + round(FINALIZE_AFTER_S * self._rate), True

    def speech_started(self) -> None:
        """Drop the request for a pause that has just ended: sent now, it would cut a word in two."""
        if self._by_mark:
            self._wanted = None

    def due_at(self, sent_to: int) -> float:
        """The time at which the request may be sent; inf if there is no request, or if some of its audio has not been
        sent."""
        if self._wanted is None or sent_to < self._wanted:
            return math.inf
        return self._asked_at + (FINALIZE_EVERY_S if self._pending is None else FINALIZE_ANSWER_S)

    def ask(self, sent_to: int, now: float) -> bool:
        """Whether to send the request now; if this returns True, the request counts as sent."""
        if now < self.due_at(sent_to):
            return False
        self._wanted = None
        self._pending, self._asked_at = sent_to, now
        return True

    def answered(self) -> int | None:
        """Record that the answer has arrived. Returns the sample up to which final words were requested, if there was a
        request.
        """
        pending, self._pending = self._pending, None
        return pending
