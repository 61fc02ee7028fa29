"""The UUIDs that are expected on AudioSocket, each with what is known of its call: all the proof that wire has (pure).

    uuid = announced.announce({"caller": "+15550001"}, now)       the dialplan asks over HTTP, or ARI makes the channel
    facts = announced.take(uuid, now)                             once, within LIFE_S; None for a stranger

UUIDs that are written into a dialplan are `fixed`: they are taken as often as they come.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID, uuid4

from voicekit.call.tokens import CallFacts
from voicekit.errors import Unavailable

LIFE_S = 15.0
"""Seconds from an announcement to the connection; a dialplan connects in the next step."""

MOST = 10_000
"""Announcements that wait at a time; beyond it no call is announced."""


class AnnouncedCalls:
    """UUIDs that may connect. `now` is in seconds of any clock that does not go back."""

    def __init__(self, fixed: Iterable[UUID] = ()) -> None:
        self._fixed = frozenset(fixed)
        self._waiting: dict[UUID, tuple[float, Mapping[str, str]]] = {}

    def announce(self, facts: Mapping[str, str], now: float) -> UUID:
        """A new UUID for a call of which `facts` are known; Unavailable if MOST are waiting."""
        self._waiting = {uuid: call for uuid, call in self._waiting.items() if call[0] >= now}
        if len(self._waiting) >= MOST:
            raise Unavailable(f"audiosocket: too many announced calls ({MOST}) have not connected yet", service="call")
        uuid = uuid4()
        self._waiting[uuid] = now + LIFE_S, dict(facts)
        return uuid

    def take(self, uuid: UUID, now: float) -> CallFacts | None:
        """What was announced for `uuid`; None if nothing was, if it is too old, or if it came before."""
        until, facts = self._waiting.pop(uuid, (float("-inf"), {}))
        if until >= now:
            return CallFacts(str(uuid), facts)
        return CallFacts(str(uuid), {}) if uuid in self._fixed else None
