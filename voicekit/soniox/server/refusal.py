"""The service's errors as it sends them: a type, its number, a message, a link and a request id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

CODES: Final[dict[str, int]] = {
    "invalid_request": 400,
    "model_not_available": 400,
    "invalid_stream_state": 400,
    "max_concurrent_streams_reached": 400,
    "unauthenticated": 401,
    "organization_balance_exhausted": 402,
    "organization_monthly_budget_exhausted": 402,
    "project_monthly_budget_exhausted": 402,
    "permission_denied": 403,
    "temp_api_key_session_expired": 403,
    "request_timeout": 408,
    "voice_not_prepared": 409,
    "voice_name_conflict": 409,
    "max_duration_reached": 413,
    "max_audio_duration_reached": 413,
    "limit_exceeded": 429,
    "internal_error": 500,
    "service_unavailable": 503,
    "voice_failed": 503,
}

MORE_INFO: Final = "https://soniox.com/docs/api-reference/errors#"
CLOSE_NORMAL: Final = 1000
"""The close code, even after errors: clients must look at frames, not at codes."""
CLOSE_GOING_AWAY: Final = 1001


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the service refuses a request. `error_type` is one of the keys of CODES."""

    error_type: str
    message: str

    def __post_init__(self) -> None:
        if self.error_type not in CODES:
            raise ValueError(f"error type: expected one of {', '.join(CODES)}, got {self.error_type!r}")

    def fields(self, request_id: str) -> dict[str, Any]:
        """The refusal as the fields of an error frame."""
        return {
            "error_code": CODES[self.error_type],
            "error_type": self.error_type,
            "error_message": self.message,
            "more_info": MORE_INFO + self.error_type.replace("_", "-"),
            "request_id": request_id,
        }


@dataclass(frozen=True, slots=True)
class CloseConnection:
    """How to close the socket after everything has been sent."""

    code: int = CLOSE_NORMAL
    reason: str = ""


def invalid(message: str) -> Refusal:
    """The refusal of an invalid request."""
    return Refusal("invalid_request", message)


def timeout(message: str) -> Refusal:
    return Refusal("request_timeout", message)
