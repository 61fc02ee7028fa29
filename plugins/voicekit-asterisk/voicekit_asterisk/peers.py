"""Asterisk's reactions to our messages, for the scripted peers of tests: those of all carriers, and two more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from voicekit.call.peer import PeerCleared, PeerHungUp, PeerMark, PeerOther, PeerSound

__all__ = [
    "AsteriskEvent", "PeerAsked", "PeerCleared", "PeerHungUp", "PeerMark", "PeerOther", "PeerPaused", "PeerSound",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class PeerPaused:
    """The command to stop playing (`paused`), or to continue."""

    paused: bool


@dataclass(frozen=True, slots=True)
class PeerAsked:
    """The command to answer with the length of the queue."""


AsteriskEvent: TypeAlias = PeerSound | PeerMark | PeerCleared | PeerPaused | PeerAsked | PeerHungUp | PeerOther
