"""A service with standbys: which service to use now, and how long a failed one is left alone. Pure.

    Fallback(Use("soniox", key=...), Use("other", ...))      for stt, tts and models

All calls of a process may share a `Fallback`: when one call has found that a service fails, the others don't wait for
that service. How long a service rests depends on the error, and varies randomly, so that many calls do not all return
to the service at the same moment.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Generic, TypeVar

from voicekit.errors import ConfigError, ProtocolError, QuotaExceeded, ServiceError

T_co = TypeVar("T_co", covariant=True)

PATIENCE_S = 2.5
"""Seconds that a service may take to deliver what it owes. Even after two such delays and a reply's own 0.7 s, the
caller has waited less than 6 s.
"""

EXCUSE_S = 3.0
"""If a turn has lasted this many seconds without a word, the caller hears the excuse."""

EXCUSE = "One moment, please."

REST_S = 15.0
"""The longest time in seconds for which a failed service is left alone; the actual time is random, at least half
of it.
"""

REST_QUOTA_S = 40.0
"""Like REST_S, but for a service that refused because a rate limit or a quota is used up."""

REST_REFUSED_S = 300.0
"""Like REST_S, but for a service that refused us permanently (a wrong key, an empty account): the bill may be paid
meanwhile.
"""


class Fallback(Generic[T_co]):
    """Members in order of preference; each has its own key and options.

    For the `stt` or `tts` of a session or bot, a member is a part, a name, or a `Use`; for a `LanguageModel`, it is a
    model. `excuse` is the sentence that the caller hears if a model has produced no word after 3 s; None for no
    sentence. `patience` is how many seconds a member may take to deliver what is due. Raises ConfigError for fewer than
    two members.
    """

    def __init__(
        self,
        *members: T_co,
        excuse: str | None = EXCUSE,
        patience: float = PATIENCE_S,
        roll: Callable[[], float] = random.random,
    ) -> None:
        if len(members) < 2:
            raise ConfigError(f"Fallback: expected at least two members, got {len(members)}")
        if not patience > 0:
            raise ConfigError(f"Fallback: expected a patience above 0 s, got {patience!r}")
        self.members = members
        self.excuse = excuse
        self.patience = patience
        self._roll = roll
        self._rests: dict[int, float] = {}

    def order(self, now: float) -> list[int]:
        """The members in the order in which to try them at `now`: resting members come last, ordered by when their rest
        ends.
        """
        rests = {number: until for number, until in self._rests.items() if now < until <= now + REST_REFUSED_S}
        return sorted(range(len(self.members)), key=lambda number: (rests.get(number, 0.0), number))

    def failed(self, member: int, error: Exception, now: float) -> None:
        self._rests[member] = now + rest(error) * (0.5 + self._roll() / 2)

    def works(self, member: int) -> None:
        self._rests.pop(member, None)


def rest(error: Exception) -> float:
    """The maximum number of seconds for which a member rests after `error`."""
    if isinstance(error, ServiceError) and not error.retryable:
        return REST_REFUSED_S
    return REST_QUOTA_S if isinstance(error, QuotaExceeded) else REST_S


def is_fault(error: BaseException) -> bool:
    """Whether the service is to blame for `error`; if so, another service may succeed."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(is_fault, error.exceptions))
    return isinstance(error, ServiceError | ProtocolError)


def first_fault(error: Exception) -> Exception:
    """`error` itself or, if that is a group, the first error in the group."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


def called(part: object, number: int) -> str:
    """A member's name in events: "soniox tts 1"."""
    return f"{getattr(part, 'name', type(part).__name__)} {number + 1}"


def crossing(left: object, taken: object) -> str | None:
    """A change of region, such as "eu to us", from the member that failed to the next; None if the region stays the
    same.
    """
    regions = [getattr(part, "region", None) for part in (left, taken)]
    return None if None in regions or regions[0] == regions[1] else f"{regions[0]} to {regions[1]}"
