"""How long to wait for the service, and which requests may be repeated. Pure.

A request is repeated only if its work can't be done twice: if it is a repeatable kind, or if it was refused before any
work began.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from voicekit.errors import ConfigError
from voicekit.soniox.api import errors

LONGEST_WAIT_S: Final = 60.0
"""The longest wait that the service may ask for: its limits are counted per minute."""


class Repeat(Enum):
    """When a request may be repeated, besides when it never reached the service."""

    ALWAYS = "always"
    """It only reads, or deletes what can be deleted once."""
    REFUSED = "refused"
    """After an error, but not if the answer was lost: speech, which is billed once it has begun."""
    UNSTARTED = "unstarted"
    """Only after an error which means that nothing was begun: requests that create something new each time."""


class RequestTrouble(Enum):
    """How far a request got."""

    UNSENT = "unsent"
    """There was no connection."""
    REFUSED = "refused"
    """The service answered with an error."""
    LOST = "lost"
    """It was sent, but no answer came, or only a part."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds to wait, and how often to try.

    `connect` for a connection; `answer` for a whole answer after the request was sent, or for each 256 KiB of a long
    one; `stall` for a pause in which no byte of an upload or of sound moves; `speech` for all sound of one request,
    without the time that the caller takes; `attempts` in total.
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
"""Refused before any work: too many requests, or a key that is no longer valid."""


def may_repeat(failed: errors.Failed, trouble: RequestTrouble, repeat: Repeat) -> bool:
    """Whether the request can be repeated without its work being done twice."""
    if trouble is RequestTrouble.UNSENT or repeat is Repeat.ALWAYS:
        return True
    if trouble is RequestTrouble.LOST:
        return False
    return repeat is Repeat.REFUSED or failed.retry in _UNSTARTED
