"""Whether the peer of a transcription still answers: it is dead when sound went out for long and nothing came back."""

from __future__ import annotations

import math
from typing import Final

DEAF_S: Final = 10.0
"""The peer is dead when sound has gone out for so long and nothing has come back. Results come several times a second,
in silence too. A broken connection is noticed sooner, by unanswered pings."""
WORTH_AN_ANSWER_S: Final = 1.0
"""Sound must have gone out over so long a time before silence is held against the peer."""

PAUSE_S: Final = 5.0
"""Without sound for so long, what was sent before is no longer asked about: nobody answers to silence on the line."""


class Liveness:
    """What went out and has not been followed by anything that came back."""

    __slots__ = ("_last", "_since")

    def __init__(self) -> None:
        self._since: float | None = None  # when the first sound went out after which nothing has come
        self._last = 0.0

    def asked(self, now: float) -> None:
        """Sound went out."""
        if self._since is None or now - self._last >= PAUSE_S:
            self._since = now
        self._last = now

    def came(self) -> None:
        """Anything came back."""
        self._since = None

    @property
    def dead_at(self) -> float:
        """When the peer counts as dead unless something comes; inf while it owes no answer."""
        owed = self._since is not None and self._last - self._since >= WORTH_AN_ANSWER_S
        return math.inf if self._since is None or not owed else self._since + DEAF_S
