"""Markdown, read aloud without its marks."""

from __future__ import annotations

import pytest

from tests.unit.reply_kit import fed, heard_at, raw, through
from voicekit.contracts import Text
from voicekit.flow import StreamContext
from voicekit.reply import strip_markdown
from voicekit.reply.text import joined


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("It is **very** cold, *isn't* it? __yes__ _no_ ***both***", "It is very cold, isn't it? yes no both"),
        ("~~gone~~ but ~5 stays, **a *b* c** (*d*)", "gone but ~5 stays, a b c (d)"),
        ("这是**重点**内容", "这是重点内容"),
        ("run `pip **x**` or ``a`b`` now", "run pip **x** or a`b now"),
        ("**Wow**! **Really**?", "Wow! Really?"),
        ("**never closed", "never closed"),
        (r"\*not\* \_this\_ a\b \\", r"*not* _this_ a\b " + "\\"),
    ],
)
def test_emphasis_and_code_are_said_without_their_marks(text, said):
    """Asterisks, underscores, tildes, back-ticks and escapes go; the words, and what is inside code, stay."""
    assert through(strip_markdown(), text) == said


@pytest.mark.parametrize(
    "text",
    [
        "2 * 3 = 6, 5*3 and 2**8",
        "snake_case_name, a_b and price* is open",
        "हिन्दी_शब्द_यहाँ, ที่_นี่_ครับ",
        "what the f***, *****",
        "array[1] and [not a link] and [this](never closes",
        "Wow! Great!! (really)",
        "a | b and c || d",
        "#hashtag, C# and -5 degrees, 3-4",
        "1. first, 2) second",
        "x > y and a + b = c",
        "a ~ b, 2 ~~ 3",
    ],
)
def test_what_only_looks_like_a_mark_stays(text):
    """Sums, names, brackets, comparisons and exclamation marks are no Markdown."""
    assert through(strip_markdown(), text) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# Title\n## Part two\ntext", "Title\nPart two\ntext"),
        ("- one\n* two\n+ three\n  - deep *x*\n", "one\ntwo\nthree\ndeep x\n"),
        ("> quoted\n> - item\n>> twice", "quoted\nitem\ntwice"),
        ("above\n\n---\n* * *\n___\n\nbelow", "above\n\n\nbelow"),
        ("Title\n=====\ntext", "Title\ntext"),
        ("- **Name**: value", "Name: value"),
    ],
)
def test_blocks_are_said_without_their_marks(text, said):
    """Headings, bullets, quotes and rules go; every line of text stays a line."""
    assert through(strip_markdown(), text) == said


def test_a_block_of_code_keeps_its_lines_and_loses_its_fences():
    """Nothing inside is touched, and a shorter fence inside does not close it."""
    assert through(strip_markdown(), "so:\n```python\nx = a * b\n# y\n```\n**done**") == "so:\nx = a * b\n# y\ndone"
    assert through(strip_markdown(), "````\n```\n````\nafter") == "```\nafter"
    assert through(strip_markdown(), "~~~\n- x\n~~~") == "- x\n"
    assert through(strip_markdown(), "```inline```\n*x*") == "inline\nx"


def test_the_cells_of_a_table_are_said_with_commas():
    """A row is its cells, the line below the heading is nothing, and emphasis in a cell goes."""
    table = "| Day | **Price** |\n|-----|:-----:|\n| Monday | 5 |\n| Tuesday | |\n\nafter | that"
    assert through(strip_markdown(), table) == "Day, Price\nMonday, 5\nTuesday\n\nafter | that"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("see [the docs](http://x.y/z_(a) 'title') now", "see the docs now"),
        ("see [the **docs**](u), ![a cat](cat.png)!", "see the docs, a cat!"),
        ("[](u)nothing", "nothing"),
        ("**[both](u)** and [`code`](u)", "both and code"),
        ("[a][b](c)", "[a]b"),
    ],
)
def test_a_link_is_said_as_its_text(text, said):
    """The address and the brackets go, as does the exclamation mark of a picture."""
    assert through(strip_markdown(), text) == said


def test_a_very_long_address_is_no_link():
    """A link that is not complete within 1,000 characters is said as it is written, and what follows it is read."""
    text = f"[a](http://{'x' * 2000}) **b**"
    assert through(strip_markdown(), text) == f"[a](http://{'x' * 2000}) b"
    assert through(strip_markdown(), *text) == through(strip_markdown(), text)


def test_a_mark_counts_as_heard_with_the_word_behind_it():
    """What a word's sound says to have been heard reaches to the word's own end, past the marks before it."""
    said = joined(fed(strip_markdown(), raw(["**bold** [text](url) end"])))
    assert said.text == "bold text end"
    assert heard_at(said, "bold") == (3, 4, 5, 6)
    assert heard_at(said, "text") == (11, 12, 13, 14)
    assert heard_at(said, "end") == (22, 23, 24)


def test_only_what_cannot_be_decided_is_held_back():
    """Words come through at once, marks with the next character, and a line as soon as it can be no block."""
    stripping = strip_markdown().start(StreamContext())
    given = [
        joined(stripping.feed(text)).text
        for text in raw(["Hel", "lo *", "*y", "ou** [a", "](u", ") b", "\n#", " ", "c"])
    ]
    assert given == ["Hel", "lo ", "y", "ou ", "", "a b", "\n", "", "c"]


def test_a_breath_in_the_middle_of_emphasis_keeps_it_open():
    """What was open before the pause is closed after it."""
    stripping = strip_markdown().start(StreamContext())
    items = [Text.raw("**so", 0), Text("", ()), Text.raw(" on** x", 4)]
    assert joined(made for item in items for made in stripping.feed(item)).text == "so on x"
