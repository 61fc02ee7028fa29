"""Text through transforms, cut as a model might cut it."""

# ruff: noqa: RUF001  # punctuation of other scripts

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from hypothesis import strategies as st

from voicekit.contracts import Text
from voicekit.flow import StreamContext, TransformPart
from voicekit.reply.text import joined

BREATH = Text("", ())

_LUMPS = (
    *("word", "a", "I", "Dr.", "e.g.", "naïve", "don't", "你好", "。", "，", "？"),
    *(" ", " ", " ", "\n", "\n\n", "\t", ". ", ", ", "! ", "? ", ": ", "...", '"', "(", ")"),
    *(
        "*",
        "**",
        "***",
        "_",
        "__",
        "~~",
        "`",
        "``",
        "```",
        "```\n",
        "\n```\n",
        "~~~",
        "\\",
        "|",
        " | ",
        "\n|",
        "---",
        "\n- ",
    ),
    *("# ", "\n## ", "- ", "* ", "> ", "1. ", "[", "]", "](", "[text](u)", "![alt](a_(b))", "![", "!", "=", "+ "),
    *(
        "$",
        "5",
        "$5",
        ".5",
        "0",
        "3:0",
        ":",
        "3:05",
        " p.m.",
        " pm",
        "%",
        " million",
        "k",
        "€",
        "£20",
        "1st",
        "2nd",
        "-",
        "–",
    ),
    *("@", "a@b.com", ".com", "www.", "https://x.y/z", "&", "#1", "555", "-1234", "(555) ", "+44", " km", "2024-05-01"),
    *("😀", "👍🏽", "👨‍👩‍👧", "🏳️‍🌈", "1️⃣", "\u200d", "\ufe0f", "☎", "♯"),
)


def texts() -> st.SearchStrategy[str]:
    """Text full of what the transforms are about, whole or broken."""
    return (
        st.lists(st.one_of(st.sampled_from(_LUMPS), st.text(max_size=3)), min_size=1, max_size=30)
        .map("".join)
        .filter(bool)
    )


@st.composite
def cut_texts(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A text, and the same in pieces."""
    text = draw(texts())
    cuts = sorted(draw(st.sets(st.integers(1, max(1, len(text) - 1)), max_size=len(text))))
    return text, [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True) if start < end]


def raw(chunks: Iterable[str]) -> list[Text]:
    """The chunks as a handler's stage would send them."""
    said, start = [], 0
    for chunk in chunks:
        said.append(Text.raw(chunk, start))
        start += len(chunk)
    return said


def fed(part: TransformPart[Any, Any], items: Iterable[Any]) -> list[Any]:
    """All that a fresh transform gives for `items` and the end of the stream."""
    transform = part.start(StreamContext())
    given = [made for item in items for made in transform.feed(item)]
    return [*given, *transform.finish()]


def through(part: TransformPart[Any, Any], *chunks: str) -> str:
    return joined(fed(part, raw(chunks))).text


def heard_at(text: Text, word: str) -> Sequence[int]:
    """How much of the handler's text counts as heard at each character of `word`."""
    start = text.text.index(word)
    return text.to[start : start + len(word)]
