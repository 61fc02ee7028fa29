"""Text as it is read aloud, all of it at once: no emoji, and times, prices, addresses and the like as words. Pure."""

from __future__ import annotations

from typing import Any

from voicekit.contracts import Text
from voicekit.flow import StreamContext
from voicekit.reply import spoken_forms, strip_emoji


def aloud(text: str) -> Text:
    """What is spoken for an English `text`; each of its characters knows up to where it says it.

    >>> aloud("At 3:05 p.m.").text
    'At three oh five P M.'
    """
    return _through(_through(Text.raw(text, 0), strip_emoji()), spoken_forms())


def _through(text: Text, part: Any) -> Text:
    """`text` through a transform, whole."""
    transform = part.start(StreamContext())
    whole = Text("", ())
    for item in (*transform.feed(text), *transform.finish()):
        whole += item
    return whole
