"""What all transforms on text promise, however the text is cut into pieces."""

from __future__ import annotations

import doctest
import importlib

import pytest
from hypothesis import given, settings

from tests.unit.reply_kit import BREATH, cut_texts, fed, raw, texts
from voicekit.contracts import Text
from voicekit.errors import ConfigError
from voicekit.flow import StreamContext, TransformPart
from voicekit.flow.transform import Fused
from voicekit.reply import sentences, spoken_forms, strip_emoji, strip_markdown
from voicekit.reply.text import joined

CHAIN = (strip_markdown(), strip_emoji(), spoken_forms(), sentences())
ALL = (
    *CHAIN,
    TransformPart("all of them", lambda context: Fused([part.start(context) for part in CHAIN])),
)
MOST_HELD = 1000
"""No transform holds back more than this many characters."""

UNDECIDED = (
    *("[", "![", "[a](", "*", "`", "\n```", "| ", "- ", "!", "。", "😀 x", " ", "\n"),
    *("1", "1 ", "$1-", "a", "a.", "a@", "www."),
)

each_transform = pytest.mark.parametrize("part", ALL, ids=lambda part: part.name)


@pytest.mark.slow
@each_transform
@given(cut_texts())
@settings(max_examples=300)
def test_the_result_does_not_depend_on_how_the_text_was_cut(part, cut):
    """The same text in other pieces gives the same words and the same `to`."""
    text, chunks = cut
    assert joined(fed(part, raw(chunks))) == joined(fed(part, raw([text])))


@pytest.mark.slow
@each_transform
@given(texts())
def test_what_counts_as_heard_never_falls(part, text):
    """Every character has its `to`, which never falls and stays within what the handler said."""
    result = joined(fed(part, raw([text])))
    assert len(result.to) == len(result.text)
    assert list(result.to) == sorted(result.to)
    assert all(1 <= to <= len(text) for to in result.to)


@pytest.mark.slow
@each_transform
@given(cut_texts())
def test_a_breath_lets_go_of_everything_and_is_passed_on(part, cut):
    """After an empty Text nothing but white space is left, and the empty Text has come through as the last item."""
    _, chunks = cut
    transform = part.start(StreamContext())
    for item in raw(chunks):
        list(transform.feed(item))
    assert list(transform.feed(BREATH))[-1] == BREATH
    assert joined(transform.finish()).text.strip() == ""


@pytest.mark.slow
@each_transform
@pytest.mark.parametrize("lump", UNDECIDED)
def test_what_is_held_back_is_bounded(part, lump):
    """Text of which nothing can be decided comes out all the same, or is dropped as a mark."""
    transform = part.start(StreamContext())
    for item in raw([lump * 10] * 150):
        list(transform.feed(item))
    assert len(joined(transform.finish())) <= 5 * MOST_HELD  # a digit becomes a word of up to five letters


@each_transform
@pytest.mark.parametrize("text", ["Plain words, and more of them; nothing else.", "Zażółć gęślą jaźń"])
def test_plain_text_comes_through_unchanged(part, text):
    """What needs no rewriting is not touched: words and `to` are those of the handler."""
    assert joined(fed(part, raw([text]))) == Text.raw(text, 0)


@each_transform
def test_streams_share_no_state(part):
    """A second stream begins afresh, whatever the first one was in the middle of."""
    alone = fed(part, raw(["*a* b, 5 km"]))
    opened = part.start(StreamContext())
    list(opened.feed(Text.raw("```\n**[a $5", 0)))
    assert fed(part, raw(["*a* b, 5 km"])) == alone


@each_transform
def test_items_that_are_no_text_pass_unchanged(part):
    """A transform on text lets other items through."""
    other = object()
    assert fed(part, [other]) == [other]


@pytest.mark.parametrize("max_chars", [19, 0, -5, "120", None, 40.0])
def test_sentences_refuses_a_limit_that_makes_no_sense(max_chars):
    """A limit below 20 characters, or none at all, is a ConfigError that says what was expected and what came."""
    with pytest.raises(ConfigError, match=rf"max_chars of at least 20, got {max_chars!r}"):
        sentences(max_chars)


@pytest.mark.parametrize("language", ["de", "", "english", None, 5])
def test_spoken_forms_refuses_a_language_without_rules(language):
    """A language that has no rules is a ConfigError that names those that have."""
    with pytest.raises(ConfigError, match=rf"expected one of the languages en, got {language!r}"):
        spoken_forms(language)


@pytest.mark.parametrize("module", ["align", "emoji", "markdown", "numerals", "sentences", "spoken"])
def test_the_examples_in_the_docstrings_are_true(module):
    """Each module has examples, and they give what they say."""
    failed, tried = doctest.testmod(importlib.import_module(f"voicekit.reply.{module}"))
    assert tried
    assert not failed
