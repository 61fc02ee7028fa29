"""The service's errors: every row of the table, and when to try again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicekit.errors import QuotaExceeded, ServiceError, Unauthenticated, Unavailable
from voicekit.soniox.api.errors import RULES, TYPE_OF_CODE, Failed, Retry, lost, refused, refused_handshake, rule
from voicekit.soniox.api.wire import Refused
from voicekit.soniox.server.refusal import CODES

ROWS = [
    ("invalid_request", 400, ServiceError, Retry.NEVER),
    ("model_not_available", 400, ServiceError, Retry.NEVER),
    ("invalid_stream_state", 400, ServiceError, Retry.NEVER),
    ("max_concurrent_streams_reached", 400, ServiceError, Retry.NEVER),
    ("unauthenticated", 401, Unauthenticated, Retry.NEW_KEY),
    ("organization_balance_exhausted", 402, QuotaExceeded, Retry.NEVER),
    ("organization_monthly_budget_exhausted", 402, QuotaExceeded, Retry.NEVER),
    ("project_monthly_budget_exhausted", 402, QuotaExceeded, Retry.NEVER),
    ("temp_api_key_session_expired", 403, Unauthenticated, Retry.NEW_KEY),
    ("permission_denied", 403, Unauthenticated, Retry.NEVER),
    ("request_timeout", 408, Unavailable, Retry.BACKOFF),
    ("voice_not_prepared", 409, ServiceError, Retry.NEVER),
    ("voice_name_conflict", 409, ServiceError, Retry.NEVER),
    ("max_duration_reached", 413, Unavailable, Retry.NOW),
    ("max_audio_duration_reached", 413, Unavailable, Retry.NOW),
    ("limit_exceeded", 429, QuotaExceeded, Retry.LONG_BACKOFF),
    ("internal_error", 500, Unavailable, Retry.BACKOFF),
    ("service_unavailable", 503, Unavailable, Retry.NOW),
    ("voice_failed", 503, ServiceError, Retry.NEVER),
]


def test_the_rows_are_the_whole_table() -> None:
    """Every row of the table is tested, and the server role knows the number of each."""
    assert {row[0] for row in ROWS} == set(RULES)
    assert {row[0]: row[1] for row in ROWS} == CODES


@pytest.mark.parametrize(("error_type", "code", "error", "retry"), ROWS)
def test_an_error_frame_becomes_its_exception(
    error_type: str, code: int, error: type[ServiceError], retry: Retry
) -> None:
    """Type, number, request id and the service's sentence arrive in the exception, with the retry class of its row."""
    answer = Refused(error_type=error_type, error_code=code, error_message="It broke.", request_id="r-1")
    failed = refused(answer, service="Soniox speech-to-text")
    assert isinstance(failed.error, ServiceError)
    assert type(failed.error) is error
    assert failed.retry is retry
    assert (failed.error.error_type, failed.error.code, failed.error.request_id) == (error_type, code, "r-1")
    assert failed.error.retryable is (retry in (Retry.NOW, Retry.BACKOFF, Retry.LONG_BACKOFF))
    assert str(failed.error).startswith(f"Soniox speech-to-text refused: It broke ({code} {error_type}).")


@pytest.mark.parametrize("code", TYPE_OF_CODE)
def test_a_number_alone_is_enough(code: int) -> None:
    """Old frames and refused handshakes have no type: the number finds the row."""
    assert rule(None, code) is RULES[TYPE_OF_CODE[code]]
    assert refused_handshake(code, "No", service="s").retry is RULES[TYPE_OF_CODE[code]].retry


def test_what_nobody_knows_has_a_rule_too() -> None:
    """An unknown type is judged by its number, and an unknown number by its hundreds."""
    assert rule("brand_new", 429).retry is Retry.LONG_BACKOFF
    assert rule("brand_new", 599).retry is Retry.BACKOFF
    assert rule("brand_new", 418).retry is Retry.NEVER
    assert rule(None, None).retry is Retry.NEVER


def test_the_advice_names_what_to_do() -> None:
    """A mistyped key, an exhausted budget and a wrong region each end with one clear sentence."""
    said = str(refused(Refused(error_code=401, error_message="Incorrect API key"), service="s").error)
    assert "Check SONIOX_API_KEY" in said
    assert "region" in said
    said = str(refused(Refused(error_type="project_monthly_budget_exhausted"), service="s").error)
    assert "raise the budget" in said


def test_a_key_in_the_services_words_is_redacted() -> None:
    """What the service says goes through the redacting function before it is anywhere else."""
    answer = Refused(error_code=401, error_message="Incorrect API key: abc")
    failed = refused(answer, service="s", redact=lambda text: text.replace("abc", "[key]"))
    assert "abc" not in str(failed.error)


def test_a_lost_connection_is_unavailable_and_tried_again() -> None:
    """Silence and breakage are Unavailable, retryable, with no type of the service's."""
    failed = lost("the connection was closed", service="Soniox text-to-speech")
    assert isinstance(failed.error, Unavailable)
    assert failed.error.retryable
    assert failed.error.error_type is None
    assert failed.retry is Retry.BACKOFF


def after(retry: Retry, failures: int, roll: float, *, new_keys: bool = True) -> float | None:
    waits = Failed(Unavailable("no", service="s"), retry).waits(new_keys=new_keys)
    return None if waits is None else waits.after(failures, roll)


@given(st.sampled_from(Retry), st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_waits_are_bounded(retry: Retry, failures: int, roll: float) -> None:
    """However many failures there were, a wait is at most half a minute, and never negative."""
    wait = after(retry, failures, roll)
    assert wait is None or 0 <= wait <= 30


def test_each_kind_of_retry() -> None:
    """At once, soon, later or never; and with a new key only once, and only if each connection has one."""
    assert [after(Retry.BACKOFF, n, 0.999999) for n in (1, 2, 3)] == pytest.approx([0.2, 0.4, 0.8], abs=0.001)
    assert [after(Retry.NOW, n, 0.0) for n in (1, 2)] == pytest.approx([0.0, 0.2])
    assert [after(Retry.NEW_KEY, n, 0.0) for n in (1, 2)] == [0.0, None]
    assert after(Retry.NEW_KEY, 1, 0.0, new_keys=False) is None
    assert after(Retry.NEVER, 1, 0.5) is None
    assert after(Retry.LONG_BACKOFF, 1, 0.0) == pytest.approx(1.0)
