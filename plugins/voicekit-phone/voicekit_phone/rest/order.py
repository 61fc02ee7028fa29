"""Requests to a carrier and its answers, as values; and what its refusals mean (pure).

No text of a carrier goes into an error: it may quote a telephone number. Its status and its own code do.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from voicekit.errors import QuotaExceeded, ServiceError, Unauthenticated, Unavailable


@dataclass(frozen=True, slots=True)
class RestRequest:
    """One request. The repr shows nothing of the call: a path has its id, a body has numbers."""

    method: str
    url: str = field(repr=False)
    form: Sequence[tuple[str, str]] | None = field(default=None, repr=False)
    json: Mapping[str, Any] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class RestAnswer:
    """A status and what was in the body, if that was a JSON object."""

    status: int
    body: Mapping[str, Any] = field(repr=False)

    @classmethod
    def read(cls, status: int, body: bytes) -> RestAnswer:
        try:
            value = json.loads(body or b"{}")
        except (ValueError, RecursionError):
            value = None
        return cls(status, value if isinstance(value, dict) else {})


@dataclass(frozen=True, slots=True)
class DialOrder:
    """A call to make: to whom, as whom, and where the carrier asks what to do when it is answered.

    `answer_url` is that of our webhook, `news_url` that for busy, no answer and who has answered; `stream_url` is used
    instead of the former by carriers that go to the socket at once. Times are seconds; `keys` are sent when the call is
    answered, w is a pause.
    """

    to: str = field(repr=False)
    caller: str = field(repr=False)
    answer_url: str = field(default="", repr=False)
    news_url: str = field(default="", repr=False)
    stream_url: str = field(default="", repr=False)
    ring: float = 30.0
    limit: float | None = None
    keys: str = field(default="", repr=False)
    detect_machine: bool = False


class CarrierAccount(Protocol):
    """An account at a carrier: its keys, and its way to write each request. Pure.

    `can` names those of `hang_up`, `transfer`, `digits`, `dial` that it has; the rest raise ConfigError. `keys_from`
    names the environment variables that its keys come from.
    """

    name: str
    can: frozenset[str]
    keys_from: str

    def headers(self, now: float) -> Mapping[str, str]:
        """What says who asks; `now` is the time of day in seconds."""
        ...

    def hang_up(self, call_id: str) -> RestRequest: ...
    def transfer(self, call_id: str, to: str, via: str) -> RestRequest:
        """`via` is an address of ours that answers with `transfer_document`, for carriers that want one."""
        ...

    def send_digits(self, call_id: str, digits: str) -> RestRequest: ...
    def dial(self, order: DialOrder) -> RestRequest: ...
    def call_id(self, answer: RestAnswer) -> str:
        """The id of the call that was dialled; "" if it is not there."""
        ...

    def code(self, answer: RestAnswer) -> str:
        """The carrier's own code of an error; "" for none."""
        ...

    def is_over(self, answer: RestAnswer) -> bool:
        """Whether the request was refused because the call is over already."""
        ...


def refusal(account: CarrierAccount, answer: RestAnswer) -> ServiceError | None:
    """The error that `answer` stands for; None if it is none."""
    status, code = answer.status, account.code(answer)[:40]
    if status < 300:
        return None
    said = f"{account.name}: got status {status}" + (f", code {code}" if code else "")
    about: dict[str, Any] = {"service": account.name, "code": status, "error_type": code or None}
    if account.is_over(answer):
        return Unavailable(f"{said}: the call is over", **about)
    match status:
        case 401 | 403:
            return Unauthenticated(f"{said}: expected the account's credentials in {account.keys_from}", **about)
        case 402:
            return QuotaExceeded(f"{said}: the account has no credit", **about)
        case 429:
            return QuotaExceeded(f"{said}: too many requests", retryable=True, **about)
        case 408 | 409 | 425:
            return Unavailable(f"{said}: try again", retryable=True, **about)
        case _ if status >= 500:
            return Unavailable(f"{said}: the carrier failed", retryable=True, **about)
    return ServiceError(f"{said}: the carrier refused the request", **about)
