"""Requests sent to a carrier outside the media connection (hang up, transfer, send digits), and the carrier's reports
on a call (pure).

A `CallControl` belongs to one call, and is made only for a signed call id: an id that a socket merely claims must not
go into a request made with our credentials.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Protocol

from voicekit.call.info import CallEnd
from voicekit.errors import ConfigError
from voicekit.events import AnsweredBy

KEYS = frozenset("0123456789*#ABCDabcdw")
"""The characters that `send_digits` accepts; w is a pause."""

_TARGET = re.compile(
    r"\+?[0-9]{2,15}|sips?:[^\s<>\"'&]{1,200}|[A-Za-z][A-Za-z0-9_.-]{0,63}|[A-Z][A-Za-z]{1,15}/[A-Za-z0-9_.@+-]{1,64}"
)


class CallControl(Protocol):
    """Requests about one call. Each waits for the carrier's answer, a few seconds at most, and raises ServiceError if
    the request fails.

    `can` lists which of the requests `hang_up`, `transfer` and `digits` are supported; no other request is ever made.
    If the call has already ended, `hang_up` succeeds.
    """

    @property
    def can(self) -> frozenset[str]: ...
    async def hang_up(self) -> None: ...
    async def transfer(self, to: str) -> None: ...
    async def send_digits(self, digits: str) -> None: ...


@dataclass(frozen=True, slots=True)
class CallReport:
    """A carrier's report about a call: why it could not be connected or has ended (`end`), or who has answered it."""

    call_id: str = field(repr=False)
    end: CallEnd | None = None
    answered_by: AnsweredBy | None = None


def check_target(to: str) -> str:
    """Return `to` if it is a number, a SIP address, the name of a route, or an Asterisk endpoint such as PJSIP/200.

    Raises ConfigError for anything else, without quoting it.
    """
    if not isinstance(to, str) or not _TARGET.fullmatch(to):
        raise ConfigError("transfer: expected a number such as +15550001, a sip: address or a route's name")
    return to


def check_digits(digits: str) -> str:
    """Return `digits` if all are valid telephone keys; otherwise raise ConfigError without quoting them."""
    if not isinstance(digits, str) or not digits or set(digits) - KEYS:
        raise ConfigError("send_digits: expected the keys 0-9, *, # and A-D (and w for a pause), got something else")
    return digits
