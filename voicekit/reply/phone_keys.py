"""Finds the telephone keys at the end of a turn's text (pure)."""

from __future__ import annotations

PHONE_KEYS = "0123456789*#ABCD"
KEYED = ("dtmf", "keys")
"""The reasons of turns that contain keys, or that come because no key was pressed."""


def keys_at_the_end(text: str) -> str:
    """The keys at the end of `text` (one key per word), joined into one string.

    >>> keys_at_the_end("my number is 5 5 #")
    '55#'
    """
    keys = ""
    for word in reversed(text.split()):
        if len(word) != 1 or word not in PHONE_KEYS:
            break
        keys = word + keys
    return keys
