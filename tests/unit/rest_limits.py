"""Holds requests against the table of limits in tests/data, which is ours, written by hand beside the reference."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from voicekit.testing.soniox.rest import Seen

TABLE: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "data" / "soniox_rest_limits.json").read_text(encoding="utf-8")
)


def out_of_bounds(requests: Iterable[Seen]) -> list[str]:
    """What is wrong with each request: unknown fields, missing ones, and those that break their limits.

    The fields of a form are known at its end: one that was broken off can't be judged.
    """
    whole = [request for request in requests if request.upload is None or request.status is not None]
    return [f"{request.method} {request.target}: {fault}" for request in whole for fault in faults(request)]


def row_of(method: str, path: str) -> str | None:
    """The row for a request; words before placeholders."""
    rows = [row for row in TABLE if re.fullmatch(re.escape(row).replace(r"\{id\}", "[^/]+"), f"{method} {path}")]
    return min(rows, key=lambda row: row.count("{id}"), default=None)


def faults(request: Seen) -> list[str]:
    split = urlsplit(request.target)
    row = row_of(request.method, split.path)
    if row is None:
        return ["no such endpoint"]
    table = TABLE[row]
    query = {name: values if len(values) > 1 else values[0] for name, values in parse_qs(split.query).items()}
    found = _part("query", query, table.get("query", {}))
    found += _part("body", json.loads(request.body or b"{}"), table.get("body", {}))
    if request.upload is not None:
        found += _part("form", request.upload.fields, table.get("form", {}))
        if request.upload.size > table["file"]["max_bytes"]:
            found.append(f"a file of {request.upload.size} bytes")
    chosen = table.get("one_of", [])
    if chosen and sum(name in json.loads(request.body) for name in chosen) != 1:
        found.append(f"not one of {chosen}")
    return found


def _part(where: str, said: dict[str, Any], table: dict[str, Any]) -> list[str]:
    unknown = [f"{where}.{name} is not in the table" for name in said if name not in table]
    missing = [
        f"{where}.{name} is missing" for name, rule in table.items() if rule.get("required") and name not in said
    ]
    values = [(name, value) for name, value in said.items() if name in table]
    wrong = [
        f"{where}.{name}={value!r} breaks {rule}"
        for name, value in values
        for rule in _broken(name, value, said, table)
    ]
    return unknown + missing + wrong


def _broken(name: str, value: Any, said: dict[str, Any], table: dict[str, Any]) -> list[str]:
    """The rules of a field that its value breaks."""
    items = value if isinstance(value, list) else [value]
    checks: dict[str, Callable[[Any], bool]] = {
        "max_items": lambda most: len(items) <= most,
        "max_length": lambda most: all(len(item) <= most for item in items),
        "min_length": lambda least: len(value) >= least,
        "max_bytes": lambda most: len(value.encode()) <= most,
        "min": lambda least: float(value) >= least,
        "max": lambda most: float(value) <= most,
        "one_of": lambda allowed: value in allowed,
        "pattern": lambda pattern: re.search(pattern, value) is not None,
        "type": lambda kind: isinstance(value, bool),
        "keys": lambda keys: set(value) <= set(keys),
        "time": lambda _: datetime.fromisoformat(value).tzinfo is not None,
        "max_days_after": lambda days: all(_days(said[since], value) <= most for since, most in days.items()),
        "required": lambda _: value is not None,
    }
    return [rule for rule, bound in table[name].items() if not checks[rule](bound)]


def _days(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds() / 86_400
