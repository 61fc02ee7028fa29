"""Data classes for requests to a carrier and its answers, and the errors made from the answers (pure).

Our errors contain the carrier's status and error code, but never its text, which may quote a telephone number.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from voicekit.errors import QuotaExceeded, ServiceError, Unauthenticated, Unavailable


@dataclass(frozen=True, slots=True)
class RestRequest:
    """One request. Its repr hides the path, which contains the call's id, and the body, which contains telephone
    numbers.
    """

    method: str
    url: str = field(repr=False)
    form: Sequence[tuple[str, str]] | None = field(default=None, repr=False)
    json: Mapping[str, Any] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class RestAnswer:
    """The status of an answer, and its body if that is a JSON object."""

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
    """A call to make: the number to call (`to`), the number shown (`caller`), and our addresses for the carrier's
    requests.

    When somebody answers, the carrier sends a request to `answer_url`. Carriers that open the socket without asking use
    `stream_url` instead. `news_url` gets the reports: busy, no answer, who has answered. Times are in seconds. `keys`
    are the digits to send once somebody has answered; a "w" between them is a pause.
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
    """An account with a carrier: its credentials, and how to write each request. Pure.

    `can` lists which of `hang_up`, `transfer`, `digits` and `dial` the carrier offers; the others raise ConfigError.
    `keys_from` names the environment variables that hold the credentials.
    """

    name: str
    can: frozenset[str]
    keys_from: str

    def headers(self, now: float) -> Mapping[str, str]:
        """The headers that identify us; `now` is the Unix time in seconds."""
        ...

    def hang_up(self, call_id: str) -> RestRequest: ...
    def transfer(self, call_id: str, to: str, via: str) -> RestRequest:
        """Transfer the call. Some carriers get the target from `via`, our address that returns `transfer_document`."""
        ...

    def send_digits(self, call_id: str, digits: str) -> RestRequest: ...
    def dial(self, order: DialOrder) -> RestRequest: ...
    def call_id(self, answer: RestAnswer) -> str:
        """The id of the call that was dialled; "" if the answer has none."""
        ...

    def code(self, answer: RestAnswer) -> str:
        """The carrier's own error code; "" if there is none."""
        ...

    def is_over(self, answer: RestAnswer) -> bool:
        """Whether the carrier refused the request because the call is already over."""
        ...


def refusal(account: CarrierAccount, answer: RestAnswer) -> ServiceError | None:
    """The error that `answer` reports; None if it reports none."""
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
