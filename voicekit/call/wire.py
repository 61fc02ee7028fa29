"""The contracts for a carrier's protocol (which uses no socket, clock or trio) and for the connection below it.

A `Wire` turns the far side's messages into events, and our audio, marks and requests into messages. It stores only what
the protocol needs (ids, sequence numbers, the encoding of the call); pacing, positions and generations of marks are the
driver's task.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, runtime_checkable

from voicekit.audio.format import AudioFormat
from voicekit.call.info import CallEnd, CallInfo

WireMessage: TypeAlias = str | bytes
"""A text or a binary message, or, on a wire over plain TCP, bytes as they arrive."""


@dataclass(frozen=True, slots=True)
class CallStarted:
    """The first event of a call: what the wire claims about it, and the formats of both directions."""

    info: CallInfo
    heard: AudioFormat
    spoken: AudioFormat


@dataclass(frozen=True, slots=True)
class WireSound:
    """The caller's audio, in whole samples, in the format `CallStarted.heard`."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class WireDigit:
    """A key that the caller pressed: 0-9, *, # or A-D. The repr does not show it, since it may be part of a card
    number."""

    digit: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class WireTyped:
    """A line that the caller typed."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class MarkPassed:
    """Everything sent before the mark with this name has been played or cleared: the wire does not reveal which."""

    name: str


@dataclass(frozen=True, slots=True)
class PlayedTo:
    """The far end's report of how many of the samples sent since the last `clear` have been played."""

    samples: int


@dataclass(frozen=True, slots=True)
class FarFull:
    """The far end's buffer is full (`full`), so no audio may be sent, or has room again."""

    full: bool


@dataclass(frozen=True, slots=True)
class WireCleared:
    """The far end has carried out our `clear`: it has dropped the audio that it had not played."""


@dataclass(frozen=True, slots=True)
class FarHold:
    """The far side has put the call on hold (`held`), or resumed it."""

    held: bool


@dataclass(frozen=True, slots=True)
class WireReply:
    """A message that the protocol requires us to send immediately, such as the answer to a ping."""

    message: WireMessage


@dataclass(frozen=True, slots=True)
class WireEnded:
    """The far side reports that the call has ended."""

    end: CallEnd


@dataclass(frozen=True, slots=True)
class WireNotice:
    """A message that this version does not know or does not need. It is only logged, without the caller's data."""

    text: str


WireEvent: TypeAlias = (
    CallStarted
    | WireSound
    | WireDigit
    | WireTyped
    | MarkPassed
    | PlayedTo
    | FarFull
    | WireCleared
    | FarHold
    | WireReply
    | WireEnded
    | WireNotice
)


class Wire(Protocol):
    """Our side of one call's protocol. No method waits; `receive` raises only RemoteProtocolError.

    `mark` and `clear` return nothing if the wire has no such message; `can` lists which of the actions `mark`, `clear`,
    `transfer`, `digits` and `hang_up` are supported. `packet` is the length of the audio in one message, and `lead` how
    far ahead of the clock audio should be sent, both in seconds.
    """

    name: str
    can: frozenset[str]
    packet: float
    lead: float

    def receive(self, message: WireMessage) -> Sequence[WireEvent]: ...
    def closed(self, code: int | None) -> WireEnded:
        """What the end of the connection means for the call; `code` is the close code, or None if there was none."""
        ...

    def sound(self, pcm: bytes) -> Sequence[WireMessage]: ...
    def mark(self, name: str) -> Sequence[WireMessage]: ...
    def clear(self) -> Sequence[WireMessage]: ...
    def digits(self, digits: str) -> Sequence[WireMessage]: ...
    def hang_up(self, reason: str) -> Sequence[WireMessage]:
        """The messages that end the call; none if closing the connection is enough."""
        ...


@runtime_checkable
class PausableWire(Protocol):
    """The additional methods of a wire whose far end can pause. The sink of such a wire can therefore pause too, and a
    hold does not have to take any audio back.
    """

    def pause(self) -> Sequence[WireMessage]: ...
    def resume(self) -> Sequence[WireMessage]: ...
    def query(self) -> Sequence[WireMessage]:
        """The message that asks the far end for `PlayedTo`. It is sent after all audio that was encoded before it."""
        ...


class MessageStream(Protocol):
    """The connection below a wire: a server's websocket, a TCP stream, or two in-memory queues."""

    async def receive(self) -> WireMessage:
        """The next message. Raises `StreamClosed` when the connection has ended. Cancelling `receive` loses no part of
        a message.
        """
        ...

    async def send(self, message: WireMessage) -> None: ...
    async def close(self, code: int = 1000) -> None: ...


class StreamClosed(Exception):
    """The connection has ended; `code` is the websocket's close code, or None if there was no code."""

    def __init__(self, code: int | None = None) -> None:
        super().__init__(f"the connection is closed ({code})")
        self.code = code
