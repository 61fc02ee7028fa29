"""The control messages of chan_websocket (pure). For example, an event and a command, each in JSON and in plain text:

    {"event":"STATUS","channel_id":"1.5","queue_length":75}      {"command":"MARK_MEDIA","correlation_id":"7.3200"}
    STATUS queue_length:75                                       MARK_MEDIA 7.3200

Asterisk's settings determine a connection's format (`f(json)` in the dialplan), and the first message shows which it
is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final

from voicekit.errors import ConfigError, RemoteProtocolError

LONGEST_EVENT: Final = 64 * 1024
"""The maximum number of characters in an event. Most have a few hundred; MEDIA_START also has all channel variables."""

LONGEST_COMMAND: Final = 120
"""The maximum number of characters in a command: Asterisk silently ignores commands of more than 128."""

_EVENT = re.compile(r"[A-Z][A-Z_]{1,40}")

Control = tuple[str, Mapping[str, object]]
"""A name, such as MEDIA_START, and its fields."""


def is_json(text: str) -> bool:
    return text.lstrip().startswith("{")


def read_event(text: str) -> Control:
    """The name and the fields of an event. If the text is not an event, raises RemoteProtocolError without
    quoting it.
    """
    if len(text) > LONGEST_EVENT:
        raise RemoteProtocolError(f"chan_websocket: expected at most {LONGEST_EVENT} characters, got {len(text)}")
    return _read_json(text) if is_json(text) else _read_plain(text)


def command(name: str, correlation_id: str = "", *, as_json: bool) -> str:
    """A command in the connection's own format. Raises ConfigError if it is so long that Asterisk would ignore it."""
    if as_json:
        fields = {"command": name} | ({"correlation_id": correlation_id} if correlation_id else {})
        text = json.dumps(fields, separators=(",", ":"))
    else:
        text = f"{name} {correlation_id}".strip()
    if len(text) > LONGEST_COMMAND:
        raise ConfigError(
            f"chan_websocket: expected a command of at most {LONGEST_COMMAND} characters, got {len(text)}"
        )
    return text


def read_command(text: str) -> tuple[str, str]:
    """The name and the id in a command, as Asterisk reads them."""
    if is_json(text):
        fields = json.loads(text)
        return str(fields["command"]), str(fields.get("correlation_id", ""))
    name, _, correlation_id = text.partition(" ")
    return name, correlation_id


def _read_json(text: str) -> Control:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise RemoteProtocolError(
            f"chan_websocket: expected JSON, got {len(text)} characters that are not JSON"
        ) from None
    name = value.get("event") if isinstance(value, dict) else None
    if not isinstance(name, str) or not _EVENT.fullmatch(name):
        raise RemoteProtocolError("chan_websocket: expected an object with the name of an event, got one without")
    return name, {key: field for key, field in value.items() if key != "event"}


def _read_plain(text: str) -> Control:
    name, *words = text.split()[:64] or [""]
    if not _EVENT.fullmatch(name):
        raise RemoteProtocolError("chan_websocket: expected the name of an event first, got something else")
    pairs = [word.partition(":") for word in words]
    fields: dict[str, object] = {key: value for key, colon, value in pairs if colon}
    bare = [word for word in words if ":" not in word]
    return name, ({"correlation_id": bare[0]} | fields if bare else fields)
