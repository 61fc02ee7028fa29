"""Rewrites text while it streams. How the stream happens to be split makes no difference to the result.

A handler may emit "$5.50" in one piece or in five tokens; the spoken text must be the same. So each rewriter decides
from the characters alone whether to rewrite some of them or to wait for more. Meanwhile the text is held back, within a
limit, until more text arrives, the stream ends, or the handler takes a *breath*: an empty Text, which releases
everything and is passed on, so that a slow tool call does not leave half a sentence unspoken.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, Protocol

from voicekit.contracts import Text

NOTHING = Text("", ())
"""No text; from a handler's stage, this is a breath."""


class Rewriter(Protocol):
    """The rule by which one transform rewrites text, with the state that the rule needs."""

    def step(self, held: Text, last: bool) -> tuple[int, Text] | None:
        """Return how many characters of `held` to consume (at least one) and their replacement, or None to wait for
        more.

        `held` is never empty. If `last` is true, no more text arrives before a pause or the end, so hold back only text
        that must wait even then.
        """
        ...


class Rewriting:
    """A transform that applies a rewriter to Text; items of other types are passed on unchanged.

    If `whole` is true, each result of the rewriter is a separate item; otherwise, all results for one item are joined.
    """

    __slots__ = ("_held", "_rewriter", "_whole")

    def __init__(self, rewriter: Rewriter, *, whole: bool = False) -> None:
        self._rewriter = rewriter
        self._whole = whole
        self._held = NOTHING

    def feed(self, item: Any) -> Iterable[Any]:
        if not isinstance(item, Text):
            return (item,)
        if not item.text:
            return (*self._rewritten(last=True), item)
        self._held += item
        return self._rewritten(last=False)

    def finish(self) -> Iterable[Any]:
        return self._rewritten(last=True)

    def _rewritten(self, last: bool) -> Sequence[Text]:
        said: list[Text] = []
        while self._held.text and (step := self._rewriter.step(self._held, last)) is not None:
            consumed, text = step
            assert consumed > 0, f"{self._rewriter!r} would consume nothing for ever"
            self._held = self._held.part(consumed, len(self._held))
            if text.text:
                said.append(text)
        return said if self._whole or len(said) < 2 else (joined(said),)


def joined(texts: Iterable[Text]) -> Text:
    """Join several Texts into one."""
    texts = list(texts)
    return Text("".join(text.text for text in texts), tuple(chain.from_iterable(text.to for text in texts)))


def spoken_as(words: str, source: Text) -> Text:
    """The Text `words` in place of `source`; as soon as any of `words` is heard, all of `source` counts as heard."""
    return Text(words, source.to[-1:] * len(words))
