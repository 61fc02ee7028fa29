"""The errors for unexpected answers. Pure; `voicekit.soniox.api.errors` has the table of errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final

import msgspec

from voicekit.errors import FieldError, ProtocolError, RemoteProtocolError, ServiceError
from voicekit.soniox.api import errors
from voicekit.soniox.api.wire import Refused as RefusedFrame
from voicekit.soniox.rest.schema.answers import RestError

SERVICE: Final = "Soniox"
QUOTED: Final = 80  # the maximum number of characters that an error quotes from an answer
LOOKED_AT: Final = 64 * 1024  # the maximum number of bytes of an answer that are searched for API keys

_decoder = msgspec.json.Decoder(RestError)


def refused(status: int, body: bytes, *, redact: Callable[[str], str] = errors.as_said) -> errors.Failed:
    """Return the Failed event for an error answer in any known format. If the format is unknown, the HTTP status
    decides."""
    said = errors.cleaned(_read(body), redact)
    wrong = [errors.cleaned(one, redact) for one in said.validation_errors or ()]
    fields = [FieldError(one.location, one.error_type, one.message) for one in wrong]
    message = said.message or said.error_message or _without_words(status, body, redact)
    parts = [message.rstrip("."), *(f"{field.location}: {field.message.rstrip('.')}" for field in fields)]
    frame = RefusedFrame(
        error_code=said.status_code or said.error_code or status,
        error_type=said.error_type,
        error_message="; ".join(parts),
        request_id=said.request_id,
    )
    failed = errors.refused(frame, service=SERVICE, redact=redact)  # redacts again: joining may have completed a key
    if isinstance(failed.error, ServiceError):
        failed.error.validation_errors = tuple(fields)
        failed.error.more_info = said.more_info
    return failed


def unexpected(
    status: int, headers: Mapping[str, str], body: bytes, wanted: str, *, redact: Callable[[str], str] = errors.as_said
) -> ProtocolError:
    """The error for an answer that the API itself never gives: a web page, a redirect, or nothing at all."""
    kind = redact(headers.get("content-type", "")).partition(";")[0][:QUOTED] or "no content type"
    if 300 <= status < 400:
        where = redact(headers.get("location", "nowhere"))[: 4 * QUOTED]
        return RemoteProtocolError(
            f"{SERVICE}: expected {wanted}, got {status}, which leads to {where}. Either the address "
            "of the service is wrong, "
            "or something in between catches requests; keys are not sent elsewhere."
        )
    got = f"{kind}, {_quoted(body, redact)}" if body else "an empty body"
    return RemoteProtocolError(f"{SERVICE}: expected {wanted}, got {status} with {got}")


def _read(body: bytes) -> RestError:
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return RestError()


def _without_words(status: int, body: bytes, redact: Callable[[str], str]) -> str:
    known = status in HTTPStatus._value2member_map_
    phrase = HTTPStatus(status).phrase if known else "an unknown status"
    return f"HTTP {status} {phrase}" + (f", with {_quoted(body, redact)}" if body else "")


def _quoted(body: bytes, redact: Callable[[str], str]) -> str:
    """The beginning of the answer. It is redacted before it is cut, because half a key could not be recognised."""
    text = redact(body[:LOOKED_AT].decode("utf-8", "replace"))
    return f"{text[:QUOTED]!r}{'...' if len(text) > QUOTED else ''}"
