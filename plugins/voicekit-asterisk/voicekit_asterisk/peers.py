"""What the simulated Asterisks in tests read from our messages: the events that all carriers share, and two more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from voicekit.call.peer import PeerCleared, PeerHungUp, PeerMark, PeerOther, PeerSound

__all__ = [
    "AsteriskEvent", "PeerAsked", "PeerCleared", "PeerHungUp", "PeerMark", "PeerOther", "PeerPaused", "PeerSound",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class PeerPaused:
    """A command to stop playing (if `paused`) or to continue."""

    paused: bool


@dataclass(frozen=True, slots=True)
class PeerAsked:
    """A command to report the length of the queue."""


AsteriskEvent: TypeAlias = PeerSound | PeerMark | PeerCleared | PeerPaused | PeerAsked | PeerHungUp | PeerOther
