"""Reads a carrier's JSON leniently: numbers may be text, fields may be missing, and unknown fields are ignored."""

from __future__ import annotations

import base64
import binascii
import json
from array import array
from collections.abc import Mapping
from typing import Any

from voicekit.call.info import CallEnd, EndReason, Known
from voicekit.call.json_object import read_object as read_object
from voicekit.call.wire import WireEnded, WireNotice
from voicekit.errors import RemoteProtocolError

KINDS = frozenset({
    "connected", "start", "media", "dtmf", "mark", "stop", "error",
    "playFailed", "playDone", "playback_started", "clear_ack",
    "open", "ping", "paused", "resumed", "update", "close", "discarded",
    "websocket:connected",
})  # fmt: skip
"""The kinds of messages that a notice may name. Any other word from a carrier could be a caller's name or number.
"""

GOODBYES = frozenset({"callended", "completed", "disconnect", "end", "error", "reconnect", "timeout", "unauthorized"})
"""The carriers' words for the end of a call. Any other word is left out: it could be a caller's name or number."""


def part(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The object under `name`; an empty one if there is none."""
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def text(value: Mapping[str, Any], *names: str) -> str:
    """The value of the first of `names` that is present, as text; "" if none is present."""
    for name in names:
        found = value.get(name)
        if isinstance(found, str):
            return found
        if isinstance(found, int | float) and not isinstance(found, bool):
            return str(found)
    return ""


def whole(value: Mapping[str, Any], *names: str) -> int | None:
    """The value of the first of `names` that is present, as an integer; None if there is no such number."""
    try:
        return int(text(value, *names) or "-")
    except ValueError:
        return None


def payload(value: Mapping[str, Any], wire: str, sample_bytes: int = 1) -> bytes:
    """The audio under "payload", in whole samples: an incomplete sample at the end is dropped. Raises
    RemoteProtocolError if there is no audio.
    """
    try:
        sound = base64.b64decode(text(value, "payload"), validate=True)
    except (binascii.Error, ValueError):
        raise RemoteProtocolError(f"{wire}: expected sound in base64, got something else") from None
    return sound[: len(sound) - len(sound) % sample_bytes]


def dumped(**fields: Any) -> str:
    """A JSON message from us, without white space."""
    return json.dumps(fields, separators=(",", ":"))


def base64_of(pcm: bytes) -> str:
    return base64.b64encode(pcm).decode("ascii")


def swapped(pcm: bytes) -> bytes:
    """16-bit samples in the other byte order."""
    samples = array("h", pcm)
    samples.byteswap()
    return samples.tobytes()


def known(value: str) -> Known | None:
    """`value` as a claimed (unverified) fact; None if `value` is empty."""
    return Known(value) if value else None


def end_of(stopped: bool, code: int | None) -> WireEnded:
    """What a closed connection means: if there was a goodbye, the caller has hung up; otherwise the call was lost."""
    return WireEnded(CallEnd(EndReason.CALLER if stopped else EndReason.LOST, "" if code is None else str(code)))


def passed_over(kind: str) -> WireNotice:
    """The notice that a message was ignored; it names the message's kind only if carriers document that kind."""
    return WireNotice(f"message {kind!r} passed over" if kind in KINDS else "a message of an unknown kind passed over")


def goodbye(value: Mapping[str, Any]) -> str:
    """The value that the carrier sent under "reason" if it is in GOODBYES, else ""."""
    word = text(value, "reason")
    return word if word in GOODBYES else ""
