"""RTVI's envelope and its versions (pure)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from voicekit.call.json_object import read_object
from voicekit.errors import RemoteProtocolError
from voicekit_browser.reading import text

LABEL: Final = "rtvi-ai"

VERSION: Final = "2.1.0"
"""Our version. We serve clients with the same major version and, using the old names, clients with version 1."""

ABOUT: Final = {"library": "voicekit"}

LONGEST_ID: Final = 200
LONGEST_TYPE: Final = 80


@dataclass(frozen=True, slots=True)
class RtviMessage:
    kind: str
    id: str
    data: Mapping[str, Any] = field(repr=False)


def read_message(data: str) -> RtviMessage | None:
    """The message in an envelope; None if the envelope is not RTVI's."""
    value = read_object(data, "rtvi")
    if value.get("label") != LABEL:
        return None
    body = value.get("data")
    number = value.get("id", "")
    return RtviMessage(
        text(value, "type", LONGEST_TYPE),
        text({"id": "" if number is None else number}, "id", LONGEST_ID),
        body if isinstance(body, dict) else {},
    )


def write_message(kind: str, data: Mapping[str, object] | None = None, id: str = "") -> str:  # noqa: A002  # RTVI's word
    """A message in its envelope; if it is an answer, `id` is the id of the client's message."""
    fields: dict[str, object] = {"label": LABEL, "type": kind}
    if id:
        fields["id"] = id
    if data is not None:
        fields["data"] = data
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"), default=str)


def agreed_version(theirs: object) -> str | None:
    """The version to use for a client whose version is `theirs`; None if we can't serve that client."""
    major = theirs.partition(".")[0] if isinstance(theirs, str) else ""
    if major == VERSION.partition(".")[0]:
        return VERSION
    return str(theirs) if major == "1" else None


def read_version(data: Mapping[str, Any]) -> object:
    """The version in a client-ready message; the first clients did not state a version, and used version 1."""
    return data.get("version", "1.0.0")


def expect_list(data: Mapping[str, Any], key: str, most: int) -> list[Any]:
    found = data.get(key)
    if not isinstance(found, list) or len(found) > most:
        raise RemoteProtocolError(f"rtvi: expected {key!r} to be a list of at most {most}, got something else")
    return found
