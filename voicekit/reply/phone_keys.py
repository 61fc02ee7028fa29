"""The keys of a telephone, and which of them a turn ends with (pure)."""

from __future__ import annotations

PHONE_KEYS = "0123456789*#ABCD"
KEYED = ("dtmf", "keys")
"""The reasons of a turn in which keys were pressed, or should have been."""


def keys_at_the_end(text: str) -> str:
    """The keys that `text` ends with, one a word, in a row.

    >>> keys_at_the_end("my number is 5 5 #")
    '55#'
    """
    keys = ""
    for word in reversed(text.split()):
        if len(word) != 1 or word not in PHONE_KEYS:
            break
        keys = word + keys
    return keys
