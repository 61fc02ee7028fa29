"""How long to wait for the service, and which requests may be made again. Pure.

A request is made again only if that can't do its work twice: if it is one that may be repeated, or if it was refused
before any work began.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from voicekit.errors import ConfigError
from voicekit.soniox.api import errors

LONGEST_WAIT_S: Final = 60.0
"""The longest wait that the service may ask for: limits are counted per minute."""


class Repeat(Enum):
    """When a request may be made again, beside where it never reached the service."""

    ALWAYS = "always"
    """It only reads, or deletes what can be deleted once."""
    REFUSED = "refused"
    """After an error, but not where the answer was lost: speech, which is charged for once it has begun."""
    UNSTARTED = "unstarted"
    """Only after an error that says that nothing was begun: what makes something new each time."""


class RequestTrouble(Enum):
    """How far a request came."""

    UNSENT = "unsent"
    """There was no connection."""
    REFUSED = "refused"
    """The service answered with an error."""
    LOST = "lost"
    """It was sent, and no answer came, or not all of it."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds to wait, and how often to try.

    `connect` for a connection; `answer` for a whole answer once the request is out, or for each 256 KiB of a long one;
    `stall` while not a byte moves of an upload or of sound; `speech` for all sound of one request, not counting what
    the caller takes; `attempts` in all.
    """

    connect: float = 10.0
    answer: float = 30.0
    stall: float = 20.0
    speech: float = 150.0
    attempts: int = 4

    def __post_init__(self) -> None:
        for name in ("connect", "answer", "stall", "speech", "attempts"):
            value = getattr(self, name)
            if not value > 0:
                raise ConfigError(f"Patience {name}: expected more than 0, got {value!r}")


_UNSTARTED: Final = (errors.Retry.LONG_BACKOFF, errors.Retry.NEW_KEY)
"""Refused at the door: too many requests, or a key that is not good any more."""


def may_repeat(failed: errors.Failed, trouble: RequestTrouble, repeat: Repeat) -> bool:
    """Whether the request can be made again without its work being done twice."""
    if trouble is RequestTrouble.UNSENT or repeat is Repeat.ALWAYS:
        return True
    if trouble is RequestTrouble.LOST:
        return False
    return repeat is Repeat.REFUSED or failed.retry in _UNSTARTED
