"""What is known about a call: who is on the line, how reliable each fact is, and why the call ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, TypeAlias

from msgspec import Struct

Trust: TypeAlias = Literal["signed", "claimed"]
"""`signed`: from a request whose signature was checked. `claimed`: from a message that anyone who reached the socket
could have sent; a claimed call id must not go into a request made with our credentials."""


class EndReason(StrEnum):
    """Why a call ended: the complete list of reasons."""

    CALLER = "caller"
    """The caller hung up."""
    BOT = "bot"
    """The bot ended it."""
    TRANSFERRED = "transferred"
    LIMIT = "limit"
    """The longest duration or the longest silence was reached."""
    DRAINED = "drained"
    """The server shut down."""
    REFUSED = "refused"
    """No session was made."""
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    FAILED = "failed"
    """An outgoing call could not be connected."""
    LOST = "lost"
    """The connection closed without a goodbye."""
    CARRIER = "carrier"
    """The carrier ended the call, and gave its own code."""
    ERROR = "error"
    """An error on our side."""


class CallEnd(Struct, frozen=True):
    """The reason why a call ended, and the carrier's own code or text if it gave one."""

    reason: EndReason
    code: str = ""


class Known(Struct, frozen=True):
    """A fact, and how far it can be trusted. The repr hides the value, since it may be a telephone number."""

    value: str
    trust: Trust = "claimed"

    def __repr__(self) -> str:
        return f"Known(..., {self.trust!r})"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class CallInfo:
    """What a transport knows about a call. The repr never shows numbers or parameters, so it may be logged."""

    transport: str
    call_id: Known
    stream_id: str = ""
    direction: Literal["inbound", "outbound"] = "inbound"
    caller: Known | None = field(default=None, repr=False)
    called: Known | None = field(default=None, repr=False)
    parameters: Mapping[str, Known] = field(default_factory=dict, repr=False)
