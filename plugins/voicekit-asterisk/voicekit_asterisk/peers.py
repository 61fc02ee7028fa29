"""How Asterisk reacts to our messages, for the scripted peers of tests: as all carriers do, with two additions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from voicekit.call.peer import PeerCleared, PeerHungUp, PeerMark, PeerOther, PeerSound

__all__ = [
    "AsteriskEvent", "PeerAsked", "PeerCleared", "PeerHungUp", "PeerMark", "PeerOther", "PeerPaused", "PeerSound",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class PeerPaused:
    """The order to stop playing (`paused`), or to go on."""

    paused: bool


@dataclass(frozen=True, slots=True)
class PeerAsked:
    """The order to answer with the length of the queue."""


AsteriskEvent: TypeAlias = PeerSound | PeerMark | PeerCleared | PeerPaused | PeerAsked | PeerHungUp | PeerOther
