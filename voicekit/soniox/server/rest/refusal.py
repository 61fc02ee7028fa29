"""The errors of the REST API as the service sends them, in two formats: one for the API and one for speech."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from voicekit.soniox.rest.schema.answers import Violation
from voicekit.soniox.server.refusal import CODES, MORE_INFO, Refusal

REST_CODES: Final[dict[str, int]] = {
    **CODES,
    "invalid_cursor": 400,
    "invalid_audio_file": 400,
    "file_not_found": 404,
    "transcription_not_found": 404,
    "voice_not_found": 404,  # our choice: the service's own status is not known
    "not_found": 404,  # an address that does not exist; our choice: the service's own status is not known
    "method_not_allowed": 405,  # our choice: the service's own status is not known
    "transcription_invalid_state": 409,
}


class Problem(Exception):
    """Why a request is refused. `error_type` is one of the keys of REST_CODES; `wrong` names the invalid fields."""

    def __init__(self, error_type: str, message: str, wrong: Iterable[Violation] = ()) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.message = message
        self.wrong = tuple(wrong)
        self.status = REST_CODES[error_type]

    @classmethod
    def of(cls, refusal: Refusal) -> Problem:
        return cls(refusal.error_type, refusal.message)

    def body(self, request_id: str) -> dict[str, Any]:
        """The error in the API's format."""
        return {
            "status_code": self.status,
            "error_type": self.error_type,
            "message": self.message,
            "validation_errors": self.wrong,
            "request_id": request_id,
            "more_info": _link(self.error_type),
        }

    def speech_body(self, request_id: str) -> dict[str, Any]:
        """The error in the speech service's format."""
        return {
            "error_code": self.status,
            "error_type": self.error_type,
            "error_message": self.message,
            "more_info": _link(self.error_type),
            "request_id": request_id,
        }


def invalid(wrong: Iterable[Violation], message: str = "Request validation failed.") -> Problem:
    """The refusal of a request with invalid fields."""
    return Problem("invalid_request", message, wrong)


def _link(error_type: str) -> str:
    return MORE_INFO + error_type.replace("_", "-")
