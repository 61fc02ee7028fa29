"""The UUIDs expected on AudioSocket, and the facts about their calls. AudioSocket has no other proof of identity. Pure.

    uuid = announced.announce({"caller": "+15550001"}, now)       the dialplan asks over HTTP, or ARI makes the channel
    facts = announced.take(uuid, now)                             works once, within LIFE_S; None for an unknown UUID

UUIDs that are written into a dialplan are `fixed`: they can be taken any number of times.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID, uuid4

from voicekit.call.tokens import CallFacts
from voicekit.errors import Unavailable

LIFE_S = 15.0
"""Seconds that a call has to connect after its announcement; a dialplan connects in its next step."""

MOST = 10_000
"""The maximum number of announced calls that have not connected yet; beyond it, no call can be announced."""


class AnnouncedCalls:
    """The UUIDs that may connect. `now` is the time in seconds, on any clock that never goes back."""

    def __init__(self, fixed: Iterable[UUID] = ()) -> None:
        self._fixed = frozenset(fixed)
        self._waiting: dict[UUID, tuple[float, Mapping[str, str]]] = {}

    def announce(self, facts: Mapping[str, str], now: float) -> UUID:
        """A new UUID for a call with the given `facts`. Raises Unavailable if too many (MOST) are waiting."""
        self._waiting = {uuid: call for uuid, call in self._waiting.items() if call[0] >= now}
        if len(self._waiting) >= MOST:
            raise Unavailable(f"audiosocket: too many announced calls ({MOST}) have not connected yet", service="call")
        uuid = uuid4()
        self._waiting[uuid] = now + LIFE_S, dict(facts)
        return uuid

    def take(self, uuid: UUID, now: float) -> CallFacts | None:
        """The facts announced for `uuid`; None if `uuid` was not announced, is too old, or has already been taken."""
        until, facts = self._waiting.pop(uuid, (float("-inf"), {}))
        if until >= now:
            return CallFacts(str(uuid), facts)
        return CallFacts(str(uuid), {}) if uuid in self._fixed else None
