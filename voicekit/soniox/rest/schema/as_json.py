"""Writes answers as plain JSON, for command lines and logs."""

from __future__ import annotations

from typing import Any

import msgspec


def as_json(what: Any, indent: int = 2) -> str:
    """Return `what` as indented JSON. It may consist of the service's structures, of lists and of dicts."""
    return msgspec.json.format(msgspec.json.encode(what), indent=indent).decode()
