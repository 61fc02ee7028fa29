"""Answers as plain JSON, for command lines and logs."""

from __future__ import annotations

from typing import Any

import msgspec


def as_json(what: Any, indent: int = 2) -> str:
    """Structures of the service, and lists and dicts of them, as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(what), indent=indent).decode()
