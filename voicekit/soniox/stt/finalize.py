"""When to ask the recogniser to make everything final: after enough silence, one request at a time, not too often."""

from __future__ import annotations

import math
from typing import Final

AFTER_S: Final = 0.2
"""Sound that should follow the end of speech before the request (the vendor's advice)."""
EVERY_S: Final = 1.0
"""The least time between two requests. The vendor advises against more than one "every few seconds", but an exchange
of short answers needs one a second or so."""
ANSWER_S: Final = 3.0
"""A request that got no answer for so long is no longer waited for."""


class Finalizing:
    """One session's requests to finalize. Places are ear samples, `rate` of them in a second."""

    __slots__ = ("_asked_at", "_by_mark", "_pending", "_rate", "_wanted")

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._wanted: int | None = None  # as soon as the sound up to here has been sent
        self._by_mark = False
        self._pending: int | None = None  # asked for up to here, not answered
        self._asked_at = -math.inf

    def want(self, at: int) -> None:
        """Somebody asks for it: as soon as the sound up to `at` has been sent."""
        self._wanted, self._by_mark = at, False

    def speech_stopped(self, at: int) -> None:
        if self._wanted is None or self._by_mark:
            self._wanted, self._by_mark = at + round(AFTER_S * self._rate), True

    def speech_started(self) -> None:
        """The pause is over before the request went out: it would cut a word in two."""
        if self._by_mark:
            self._wanted = None

    def due_at(self, sent_to: int) -> float:
        """When the request may go out; inf as long as that is not a matter of time."""
        if self._wanted is None or sent_to < self._wanted:
            return math.inf
        return self._asked_at + (EVERY_S if self._pending is None else ANSWER_S)

    def ask(self, sent_to: int, now: float) -> bool:
        """Whether the request goes out now; True is taken as done."""
        if now < self.due_at(sent_to):
            return False
        self._wanted = None
        self._pending, self._asked_at = sent_to, now
        return True

    def answered(self) -> int | None:
        """The answer has come: the sample up to which was asked, None if nothing was."""
        pending, self._pending = self._pending, None
        return pending
