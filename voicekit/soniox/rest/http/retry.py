"""Decides how long to wait for the service, and which requests may be retried. Pure.

A request is retried only if this can't make the service do the work twice: either requests of this kind may safely be
repeated, or the request was refused before any work began.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from voicekit.errors import ConfigError
from voicekit.soniox.api import errors

LONGEST_WAIT_S: Final = 60.0
"""The longest wait that the service may ask for, since its limits are counted per minute."""


class Repeat(Enum):
    """The failures after which a request may be retried. It may always be retried if it never reached the service."""

    ALWAYS = "always"
    """After any failure: the request only reads, or deletes an object that can be deleted only once."""
    REFUSED = "refused"
    """After an error, but not if the answer was lost: speech is billed as soon as it has begun."""
    UNSTARTED = "unstarted"
    """Only after an error that means that no work was begun: the request creates a new object each time."""


class RequestTrouble(Enum):
    """How far a request got."""

    UNSENT = "unsent"
    """The request was not sent, because there was no connection."""
    REFUSED = "refused"
    """The service answered with an error."""
    LOST = "lost"
    """The request was sent, but no answer came, or only a part of it."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How many seconds to wait, and how often to try.

    `connect` limits the time for opening a connection. `answer` limits the wait for a whole answer after the request
    was sent, or for each 256 KiB of a long answer. `stall` limits each pause in an upload or in the audio of an answer.
    `speech` limits the time for all audio of one request, not counting the time that your own code takes. `attempts` is
    the total number of attempts.
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
"""Refusals before any work: too many requests, or a key that is no longer valid."""


def may_repeat(failed: errors.Failed, trouble: RequestTrouble, repeat: Repeat) -> bool:
    """Whether a request can be retried without making the service do the work twice."""
    if trouble is RequestTrouble.UNSENT or repeat is Repeat.ALWAYS:
        return True
    if trouble is RequestTrouble.LOST:
        return False
    return repeat is Repeat.REFUSED or failed.retry in _UNSTARTED
