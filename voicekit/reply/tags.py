"""Removes speech tags (`<break time="500ms"/>`) from streamed text, because most voices would read them aloud.

It removes SSML tags, the special tags of some voices, and any tag with attributes, a slash or a prefix. The text
between two tags is spoken. A `<` that does not begin a tag is kept. For a voice that has `reads_tags`, the tags are
kept too.
"""

# ruff: noqa: RUF001, SIM905  # typographic marks; a list of words reads better as one string

from __future__ import annotations

import re
from typing import Any

from voicekit.contracts import Text
from voicekit.flow.transform import Fused, StreamContext, TransformPart
from voicekit.reply.emoji import strip_emoji
from voicekit.reply.markdown import strip_markdown
from voicekit.reply.text import NOTHING, Rewriting, spoken_as

HOLD = 300
"""The maximum number of characters that are held back while a tag is incomplete; anything longer is plain text."""

_NAMES = frozenset(
    "speak break prosody emphasis say-as sub phoneme voice lang p s w token audio mark desc media par seq "
    "lexicon lookup meta metadata express-as spell speed volume pitch rate emotion pause silence laugh laughs laughter "
    "sigh sighs whisper whispers breath cough b i u em strong br span small answer response output final".split()
)
"""Tags that are also removed without attributes, such as `<p>` and `<laugh>`."""

_SILENT = re.compile(r"[\s.…,;:·\-–—_*#|/\\~`^'\"“”‘’()\[\]{}<>\u200b-\u200f\ufeff]*")
"""Text for which no voice makes a sound; a lone question mark may still be audible."""

_BREAKS = frozenset(["br", "break", "p", "s", "pause", "silence"])
"""Tags that are replaced by a space, unless there is a space already."""

_ATTRIBUTE = r"""\s+[\w:.-]+\s*=\s*(?:"[^"<>]*"|'[^'<>]*'|[^\s"'<>/]+)"""
_PARTIAL_ATTRIBUTE = r"""\s+(?:[\w:.-]+\s*(?:=\s*(?:"[^"<>]*|'[^'<>]*|[^\s"'<>/]*)?)?)?"""
_TAG = re.compile(
    rf"<(?P<end>/?)(?P<name>[A-Za-z][\w:.-]{{0,40}})(?P<more>(?:{_ATTRIBUTE})*\s*/?)>|<!--[^<>]*-->|<\?xml[^<>]*>"
)
_NAME = re.compile(r"</?([A-Za-z][\w:.-]*)[\s/]")
_UNDECIDED = re.compile(
    rf"<(?:/?(?:[A-Za-z][\w:.-]{{0,40}}(?:{_ATTRIBUTE})*(?:{_PARTIAL_ATTRIBUTE}|\s*/)?)?|!-?|!--[^<>]*|\?x?m?l?|\?xml[^<>]*)"
)


def strip_tags() -> TransformPart[Any, Any]:
    """A transform that removes speech tags from Text; how the text is split makes no difference.

    >>> from voicekit.contracts import Text
    >>> stripping = strip_tags().start(StreamContext())
    >>> pieces = "One <bre", 'ak time="1s"/> moment, 1 < 2.'
    >>> [text.text for piece in pieces for text in stripping.feed(Text.raw(piece, 0))]
    ['One ', 'moment, 1 < 2.']
    """
    return TransformPart("strip tags", lambda context: Rewriting(_Tags()))


def default_texts(*, reads_tags: bool = False) -> tuple[TransformPart[Any, Any], ...]:
    """The transforms that make any handler's text speakable; if `reads_tags` is true, speech tags stay in the text."""
    return (*(() if reads_tags else (strip_tags(),)), strip_markdown(), strip_emoji())


def is_audible(text: str) -> bool:
    """Whether anything in `text` is audible: a letter, a digit or a symbol that no default transform removes."""
    if _SILENT.fullmatch(text):
        return False
    spoken = Fused([part.start(StreamContext()) for part in default_texts()])
    made = (*spoken.feed(Text.raw(text, 0)), *spoken.finish())
    return _SILENT.fullmatch("".join(piece.text for piece in made)) is None


class _Tags:
    __slots__ = ("_after_space", "_after_tag")

    def __init__(self) -> None:
        self._after_space = True
        self._after_tag = False

    def step(self, held: Text, last: bool) -> tuple[int, Text] | None:
        start = held.text.find("<")
        if start != 0:
            return self._keep(held, start if start > 0 else len(held))
        head = held.text[:HOLD]
        tag = _TAG.match(head)
        if tag is not None and _is_speech(tag):
            self._after_tag = True
            if self._after_space or (tag["name"] or "").lower() not in _BREAKS:
                return tag.end(), NOTHING
            self._after_space = True
            return tag.end(), spoken_as(" ", held.part(0, tag.end()))
        if tag is None and len(head) < HOLD and _UNDECIDED.fullmatch(head) and not (last and not _has_a_name(head)):
            return None
        return self._keep(held, tag.end() if tag is not None else 1)

    def _keep(self, held: Text, count: int) -> tuple[int, Text]:
        """Keep `count` characters, except white space after a tag that also has white space before it."""
        blank = count - len(held.text[:count].lstrip(" ")) if self._after_tag and self._after_space else 0
        if blank < count:
            self._after_tag, self._after_space = False, held.text[count - 1].isspace()
        return count, held.part(blank, count)


def _has_a_name(head: str) -> bool:
    """Whether a tag's beginning has a known name; if so, the rest of the tag is awaited even if the stream pauses."""
    name = _NAME.match(head)
    return name is not None and (":" in name[1] or name[1].lower() in _NAMES)


def _is_speech(tag: re.Match[str]) -> bool:
    name = tag["name"]
    return name is None or bool(tag["end"] or tag["more"].strip()) or ":" in name or name.lower() in _NAMES
