"""What each of the service's errors means: which exception to raise, whether to try again, and what the user should do.

The service's `error_type` decides. If there is none (for example, because the handshake was refused), the error's
number decides. The wording of an error may change, so it is ignored. All these rules are in the table `RULES`.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TypeVar

from msgspec import Struct, structs

from voicekit.errors import ProtocolError, QuotaExceeded, ServiceError, Unauthenticated, Unavailable
from voicekit.flow.backoff import SOON, Waits
from voicekit.soniox.api.wire import Refused


class Retry(Enum):
    """Whether, and when, the same request may be made again."""

    NEVER = "never"
    """Never: the request itself is wrong, or a person must act."""
    NEW_KEY = "new key"
    """Only with a new key."""
    NOW = "now"
    """Immediately, on a new connection; after a second failure in a row, the same wait as for BACKOFF."""
    BACKOFF = "back-off"
    """After a short wait that doubles."""
    LONG_BACKOFF = "long back-off"
    """After a longer wait, in which a limit that is counted per minute can reset."""


class RetryRule(Struct, frozen=True):
    """One row of `RULES`: which exception to raise, when to try again, and a sentence of advice, if any."""

    error: type[ServiceError]
    retry: Retry
    advice: str = ""


class Failed(Struct, frozen=True):
    """Event: the connection has ended, and nothing more will arrive on it. The client code for stt and for tts returns
    this event.
    """

    error: ServiceError | ProtocolError
    retry: Retry

    def waits(self, *, new_keys: bool) -> Waits | None:
        """How long to wait before each further attempt, in the form that `Backoff.failed` expects. `new_keys` says
        whether each attempt has its own key."""
        return None if self.retry is Retry.NEW_KEY and not new_keys else WAITS[self.retry]


_PAY = "Add funds or raise the budget in the Soniox console."
_VOICE = "Check the cloned voice in the Soniox console."

RULES: dict[str, RetryRule] = {
    "invalid_request": RetryRule(ServiceError, Retry.NEVER),
    "model_not_available": RetryRule(ServiceError, Retry.NEVER, "Check the name of the model."),
    "unauthenticated": RetryRule(
        Unauthenticated,
        Retry.NEW_KEY,
        "Check SONIOX_API_KEY, and that its project is in the region in use (us, eu or jp).",
    ),
    "permission_denied": RetryRule(Unauthenticated, Retry.NEVER, "The key lacks the permission for this service."),
    "temp_api_key_session_expired": RetryRule(Unauthenticated, Retry.NEW_KEY, "The temporary key's session is over."),
    "organization_balance_exhausted": RetryRule(QuotaExceeded, Retry.NEVER, _PAY),
    "organization_monthly_budget_exhausted": RetryRule(QuotaExceeded, Retry.NEVER, _PAY),
    "project_monthly_budget_exhausted": RetryRule(QuotaExceeded, Retry.NEVER, _PAY),
    "limit_exceeded": RetryRule(QuotaExceeded, Retry.LONG_BACKOFF, "Too many requests or streams at once."),
    "request_timeout": RetryRule(Unavailable, Retry.BACKOFF),
    "max_duration_reached": RetryRule(Unavailable, Retry.NOW),
    "max_audio_duration_reached": RetryRule(Unavailable, Retry.NOW),
    "internal_error": RetryRule(Unavailable, Retry.BACKOFF),
    # The only known message for this error is "cannot continue, please restart the request". If the service is really
    # down, the restart fails too; from then on, NOW waits as long as BACKOFF.
    "service_unavailable": RetryRule(Unavailable, Retry.NOW),
    "invalid_stream_state": RetryRule(ServiceError, Retry.NEVER),
    "max_concurrent_streams_reached": RetryRule(ServiceError, Retry.NEVER),
    "voice_not_prepared": RetryRule(ServiceError, Retry.NEVER, _VOICE),
    "voice_failed": RetryRule(ServiceError, Retry.NEVER, _VOICE),
    "voice_name_conflict": RetryRule(ServiceError, Retry.NEVER, _VOICE),
}

TYPE_OF_CODE: dict[int, str] = {
    400: "invalid_request",
    401: "unauthenticated",
    402: "organization_balance_exhausted",
    403: "permission_denied",
    408: "request_timeout",
    413: "max_duration_reached",
    429: "limit_exceeded",
    500: "internal_error",
    502: "service_unavailable",
    503: "service_unavailable",
    504: "request_timeout",
}
"""The type that a number stands for if the error has no known type; the last two numbers come from proxies."""

LONGEST = 2_000
"""How many characters of the service's message an error shows."""

T = TypeVar("T", bound=Struct)

_UNKNOWN_5XX = RetryRule(Unavailable, Retry.BACKOFF)
_UNKNOWN = RetryRule(ServiceError, Retry.NEVER)

WAITS: dict[Retry, Waits | None] = {
    Retry.NEVER: None,
    Retry.NEW_KEY: Waits(at_once=True, most=1),
    Retry.NOW: Waits(at_once=True),
    Retry.BACKOFF: SOON,
    Retry.LONG_BACKOFF: Waits(first=2.0, longest=30.0),  # the waits grow from 2 seconds to half a minute
}
"""When to try again, for each kind of failure."""


def rule(error_type: str | None, code: int | None) -> RetryRule:
    """The rule for an error, found by its type or, failing that, by its number. Unknown errors have a rule too."""
    known = RULES.get(error_type or "") or RULES.get(TYPE_OF_CODE.get(code or 0, ""))
    if known is not None:
        return known
    return _UNKNOWN_5XX if code is not None and code >= 500 else _UNKNOWN


def cleaned(answer: T, redact: Callable[[str], str]) -> T:
    """Return `answer` with `redact` applied to each of its strings. Every answer from a peer passes through this
    function before it is shown."""
    words = {name: redact(said) for name, said in structs.asdict(answer).items() if isinstance(said, str)}
    return structs.replace(answer, **words)


def as_said(message: str) -> str:
    """Return `message` unchanged: the default for `redact`."""
    return message


def refused(answer: Refused, *, service: str, redact: Callable[[str], str] = as_said) -> Failed:
    """Return the Failed event for an error frame. `redact` removes keys from the service's messages."""
    row = rule(answer.error_type, answer.error_code)
    answer = cleaned(answer, redact)
    said = (answer.error_message or answer.error_type or "an error without a message")[:LONGEST]
    named = f"{answer.error_code or '-'} {answer.error_type or 'without a type'}"
    error = row.error(
        _sentence(f"{service} refused: {said.rstrip('.')} ({named}).", row.advice),
        service=service,
        error_type=answer.error_type,
        code=answer.error_code,
        retryable=_retryable(row.retry),
        request_id=answer.request_id,
    )
    return Failed(error, row.retry)


def refused_handshake(status: int, reason: str, *, service: str) -> Failed:
    """Return the Failed event for a websocket handshake that was answered with a status other than 101."""
    return refused(Refused(error_code=status, error_message=f"HTTP {status} {reason}".strip()), service=service)


def lost(why: str, *, service: str, retry: Retry = Retry.BACKOFF) -> Failed:
    """Return the Failed event for a connection that broke, fell silent or ended too early."""
    return Failed(Unavailable(f"{service}: {why}", service=service, retryable=True), retry)


def _retryable(retry: Retry) -> bool:
    return retry in (Retry.NOW, Retry.BACKOFF, Retry.LONG_BACKOFF)


def _sentence(said: str, advice: str) -> str:
    return f"{said} {advice}" if advice else said
