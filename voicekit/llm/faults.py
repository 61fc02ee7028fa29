"""Turns failures between a model and us into voicekit's errors: which error to raise, and whether to retry.

If voicekit knows the service's name for the error, the name decides; otherwise the HTTP status does. The wording of the
message is ignored. Keys are removed from all text that a service sends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from voicekit.errors import QuotaExceeded, RemoteProtocolError, ServiceError, Unauthenticated, Unavailable
from voicekit.llm.json_value import JsonValue
from voicekit.llm.messages import ModelFault
from voicekit.llm.model import Model

MOST_SAID = 300
"""The maximum number of characters of a service's explanation that are included in a message."""

FILTERED = "content_filter"
"""The error name for a question that a filter rejected, which counts as the service's answer and not as a fault."""

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
"""The rule for each error, by the service's own name for the error."""

_OF_STATUS = {401: _KEY, 403: _KEY, 402: _SPENT, 408: _AGAIN, 409: _AGAIN, 425: _AGAIN, 429: _LATER}


def told(body: str | bytes) -> ModelFault | None:
    """The error in the JSON `body` of a response; None if there is none."""
    try:
        answer = JsonValue.read(body)
    except msgspec.DecodeError:
        return None
    answer = next(iter(answer), answer)  # some services wrap the object in a list
    error, request_id = answer["error"], answer["request_id"].word or None
    if error.word:
        return ModelFault(error.word, None, request_id)
    if not error or not isinstance(error.raw, dict):
        return None
    code = error["code"].word
    return ModelFault(error["message"].text, code if code in RULES else error["type"].word or code or None, request_id)


def refused(
    model: Model, fault: ModelFault, status: int | None = None, headers: Mapping[str, str] | None = None
) -> ServiceError:
    """The error for `fault`; `status` and `headers` are those of the HTTP response, if it was the response that
    reported the fault.
    """
    rule = _rule(fault.error_type, status)
    word, said = shown(model, fault.error_type or ""), shown(model, fault.message) or "no explanation"
    named = ", ".join(filter(None, (f"HTTP {status}" if status else "", word)))
    found = fault.request_id or next(filter(None, map((headers or {}).get, REQUEST_IDS)), "")
    return rule.error(
        f"{model.service} ({model.name}) refused{f' ({named})' if named else ''}: {said}",
        service=model.service,
        error_type=word or None,
        code=status,
        retryable=rule.retryable,
        request_id=shown(model, found) or None,
    )


def lost(model: Model, why: str) -> Unavailable:
    """The error for a connection that could not be opened, broke, fell silent or ended too early."""
    return Unavailable(f"{model.service} ({model.name}): {shown(model, why)}", service=model.service, retryable=True)


def unreadable(model: Model, why: str) -> RemoteProtocolError:
    """The error for a response that can't be read at all."""
    return RemoteProtocolError(f"{model.service} ({model.name}): the answer can't be read: {shown(model, why)}")


def shown(model: Model, text: str) -> str:
    """A peer's text as errors and events may show it: without the key, and not too long.

    All text from a service must pass through this function before it is shown.
    """
    return model.redact(text)[:MOST_SAID].strip()


def retry_after(headers: Mapping[str, str]) -> float | None:
    """How many seconds the service asks us to wait; None if it gives no number of seconds (a date is ignored)."""
    for name, scale in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers.get(name, "")) / scale)
        except ValueError:
            continue
    return None


def wait_before_retry(failures: int, asked: float | None, roll: Callable[[], float]) -> float:
    """Seconds to wait after the `failures`-th failure in a row: what the service asked for, otherwise an exponential
    back-off.

    `roll()` in [0, 1) chooses a wait between half of the back-off and all of it, so that many calls don't all retry at
    the same moment.
    """
    return asked if asked is not None else FIRST_DELAY * 2.0 ** (failures - 1) * (0.5 + roll() / 2)


def _rule(error_type: str | None, status: int | None) -> _Rule:
    """The rule for the service's error name. If the name means only "wrong request", the HTTP status is more exact, and
    decides.
    """
    known = RULES.get(error_type or "", _NEVER)
    if known is not _NEVER or status is None:
        return known
    return _OF_STATUS.get(status, _AGAIN if status >= 500 else _NEVER)
