"""Removes Markdown marks from streamed text, so that a voice reads the words and not the asterisks.

No word is lost: headings, list items, quotes, code and table cells are all spoken. Only the marks are removed:
emphasis, back-ticks, `#`, bullets, `>`, fences, rules, the bars of tables (a comma replaces those between cells), the
addresses of links. An asterisk or underscore that is not markup stays: `2 * 3`, `5*3`, `snake_case`. Blocks are
recognised at the start of a line, all other marks anywhere. Text is held back only while it is unclear whether it is
markup.
"""

from __future__ import annotations

import re
import string
from typing import Any

from voicekit.contracts import Text
from voicekit.flow.transform import TransformPart
from voicekit.reply.text import NOTHING, Rewriting, spoken_as
from voicekit.writing import letters

HOLD = 1000
"""The maximum number of characters that are held back while a link or the start of a line is undecided; anything longer
is plain text.
"""

LONGEST_RUN = 3
"""The longest run of one mark that has a meaning (`***both***`); a longer run is a drawing, and stays."""

# Patterns for blocks. The first two match a whole line; `_UNDECIDED` matches every incomplete line that may still
# become a block.
_FENCE = re.compile(r"[ \t]*(?P<marks>`{3,}|~{3,})[^`\n]*")
_RULE = re.compile(r"[ \t]*(?:([-*_=])(?:[ \t]*\1){2,}|\|[ \t|:]*-[-|: \t]*)[ \t]*")
_BLOCK = re.compile(r"[ \t]*(?:(?P<heading>#{1,6})[ \t]+|[-+*][ \t]+|>[ \t]*|(?P<row>\|)[ \t]*)")
_UNDECIDED = re.compile(
    r"[ \t]*(?:#{1,6}[ \t]*|[-+*_=][-+*_= \t]*|>[ \t]*|\|[-:| \t]*|`{1,2}|`{3,}[^`]*|~{1,2}|~{3,}[^`]*)?"
)
_MAYBE_CLOSING_FENCE = re.compile(r"[ \t]*[`~]*[ \t]*")

# Patterns inside a line.
_PLAIN = re.compile(r"[^\n*_~`\[!\\]+")
_PLAIN_CELL = re.compile(r"[^\n*_~`\[!\\| \t]+")
_PLAIN_CODE = re.compile(r"[^\n`]+")
_BARS = re.compile(r"[ \t]*(?:\|[ \t|]*)?")
_RUN = re.compile(r"([*_~`])\1*")
_ADDRESS = r"(?:[^()\n]|\([^()\n]*\))*"
_LINK = re.compile(rf"!?\[(?P<text>[^\[\]\n]*)\]\({_ADDRESS}\)")
_UNDECIDED_LINK = re.compile(rf"!?\[[^\[\]\n]*(?:\](?:\({_ADDRESS}(?:\([^()\n]*)?)?)?")


def strip_markdown() -> TransformPart[Any, Any]:
    """A transform that removes Markdown from Text; how the text is split makes no difference.

    >>> from voicekit.contracts import Text
    >>> from voicekit.flow import StreamContext
    >>> stripping = strip_markdown().start(StreamContext())
    >>> [text.text for piece in ("It is *", "*very** cold") for text in stripping.feed(Text.raw(piece, 0))]
    ['It is ', 'very cold']
    """
    return TransformPart("strip markdown", lambda context: Rewriting(_Markdown()))


