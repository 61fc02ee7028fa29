"""What a service's refusal means: which error, whether trying again helps, and never with the key in it."""

from __future__ import annotations

import pytest

from voicekit.errors import QuotaExceeded, ServiceError, Unauthenticated, Unavailable
from voicekit.llm.faults import FIRST_DELAY, refused, retry_after, told, wait_before_retry
from voicekit.llm.messages import ModelFault
from voicekit.llm.model import ModelEndpoint
from voicekit_openai.chat import ChatModel

MODEL = ChatModel("m", ModelEndpoint("http://localhost/v1", key="sk-secret"), {})


@pytest.mark.parametrize(
    ("status", "error_type", "kind", "retryable"),
    [
        (401, "invalid_api_key", Unauthenticated, False),
        (401, "invalid_request_error", Unauthenticated, False),
        (403, None, Unauthenticated, False),
        (402, None, QuotaExceeded, False),
        (429, "rate_limit_error", QuotaExceeded, True),
        (429, "insufficient_quota", QuotaExceeded, False),
        (429, None, QuotaExceeded, True),
        (400, "invalid_request_error", ServiceError, False),
        (400, "content_filter", ServiceError, False),
        (404, None, ServiceError, False),
        (408, None, Unavailable, True),
        (500, None, Unavailable, True),
        (529, "overloaded_error", Unavailable, True),
        (None, "overloaded_error", Unavailable, True),
        (None, "a new word", ServiceError, False),
        (418, "a new word", ServiceError, False),
        (599, "a new word", Unavailable, True),
    ],
)
def test_a_refusal_becomes_an_error(
    status: int | None, error_type: str | None, kind: type[ServiceError], retryable: bool
) -> None:
    """The service's word decides, else the number; whatever is unknown has a meaning, too."""
    fault = ModelFault("Key sk-secret is no good.", error_type)
    error = refused(MODEL, fault, status, {"x-request-id": "r1"})
    assert type(error) is kind
    assert (error.retryable, error.code, error.error_type, error.request_id) == (retryable, status, error_type, "r1")
    assert "Key [key] is no good." in str(error)
    assert "sk-secret" not in f"{error!r} {MODEL.request!r}"


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (
            b'{"error": {"message": "No.", "type": "t", "code": "insufficient_quota"}}',
            ModelFault("No.", "insufficient_quota"),
        ),
        (b'{"error": {"message": "No.", "type": "t", "code": "other"}}', ModelFault("No.", "t")),
        (b'{"error": {"message": "No.", "code": 429}}', ModelFault("No.", None)),
        (b'{"error": "No."}', ModelFault("No.")),
        (
            b'{"type": "error", "error": {"type": "t", "message": "No."}, "request_id": "r"}',
            ModelFault("No.", "t", "r"),
        ),
        (b'{"id": "chatcmpl-1"}', None),
        (b"<html>\xff", None),
    ],
)
def test_an_error_is_read_from_any_body(body: bytes, fault: ModelFault | None) -> None:
    """Both vendors' shapes, and those that servers of one's own have, are read; what tells no error tells none."""
    assert told(body) == fault


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "2"}, 2.0),
        ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "Sun, 22 Nov 2026 20:00:00 GMT"}, None),
        ({}, None),
    ],
)
def test_the_wait_that_is_asked_for(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds and milliseconds are understood; a date is not, since nothing here reads a wall clock."""
    assert retry_after(headers) == seconds


def test_the_back_off_doubles_and_spreads() -> None:
    """Without a wish of the service's the wait doubles, and is spread over its upper half."""
    assert [wait_before_retry(failures, None, lambda: 0.0) for failures in (1, 2, 3)] == [
        FIRST_DELAY / 2,
        FIRST_DELAY,
        FIRST_DELAY * 2,
    ]
    assert wait_before_retry(1, None, lambda: 1.0) == FIRST_DELAY
    assert wait_before_retry(5, 0.7, lambda: 0.5) == 0.7
