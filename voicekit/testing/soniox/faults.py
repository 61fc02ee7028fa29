"""Faults of a scripted peer, and when they happen.

    SonioxPeer(script, faults=[Cut(At(received=20), where="inside")])
    SonioxPeer(script, faults=[Refuse(At(seconds=3.0), "service_unavailable", connection=None)])

A fault happens once on a connection, by default on the first connection to each service. `connection=None` means that
it happens on every connection, and `service` restricts the fault to one service. Messages are counted from 1, leaving
out pings and closing frames; bytes are counted from the beginning of the connection, including the upgrade. Unless its
class says otherwise, a fault without an `At` happens when it is passed to `peer.suffer`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import ClassVar, Final, Literal, TypeAlias

from voicekit.errors import ConfigError
from voicekit.soniox.api.wire import Message
from voicekit.soniox.server.account import Service
from voicekit.soniox.server.refusal import CLOSE_GOING_AWAY

Where: TypeAlias = Literal["before", "inside", "after"]


@dataclass(frozen=True, slots=True, kw_only=True)
class At:
    """A moment during a connection. Exactly one of the fields must be given.

    `received` is the number of a message from the client, `sent` that of a message from the peer. `bytes_received` and
    `bytes_sent` give the number of bytes before the moment. `seconds` are counted from the opening of the connection.
    """

    received: int | None = None
    sent: int | None = None
    bytes_received: int | None = None
    bytes_sent: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        if len(self._given()) != 1:
            raise ConfigError(f"the moment of a fault: expected exactly one field to be set, got {self}")

    @property
    def kind(self) -> str:
        """The name of the field that was given."""
        return self._given()[0]

    def _given(self) -> list[str]:
        return [field.name for field in fields(self) if getattr(self, field.name) is not None]


BEFORE_REQUEST: Final = At(bytes_received=0)
"""The moment when the connection has been made, but nothing of the upgrade request has been read."""
BEFORE_ANSWER: Final = At(bytes_sent=0)
"""The moment when the upgrade request has been read, but nothing has been answered."""


@dataclass(frozen=True, slots=True)
class Fault:
    """When a fault happens, and on which connection. `moments` names the fields of At that this kind of fault
    allows."""

    moments: ClassVar[tuple[str, ...]] = ("received", "sent", "seconds")

    at: At | None = None
    service: Service | None = field(default=None, kw_only=True)
    connection: int | None = field(default=1, kw_only=True)

    def __post_init__(self) -> None:
        if self.at is not None and self.at.kind not in self.moments:
            moments = " or ".join(self.moments) or "none"
            raise ConfigError(f"the moment of {type(self).__name__}: expected {moments}, got {self.at.kind}")


@dataclass(frozen=True, slots=True)
class WireFault(Fault):
    """A fault on the line. If `at` names a message, `where` says whether the fault happens before any part of the
    message is read or written, inside the message, or after it.
    """

    moments = ("received", "sent", "bytes_received", "bytes_sent", "seconds")

    where: Where = field(default="before", kw_only=True)


@dataclass(frozen=True, slots=True)
class Cut(WireFault):
    """The connection is lost without a closing frame. For the next `away` seconds, the service accepts no new
    connections."""

    away: float = field(default=0.0, kw_only=True)


@dataclass(frozen=True, slots=True)
class HalfOpen(WireFault):
    """Once this fault happens, the peer accepts everything but answers nothing, not even pings."""


@dataclass(frozen=True, slots=True)
class StopReading(WireFault):
    """Once this fault happens, the peer reads nothing, so the client soon can't send anything more. The peer still
    sends its messages."""


@dataclass(frozen=True, slots=True)
class Stall(WireFault):
    """The peer sends nothing for `seconds`; then its messages continue."""

    seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class Reject(Fault):
    """The upgrade is answered with an HTTP `status` other than 101. This fault takes no `At`."""

    moments = ()

    status: int = field(default=503, kw_only=True)
    body: bytes = field(default=b"", kw_only=True)


@dataclass(frozen=True, slots=True)
class Refuse(Fault):
    """The peer sends an error frame with a type from `voicekit.soniox.server.refusal.CODES`, with the usual
    consequences of such an error.

    If `stream` is true, the error belongs to the stream of speech that was started last.
    """

    error_type: str = "internal_error"
    message: str = "The server had an error processing your request."
    stream: bool = field(default=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class SayMessage(Fault):
    """The peer sends an extra message with any content: garbage, nulls, ten megabytes."""

    message: Message = "not even JSON"


@dataclass(frozen=True, slots=True)
class Change(Fault):
    """The peer passes a message to `change`, and sends the result, or nothing if that is None. Without an `At`, every
    message is changed."""

    moments = ("sent",)

    change: Callable[[Message], Message | None] = field(default=lambda message: message, kw_only=True)


@dataclass(frozen=True, slots=True)
class Close(Fault):
    """The peer closes the connection gracefully, although the client has not asked for it."""

    code: int = CLOSE_GOING_AWAY
    reason: str = "Timeout"