class _Markdown:
    __slots__ = ("_before", "_code", "_fence", "_line_start", "_open", "_row")

    def __init__(self, *, line_start: bool = True) -> None:
        self._line_start = line_start
        self._before = " "  # the character before the held text
        self._fence = ""  # the back-ticks or tildes that opened the current code block
        self._code = ""  # the back-ticks that opened the current inline code
        self._row = False  # whether the held text is inside a table row
        self._open: set[str] = set()  # open emphasis marks

    def step(self, held: Text, last: bool) -> tuple[int, Text] | None:
        if not self._line_start:
            return self._inline(held, last)
        head = held.text[:HOLD]
        line, new_line, _ = head.partition("\n")
        whole = bool(new_line) or last
        if not whole and len(head) < HOLD and self._may_be_block(line):
            return None
        if (consumed := self._block(line, whole)) is not None:
            return consumed + (len(new_line) if consumed == len(line) and self._line_start else 0), NOTHING
        self._line_start = False
        return self._inline(held, last)

    def _may_be_block(self, line: str) -> bool:
        return (_MAYBE_CLOSING_FENCE if self._fence else _UNDECIDED).fullmatch(line) is not None

    def _block(self, line: str, whole: bool) -> int | None:
        """How many characters at the start of `line` are a block's mark; None if there is no mark."""
        if self._fence:
            return self._fence_end(line, whole)
        if not line.strip():
            self._open.clear()
        if whole and (fence := _FENCE.fullmatch(line)):
            self._fence = fence["marks"]
            return len(line)
        if whole and _RULE.fullmatch(line):
            return len(line)
        block = _BLOCK.match(line)
        if block is None:
            return None
        self._row = bool(block["row"])
        self._line_start = not (block["heading"] or block["row"])
        return block.end()

    def _fence_end(self, line: str, whole: bool) -> int | None:
        marks = line.strip()
        if not whole or not marks.startswith(self._fence) or marks.strip(self._fence[0]):
            return None
        self._fence = ""
        return len(line)

    def _inline(self, held: Text, last: bool) -> tuple[int, Text] | None:
        char = held.text[0]
        if char == "\n":
            return self._end_line(held)
        if self._fence:
            return self._keep(held, len(held.text.partition("\n")[0]))
        plain = _PLAIN_CODE if self._code else _PLAIN_CELL if self._row else _PLAIN
        if run := plain.match(held.text):
            return self._keep(held, run.end())
        if char in "*_~`":
            return self._marks(held, last)
        if char in "[!":
            return self._link(held, last)
        if char == "\\":
            return self._escape(held, last)
        return self._bars(held, last)

    def _keep(self, held: Text, count: int, skipped: int = 0) -> tuple[int, Text]:
        self._before = held.text[count - 1]
        return count, held.part(skipped, count)

    def _end_line(self, held: Text) -> tuple[int, Text]:
        self._line_start = True
        self._row = False
        self._code = ""
        return self._keep(held, 1)

    def _marks(self, held: Text, last: bool) -> tuple[int, Text] | None:
        run = _RUN.match(held.text, 0, LONGEST_RUN + 1)
        assert run is not None, "the caller has seen the mark"
        marks, end = run[0], run.end()
        if end == len(held) and end <= LONGEST_RUN and not last:
            return None
        if self._is_markup(marks, held.text[end : end + 1] or " "):
            return end, NOTHING
        return self._keep(held, end)

    def _is_markup(self, marks: str, after: str) -> bool:
        """Whether the run `marks` opens or closes emphasis. Remembers which marks are open."""
        if self._code or marks[0] == "`":
            return self._is_code(marks)
        before = self._before
        if len(marks) > LONGEST_RUN or before == marks[0] or (marks[0] == "~" and len(marks) != 2):
            return False
        if marks in self._open and not before.isspace() and not (marks[0] == "_" and letters(after)):
            self._open.discard(marks)
            return True
        if after.isspace() or (_joins(before, marks) and (_joins(after, marks) or not after.isalnum())):
            return False
        self._open.add(marks)
        return True

    def _is_code(self, marks: str) -> bool:
        if self._code:
            closes = marks == self._code
            self._code = "" if closes else self._code
            return closes
        self._code = marks if len(marks) <= LONGEST_RUN else ""
        return bool(self._code)

    def _link(self, held: Text, last: bool) -> tuple[int, Text] | None:
        head = held.text[:HOLD]
        link = _LINK.match(head)
        if link is not None:
            return link.end(), self._inner(held.part(*link.span("text")))
        undecided = head == "!" or _UNDECIDED_LINK.fullmatch(head)
        if undecided and len(head) < HOLD and not last:
            return None
        return self._keep(held, 1)

    def _inner(self, label: Text) -> Text:
        """The text of a link, without the marks inside it."""
        inner = Rewriting(_Markdown(line_start=False))
        text = NOTHING
        for made in (*inner.feed(label), *inner.finish()):
            text += made
        self._before = text.text[-1:] or self._before
        return text

    def _escape(self, held: Text, last: bool) -> tuple[int, Text] | None:
        if len(held) == 1 and not last:
            return None
        escaped = held.text[1:2] in string.punctuation and len(held) > 1
        return self._keep(held, 2, skipped=1) if escaped else self._keep(held, 1)

    def _bars(self, held: Text, last: bool) -> tuple[int, Text] | None:
        """Replaces white space in a table row, and the bar between two cells or at the row's end."""
        head = held.text[:HOLD]
        bars = _BARS.match(head)
        assert bars is not None, "it may be empty"
        end = bars.end()
        if end == len(held) and end < HOLD and not last:
            return None
        if "|" not in bars[0]:
            return self._keep(held, end)
        self._before = " "
        at_end = held.text[end : end + 1] in ("", "\n")
        return end, NOTHING if at_end else spoken_as(", ", held.part(0, end))


def _joins(neighbour: str, marks: str) -> bool:
    """Whether `marks`, next to `neighbour`, is part of a word or a formula: `snake_case`, `5*3`."""
    return bool(letters(neighbour)) and (marks[0] == "_" or neighbour.isascii())
