"""Names: which are valid, what to suggest for an unknown one, and which ones mark their values as secret."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

from voicekit.errors import PluginError

_NAME = re.compile(r"[a-z][a-z0-9_-]*")

_SECRET = re.compile(r"key|token|secret|password", re.IGNORECASE)


def check_name(name: object, what: str) -> None:
    """Raise PluginError unless `name` can be used in a setting, a flag and a comma-separated list."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise PluginError(f"{what} name: expected a lower-case letter, then a-z, 0-9, '_' or '-', got {name!r}")


def guess(name: str, known: Iterable[str]) -> str:
    """A suggestion in case `name` was mistyped; empty if no known name is close to it."""
    close = get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def shown(name: str, value: object) -> str:
    """The repr of `value`, or stars if `name` marks it as secret."""
    return "'***'" if _SECRET.search(name) else repr(value)
