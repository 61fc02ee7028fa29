"""What a carrier makes of our messages, for the scripted carriers of tests: the same few things on every wire."""

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
class PeerDigits:
    """Keys for the far side."""

    digits: str


@dataclass(frozen=True, slots=True)
class PeerHungUp:
    """The order to end the call."""


@dataclass(frozen=True, slots=True)
class PeerOther:
    """A message that needs nothing: an answer to a ping, an acknowledgement."""

    kind: str


PeerEvent: TypeAlias = PeerSound | PeerMark | PeerCleared | PeerDigits | PeerHungUp | PeerOther
