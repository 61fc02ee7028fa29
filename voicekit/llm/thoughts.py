"""Removes a model's thoughts from an answer, so that neither the voice nor the history gets them.

Local servers and gateways send thoughts as part of the text, between the model's own tags. The filter recognises the
tags of all common model families, however the stream splits them. Text is held back only while it may still turn out to
be a tag or a thought.
"""

# ruff: noqa: SIM905  # a list of words reads better as words

from __future__ import annotations

import re

_NAMES = frozenset(
    "think thinking thought thoughts reason reasoning reflection analysis scratchpad antthinking seed:think monologue "
    "inner_monologue internal_monologue inner_thoughts reasoning_content reasoning_process".split()
)

_OTHERS = {
    "[think]": "[/think]",
    "[thinking]": "[/thinking]",
    "◁think▷": "◁/think▷",
    "<|think|>": "<|/think|>",
    "<|thinking|>": "<|/thinking|>",
    "<|begin_of_thought|>": "<|end_of_thought|>",
    "<|start_thinking|>": "<|end_thinking|>",
    "<|channel|>analysis<|message|>": "<|end|>",
    "<|channel|>commentary<|message|>": "<|channel|>final<|message|>",
}
"""Opening tags that do not look like XML, and the tags that close them."""

_ALONE = ("<|start|>assistant", "<|return|>")
"""Marks around an answer that are not part of the answer."""

_ATTRIBUTES = r"\s[^<>]{0,100}"
_XML = "|".join(map(re.escape, sorted(_NAMES, key=len, reverse=True)))
_OPENING = re.compile(rf"<(?:{_XML})(?:{_ATTRIBUTES})?>|{'|'.join(map(re.escape, _OTHERS))}", re.IGNORECASE)
_TAG = re.compile(
    rf"</?(?:{_XML})(?:{_ATTRIBUTES})?/?>|{'|'.join(map(re.escape, (*_OTHERS, *_OTHERS.values(), *_ALONE)))}",
    re.IGNORECASE,
)
_WHOLE_TAGS = (
    *(f"<{name}/>" for name in _NAMES),
    *(f"<{name}>" for name in _NAMES),
    *(f"</{name}>" for name in _NAMES),
    *_OTHERS,
    *_OTHERS.values(),
    *_ALONE,
)
_IN_A_TAG = re.compile(rf"</?(?:{_XML}){_ATTRIBUTES}", re.IGNORECASE)
_BEGINS = re.compile(r"[<\[◁]")

LONGEST_TAG = 140
"""The maximum number of characters of a tag; anything longer is not a tag."""

MOST_DOUBT = 64 * 1024
"""The maximum number of characters that are held back because they may still turn out to be a thought."""


class ThoughtFilter:
    """The filter for one answer: `feed` takes the text as it arrives, and returns the part to be spoken.

    Thoughts may be nested, and a thought may mention its own tag. So text after a closing tag is held back. If another
    closing tag follows, the text was part of the thought; if the answer ends, the text was the answer. If a tag is
    never closed, the text after it is not spoken.
    """

    __slots__ = ("_behind_a_thought", "_depth", "_doubt", "_held", "_in_doubt", "_last")

    def __init__(self) -> None:
        self._held = ""
        self._depth = 0
        self._doubt = ""
        self._in_doubt = False  # whether text after a closing tag may belong to an outer thought
        self._behind_a_thought = False  # whether a thought has ended, and nothing has been spoken since
        self._last = " "  # the last spoken character

    def feed(self, text: str) -> str:
        """The part of `text`, and of the text held back so far, that can be spoken now."""
        held, said, at = self._held + text, "", 0
        for tag in _TAG.finditer(held):
            said += self._outside(held[at : tag.start()])
            self._pass_tag(tag[0])
            at = tag.end()
        cut = _where_a_tag_may_begin(held, at)
        self._held = held[cut:]
        return said + self._outside(held[at:cut])

    def finish(self) -> str:
        """The held text that turns out to be part of the answer. Afterwards the filter can be used again."""
        said = self._outside(self._held) + (self._doubt.lstrip() if self._depth else "")
        ThoughtFilter.__init__(self)
        return said

    def _outside(self, text: str) -> str:
        if self._depth:
            if self._in_doubt:
                self._doubt = (self._doubt + text)[:MOST_DOUBT]
            return ""
        if self._behind_a_thought and self._last.isspace():
            text = text.lstrip()
        if text:
            self._behind_a_thought, self._last = False, text[-1]
        return text

    def _pass_tag(self, tag: str) -> None:
        if _OPENING.fullmatch(tag) and not tag.endswith("/>"):
            self._depth += 1
        elif self._depth and tag.lower() not in _ALONE:
            self._depth -= 1
            self._doubt, self._in_doubt = "", self._depth > 0
        self._behind_a_thought = True


def _where_a_tag_may_begin(text: str, start: int) -> int:
    """The index at which an incomplete tag may have begun; the end of `text` if there is none."""
    for begin in _BEGINS.finditer(text, max(start, len(text) - LONGEST_TAG)):
        rest = text[begin.start() :]
        if _IN_A_TAG.fullmatch(rest) or any(tag.startswith(rest.lower()) for tag in _WHOLE_TAGS):
            return begin.start()
    return len(text)
