"""Parses a text message of a wire as a JSON object: the first step for all wires that use JSON (pure)."""

from __future__ import annotations

import json
from typing import Any

from voicekit.call.wire import WireMessage
from voicekit.errors import RemoteProtocolError

LONGEST_MESSAGE = 256 * 1024
"""The maximum number of characters in a message that is parsed; carriers and pages send a few hundred."""


def read_object(message: WireMessage, wire: str) -> dict[str, Any]:
    """The JSON object in a text message. Raises RemoteProtocolError for anything else. No error quotes the message."""
    if not isinstance(message, str):
        raise RemoteProtocolError(f"{wire}: expected a text message, got a binary one of {len(message)} bytes")
    if len(message) > LONGEST_MESSAGE:
        raise RemoteProtocolError(
            f"{wire}: expected a message of at most {LONGEST_MESSAGE} characters, got {len(message)}"
        )
    try:
        value = json.loads(message)
    except (ValueError, RecursionError):
        raise RemoteProtocolError(f"{wire}: expected JSON, got {len(message)} characters that are not JSON") from None
    if not isinstance(value, dict):
        raise RemoteProtocolError(f"{wire}: expected a JSON object, got {type(value).__name__}")
    return value
