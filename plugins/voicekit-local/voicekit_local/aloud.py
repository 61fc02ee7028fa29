"""Turns complete text into words to read aloud: drops emoji, and writes out times, prices and addresses. Pure."""

from __future__ import annotations

from typing import Any

from voicekit.contracts import Text
from voicekit.flow import StreamContext
from voicekit.reply import spoken_forms, strip_emoji


def aloud(text: str) -> Text:
    """The spoken form of an English `text`; each character of that form carries the position in `text` that it comes
    from.

    >>> aloud("At 3:05 p.m.").text
    'At three oh five P M.'
    """
    return _through(_through(Text.raw(text, 0), strip_emoji()), spoken_forms())


def _through(text: Text, part: Any) -> Text:
    """Apply a transform to the whole of `text`."""
    transform = part.start(StreamContext())
    whole = Text("", ())
    for item in (*transform.feed(text), *transform.finish()):
        whole += item
    return whole
