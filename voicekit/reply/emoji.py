"""Removes emoji, which a voice would skip, read out by name ("grinning face") or stumble over.

It removes emoji, symbols and dingbats, and the characters that only modify them (skin tones, joiners, selectors,
flags). It keeps letters and signs that are read aloud: the digits of keycaps, circled numbers, musical sharps and
flats, (c), TM, arrows. The space around an emoji is removed with it.
"""

from __future__ import annotations

import re
from typing import Any

from voicekit.contracts import Text
from voicekit.flow.transform import TransformPart
from voicekit.reply.text import Rewriting, joined

_EMOJI = re.compile(
    "["
    "\U0001f000-\U0001faff"  # pictographs, faces, transport, flags, skin tones, game pieces
    "\U000e0020-\U000e007f"  # tags, which spell the flags of Scotland, Wales, ...
    "\u2600-\u266c\u2670-\u2775\u2795-\u2797\u27a1\u27b0\u27bf"  # symbols and dingbats, except those that are kept
    "\u231a\u231b\u2328\u23cf\u23e9-\u23fa\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55"
    "\ufe0e\ufe0f\u20e3"  # variation selectors and the enclosing keycap mark
    "]"
)
_JOINER = "\u200d"  # the joiner inside emoji; elsewhere it belongs to a script (Hindi, Sinhala, ...)


def strip_emoji() -> TransformPart[Any, Any]:
    """A transform that removes emoji from Text; it holds nothing back.

    >>> from voicekit.contracts import Text
    >>> from voicekit.flow import StreamContext
    >>> [text.text for text in strip_emoji().start(StreamContext()).feed(Text.raw("Hi 👋 there", 0))]
    ['Hi there']
    """
    return TransformPart("strip emoji", lambda context: Rewriting(_Emoji()))


class _Emoji:
    __slots__ = ("_after_emoji", "_after_space")

    def __init__(self) -> None:
        self._after_emoji = False
        self._after_space = True

    def step(self, held: Text, last: bool) -> tuple[int, Text] | None:
        if not self._after_emoji and _EMOJI.search(held.text) is None:
            self._after_space = held.text[-1].isspace()
            return len(held), held
        return len(held), joined(held.part(at, at + 1) for at, char in enumerate(held.text) if self._keeps(char))

    def _keeps(self, char: str) -> bool:
        if _EMOJI.match(char) or (self._after_emoji and char == _JOINER):
            self._after_emoji = True
            return False
        if self._after_emoji and self._after_space and char == " ":
            return False
        self._after_emoji = False
        self._after_space = char.isspace()
        return True
