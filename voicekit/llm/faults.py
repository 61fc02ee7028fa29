"""What goes wrong between a model and us, as the errors of voicekit: which one, and whether trying again helps.

A service's own word for the error decides where it is known, else the number of the HTTP answer; its wording decides
nothing. Keys are taken out of everything that a service says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from voicekit.errors import QuotaExceeded, ServiceError, Unauthenticated, Unavailable
from voicekit.llm.messages import ModelFault
from voicekit.llm.model import Model

MOST_SAID = 300
"""Characters of a service's explanation that go into a message."""

FILTERED = "content_filter"
"""The word for a question that a filter would not let pass: no fault of the service's, but its answer."""

REQUEST_IDS = ("x-request-id", "request-id")

FIRST_DELAY = 0.3
"""Seconds before the second attempt; a caller is waiting."""


@dataclass(frozen=True, slots=True)
class _Rule:
    error: type[ServiceError]
    retryable: bool


_NEVER, _KEY = _Rule(ServiceError, False), _Rule(Unauthenticated, False)
_LATER, _SPENT = _Rule(QuotaExceeded, True), _Rule(QuotaExceeded, False)
_AGAIN = _Rule(Unavailable, True)

RULES: Mapping[str, _Rule] = {
    "authentication_error": _KEY,
    "invalid_api_key": _KEY,
    "permission_error": _KEY,
    "insufficient_quota": _SPENT,
    "billing_error": _SPENT,
    "rate_limit_error": _LATER,
    "rate_limit_exceeded": _LATER,
    "overloaded_error": _AGAIN,
    "api_error": _AGAIN,
    "server_error": _AGAIN,
    "timeout_error": _AGAIN,
    "invalid_request_error": _NEVER,
    "not_found_error": _NEVER,
    FILTERED: _NEVER,
}
"""By the service's own word."""

_OF_STATUS = {401: _KEY, 403: _KEY, 402: _SPENT, 408: _AGAIN, 409: _AGAIN, 425: _AGAIN, 429: _LATER}


class _Told(msgspec.Struct):
    message: str | None = None
    type: str | None = None
    code: str | int | None = None


class _Body(msgspec.Struct):
    error: _Told | str
    request_id: str | None = None


def told(body: bytes) -> ModelFault | None:
    """The error that the JSON `body` of an answer tells; None where it tells none."""
    try:
        answer = msgspec.json.decode(body, type=_Body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if isinstance(answer.error, str):
        return ModelFault(answer.error, None, answer.request_id)
    code = answer.error.code if isinstance(answer.error.code, str) else None
    kind = code if code in RULES else answer.error.type or code
    return ModelFault(answer.error.message or "", kind, answer.request_id)


def refused(
    model: Model, fault: ModelFault, status: int | None = None, headers: Mapping[str, str] | None = None
) -> ServiceError:
    """The error that `fault` means; `status` and `headers` are those of the HTTP answer, if that was the fault."""
    rule = _rule(fault.error_type, status)
    named = ", ".join(word for word in (f"HTTP {status}" if status else "", fault.error_type or "") if word)
    said = model.redact(fault.message).strip()[:MOST_SAID] or "no explanation"
    ids = (headers or {}).get
    return rule.error(
        f"{model.service} ({model.name}) refused{f' ({named})' if named else ''}: {said}",
        service=model.service,
        error_type=fault.error_type,
        code=status,
        retryable=rule.retryable,
        request_id=fault.request_id or next((found for name in REQUEST_IDS if (found := ids(name))), None),
    )


def lost(model: Model, why: str) -> Unavailable:
    """The error of a connection that could not be made, broke, fell silent or ended too early."""
    return Unavailable(model.redact(f"{model.service} ({model.name}): {why}"), service=model.service, retryable=True)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that the service asks us to wait; None where it says nothing, or gives a date."""
    for name, scale in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers.get(name, "")) / scale)
        except ValueError:
            continue
    return None


def wait_before_retry(failures: int, asked: float | None, roll: Callable[[], float]) -> float:
    """Seconds to wait after the `failures`-th failure in a row: what was asked for, else a back-off that doubles.

    `roll()` in [0, 1) spreads the back-off over its upper half, so that many calls don't come back in step.
    """
    return asked if asked is not None else FIRST_DELAY * 2.0 ** (failures - 1) * (0.5 + roll() / 2)


def _rule(error_type: str | None, status: int | None) -> _Rule:
    """The service's word, unless all that it says is that the request was wrong: numbers say more than that."""
    known = RULES.get(error_type or "", _NEVER)
    if known is not _NEVER or status is None:
        return known
    return _OF_STATUS.get(status, _AGAIN if status >= 500 else _NEVER)
