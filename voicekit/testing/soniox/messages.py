"""Messages that a peer should never send, for `SayMessage`, and changes to normal messages, for `Change`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from voicekit.soniox.api.wire import Message

GARBAGE: Final = "not even JSON"
BINARY: Final = bytes(range(256))
"""A binary message, for a place in which text is expected."""
UNKNOWN: Final = {"from_the_future": {"level": 1, "marks": [None, "x"]}}


def huge(size: int = 10_000_000) -> str:
    """A message of `size` bytes that is valid but too large."""
    return '{"tokens":[],"padding":"' + "x" * size + '"}'


def nulled(*fields: str) -> Callable[[Message], Message]:
    """A change that sets `fields` to null in the message and in each of its tokens."""
    return _edited(lambda part: {**part, **dict.fromkeys(fields)})


def with_unknown_fields(message: Message) -> Message:
    """A change that adds an unknown field to the message and to each of its tokens."""
    return _edited(lambda part: {**part, **UNKNOWN})(message)


def out_of_order(message: Message) -> Message:
    """A change that reverses the order of the tokens: final tokens come after the others, and times go backwards."""
    return _edited(lambda part: {**part, "tokens": part["tokens"][::-1]} if "tokens" in part else part)(message)


def _edited(edit: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Message], Message]:
    def change(message: Message) -> Message:
        whole = msgspec.json.decode(message)
        if whole.get("tokens"):
            whole["tokens"] = [edit(token) for token in whole["tokens"]]
        return msgspec.json.encode(edit(whole)).decode()

    return change
