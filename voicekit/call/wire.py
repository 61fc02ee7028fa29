"""What a carrier has to say, as a contract: a protocol without a socket, a clock or trio, and the connection below it.

A `Wire` turns the far side's messages into events, and our sound, marks and orders into messages. It keeps what the
protocol needs (ids, sequence numbers, the encoding of the leg) and nothing else; pacing, positions and generations of
marks belong to the driver.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, runtime_checkable

from voicekit.audio.format import AudioFormat
from voicekit.call.info import CallEnd, CallInfo

WireMessage: TypeAlias = str | bytes
"""A text or a binary message, or, on a wire of plain TCP, bytes as they come."""


@dataclass(frozen=True, slots=True)
class CallStarted:
    """The first event of a call: what the wire says of it, and the formats of both directions."""

    info: CallInfo
    heard: AudioFormat
    spoken: AudioFormat


@dataclass(frozen=True, slots=True)
class WireSound:
    """The caller's sound, in the format of `CallStarted.heard`; whole samples."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class WireDigit:
    """A key: 0-9, *, #, A-D. The repr does not show it: it may be of a card's number."""

    digit: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class WireTyped:
    """A line that the caller typed."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class MarkPassed:
    """All that was sent before the mark of this name has been played, or was cleared: the wire can't tell which."""

    name: str


@dataclass(frozen=True, slots=True)
class PlayedTo:
    """Of what was sent since the last `clear`, this many samples had been played: from a wire that is able to count."""

    samples: int


@dataclass(frozen=True, slots=True)
class FarFull:
    """The far end's buffer is full (`full`): no sound may be sent until it has room again."""

    full: bool


@dataclass(frozen=True, slots=True)
class WireCleared:
    """What was not yet played when we asked is gone."""


@dataclass(frozen=True, slots=True)
class FarHold:
    """The far side put the call on hold (`held`), or took it back."""

    held: bool


@dataclass(frozen=True, slots=True)
class WireReply:
    """A message that the protocol owes at once, such as the answer to a ping."""

    message: WireMessage


@dataclass(frozen=True, slots=True)
class WireEnded:
    """The call is over, by the far side's own word."""

    end: CallEnd


@dataclass(frozen=True, slots=True)
class WireNotice:
    """A message that this version does not know or that does not matter: for the log, without the caller's data."""

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
    """One call's protocol, our side. No method waits; `receive` raises RemoteProtocolError and nothing else.

    `mark` and `clear` return nothing where the wire has no such message; `can` names what it has of `mark`, `clear`,
    `transfer`, `digits`, `hang_up`. `packet` is the size in seconds of a message of sound, `lead` how far ahead of
    the clock the wire wants to be sent.
    """

    name: str
    can: frozenset[str]
    packet: float
    lead: float

    def receive(self, message: WireMessage) -> Sequence[WireEvent]: ...
    def closed(self, code: int | None) -> WireEnded:
        """The connection ended with `code` (a websocket's, None for TCP): what that means for the call."""
        ...

    def sound(self, pcm: bytes) -> Sequence[WireMessage]: ...
    def mark(self, name: str) -> Sequence[WireMessage]: ...
    def clear(self) -> Sequence[WireMessage]: ...
    def digits(self, digits: str) -> Sequence[WireMessage]: ...
    def hang_up(self, reason: str) -> Sequence[WireMessage]:
        """The messages that end the call; none where closing the connection does."""
        ...


@runtime_checkable
class PausableWire(Protocol):
    """What a wire has besides, if its far end can pause: then its sink is pausable, and a hold takes nothing back."""

    def pause(self) -> Sequence[WireMessage]: ...
    def resume(self) -> Sequence[WireMessage]: ...
    def query(self) -> Sequence[WireMessage]:
        """The message that is answered with `PlayedTo`. It is sent behind all sound that was encoded before it."""
        ...


class MessageStream(Protocol):
    """The connection below a wire: a websocket of some server, a TCP stream, or two queues in memory."""

    async def receive(self) -> WireMessage:
        """The next message; raises `StreamClosed` at its end. Whole if cancelled."""
        ...

    async def send(self, message: WireMessage) -> None: ...
    async def close(self, code: int = 1000) -> None: ...


class StreamClosed(Exception):
    """The connection is over; `code` is that of a websocket's close, None where there was none."""

    def __init__(self, code: int | None = None) -> None:
        super().__init__(f"the connection is closed ({code})")
        self.code = code
