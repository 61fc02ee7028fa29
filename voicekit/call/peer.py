"""The carrier's side of a wire, for tests. A `Peer` writes the carrier's messages and reads ours; a `Dialect` is a wire
with its peer.

If a wire has a peer, a scripted carrier can place calls over it: `hold_call(bot, user, over="twilio")`. A transport
declares its wire and peer in its `dialect` attribute.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from voicekit.audio.format import AudioFormat
from voicekit.call.wire import Wire, WireMessage


@dataclass(frozen=True, slots=True)
class PeerSound:
    """Audio for the caller, in the wire's own encoding."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class PeerMark:
    """A mark, which shows where the audio sent so far ends."""

    name: str


@dataclass(frozen=True, slots=True)
class PeerCleared:
    """A request to drop the audio that has not been played yet."""


@dataclass(frozen=True, slots=True)
class PeerDigits:
    """Key presses that we send to the far side."""

    digits: str


@dataclass(frozen=True, slots=True)
class PeerHungUp:
    """A request to end the call."""


@dataclass(frozen=True, slots=True)
class PeerOther:
    """A message that needs no reaction: an answer to a ping, an acknowledgement."""

    kind: str


PeerEvent: TypeAlias = PeerSound | PeerMark | PeerCleared | PeerDigits | PeerHungUp | PeerOther


class Peer(Protocol):
    """The carrier's role: writes the carrier's messages, and reads ours. A message that the carrier would reject raises
    AssertionError.

    Two methods are optional. `cleared()` returns the answer to a clear; if a peer has this method, the marks of cleared
    audio never come back, otherwise all of them come back immediately. `hold(held)` returns the message that puts the
    call on hold or resumes it.
    """

    def begin(self, parameters: Mapping[str, str] | None = None) -> Sequence[WireMessage]: ...
    def sound(self, pcm: bytes, at_ms: int) -> WireMessage: ...
    def digit(self, digit: str) -> WireMessage: ...
    def passed(self, name: str) -> WireMessage:
        """The message that returns the mark with this name. Not called on a wire without marks."""
        ...

    def stop(self) -> Sequence[WireMessage]:
        """The messages with which the caller hangs up; none if closing the connection is enough."""
        ...

    def receive(self, message: WireMessage) -> PeerEvent: ...


@dataclass(frozen=True, slots=True)
class Dialect:
    """A wire, and a peer to test it with. `format` is the format of the audio that the peer sends and plays; `packet`
    is the length of the audio in one message, in seconds.
    """

    wire: Callable[[], Wire]
    peer: Callable[[], Peer]
    format: AudioFormat
    packet: float = 0.02
