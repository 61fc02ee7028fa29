"""What Asterisk makes of our messages, for the scripted peers of tests: the same few things on every way in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class PeerSound:
    """Sound for the caller, in the wire's own encoding."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class PeerMark:
    """A mark behind the sound that came before it."""

    name: str


@dataclass(frozen=True, slots=True)
class PeerCleared:
    """The order to drop what has not been played."""


@dataclass(frozen=True, slots=True)
class PeerPaused:
    """The order to stop playing (`paused`), or to go on."""

    paused: bool


@dataclass(frozen=True, slots=True)
class PeerAsked:
    """The order to answer with the length of the queue."""


@dataclass(frozen=True, slots=True)
class PeerHungUp:
    """The order to end the call."""


@dataclass(frozen=True, slots=True)
class PeerOther:
    """A message that changes nothing that can be heard."""

    kind: str


PeerEvent: TypeAlias = PeerSound | PeerMark | PeerCleared | PeerPaused | PeerAsked | PeerHungUp | PeerOther
