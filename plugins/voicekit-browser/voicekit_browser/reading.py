"""Reads the fields of an untrusted message. A field that is not valid raises RemoteProtocolError."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from voicekit.errors import RemoteProtocolError

MOST_SAMPLES = 1 << 40
"""The largest valid count."""


def text(value: Mapping[str, Any], key: str, most: int) -> str:
    """The text in the field `key`, of at most `most` characters; "" if there is none."""
    found = value.get(key, "")
    if not isinstance(found, str) or len(found) > most:
        raise RemoteProtocolError(f"expected {key!r} to be text of at most {most} characters, got something else")
    return found


def whole(value: Mapping[str, Any], key: str, default: int | None = None) -> int:
    """The count in the field `key`: 0 or more."""
    found = value.get(key, default)
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found < MOST_SAMPLES:
        raise RemoteProtocolError(f"expected {key!r} to be a whole number of at least 0, got something else")
    return found


def dumped(**fields: object) -> str:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
