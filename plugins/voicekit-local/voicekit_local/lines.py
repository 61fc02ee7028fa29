"""Cuts text, which arrives in chunks of any length, into the pieces to speak. Pure.

A piece is spoken as soon as the next piece begins to arrive, or the text ends. Otherwise we wait a little for more
text: briefly after a full stop, and longer in the middle of a sentence, which is then cut at the last space.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Final

SENTENCE_S: Final = 0.25
"""Seconds to wait after the end of a sentence: "3." may continue with "5 dollars"."""

CLAUSE_S: Final = 1.0
"""Seconds to wait elsewhere, since more text usually comes sooner. The service also holds back short text."""

STOPS: Final = (".", "!", "?", "…", ":", ";", '."', '!"', '?"', ".)", "!)", "?)", "\n")

_TAG: Final = re.compile(r"\[[^\W\d_][^\W\d_ ]*(?:[ ,'\u2019-]+[^\W\d_]+)*\] ?")
"""A direction such as [slowly]: words in brackets that say how to speak, and are not spoken."""

_TAG_BEGUN: Final = re.compile(r"\[(?:[^\W\d_]|[ ,'\u2019-]){0,40}\]?$")


class Lines:
    """The text of one stream; the function `pieces` cuts text at natural pauses."""

    def __init__(self, pieces: Callable[[str], list[str]]) -> None:
        self._pieces = pieces
        self._text = ""
        self._held = ""  # text that may be the beginning of a direction such as [slowly]
        self._ended = False
        self._fed_at = 0.0

    def add(self, text: str, end: bool, now: float) -> None:
        self._ended = self._ended or end
        whole = self._held + text
        begun = None if self._ended else _TAG_BEGUN.search(whole)
        cut = len(whole) if begun is None else begun.start()
        self._held = whole[cut:]
        self._text += _TAG.sub("", whole[:cut])
        if text:
            self._fed_at = now

    @property
    def over(self) -> bool:
        """Whether all text has been taken, and no more will arrive."""
        return self._ended and not self._text

    @property
    def due_at(self) -> float:
        """When the next piece is due if no more text arrives; inf if there is no piece."""
        if self._ended:
            return -math.inf
        return self._fed_at + self._wait_s() if self._so_far() else math.inf

    def take(self, now: float) -> str | None:
        """The next piece to speak; None if no piece is due."""
        piece = self._next(now) if self._text else ""
        self._text = self._text[len(piece) :]
        return piece or None

    def _next(self, now: float) -> str:
        first, *rest = self._pieces(self._text)
        if rest or self._ended:
            return first
        return self._so_far() if now >= self.due_at else ""

    def _so_far(self) -> str:
        """The whole words so far, which can be spoken whatever text follows."""
        whole = self._at_stop or self._text.endswith(" ")
        text = self._text if whole else self._text[: self._text.rfind(" ") + 1]
        return text if text.strip() else ""

    def _wait_s(self) -> float:
        return SENTENCE_S if self._at_stop else CLAUSE_S

    @property
    def _at_stop(self) -> bool:
        return self._text.rstrip(" ").endswith(STOPS)
