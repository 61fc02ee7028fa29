"""The carrier's side of a wire, for rehearsals: what it makes of our messages, and both roles of a wire together.

A wire that brings its peer can be called by a scripted carrier: `hold_call(bot, user, over="twilio")`. A transport
states its wire and peer as the attribute `dialect`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from voicekit.audio.format import AudioFormat
from voicekit.call.wire import Wire, WireMessage


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


class Peer(Protocol):
    """The carrier's role: its messages, and what it makes of ours. AssertionError for what the carrier would refuse.

    Two methods are optional. `cleared()` is the answer to a clear; a peer that has it never returns the marks of what
    was cleared, any other returns all of them at once. `hold(held)` puts the call on hold or takes it back.
    """

    def begin(self, parameters: Mapping[str, str] | None = None) -> Sequence[WireMessage]: ...
    def sound(self, pcm: bytes, at_ms: int) -> WireMessage: ...
    def digit(self, digit: str) -> WireMessage: ...
    def passed(self, name: str) -> WireMessage:
        """The mark of this name comes back. Not called on a wire without marks."""
        ...

    def stop(self) -> Sequence[WireMessage]:
        """The messages with which the caller hangs up; none if closing the connection does."""
        ...

    def receive(self, message: WireMessage) -> PeerEvent: ...


@dataclass(frozen=True, slots=True)
class Dialect:
    """Both roles of a wire: `format` is what the peers of `peer` speak and play, `packet` the seconds of a message."""

    wire: Callable[[], Wire]
    peer: Callable[[], Peer]
    format: AudioFormat
    packet: float = 0.02
