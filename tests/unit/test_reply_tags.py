"""Speech tags are dropped from streamed text, and nothing else is."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicekit.contracts import Text
from voicekit.flow.transform import StreamContext
from voicekit.reply.say import set_apart
from voicekit.reply.tags import HOLD, default_texts, is_audible, strip_tags


def through(*pieces: str, breath: bool = False) -> str:
    run, made, at = strip_tags().start(StreamContext()), list[Text](), 0
    for piece in pieces:
        made += run.feed(Text.raw(piece, at))
        made += run.feed(Text("", ())) if breath else ()
        at += len(piece)
    made += run.finish()
    heard = [place for text in made for place in text.to]
    assert heard == sorted(heard)
    return "".join(text.text for text in made)


SPOKEN = [
    ('One moment <break time="500ms"/> please.', "One moment please."),
    ("<speak>Hi <emphasis level='strong'>you</emphasis>!</speak>", "Hi you!"),
    ('<prosody rate="slow">Slow.</prosody> Fast.', "Slow. Fast."),
    ('<say-as interpret-as="date">1.2.</say-as>', "1.2."),
    ('<amazon:effect name="whispered">psst</amazon:effect>', "psst"),
    ('<mstts:express-as style="sad">Oh.</mstts:express-as>', "Oh."),
    ("one<break/>two", "one two"),
    ("one<br>two", "one two"),
    ("<p>One.</p><p>Two.</p>", "One. Two. "),
    ("a <laugh> b <unknown/> c", "a b c"),
    ("<!-- slowly --> Yes.", "Yes."),
    ('<emotion value="sad" /> Oh.', "Oh."),
    ("<answer>Yes.</answer>", "Yes."),
]

KEPT = [
    "1 < 2",
    "if a<b and c>d",
    "I <3 you",
    "x <y",
    "<",
    "<<",
    "List<int>",
    "<T>",
    "a <b c d e",
    "5 <br",
    "a >b",
    "<>",
]


@pytest.mark.parametrize(("text", "spoken"), SPOKEN)
def test_a_tag_is_not_said(text: str, spoken: str) -> None:
    """Tags of SSML, of voices and of markup go, and what stands between them stays, however the text is cut."""
    assert through(text) == spoken
    assert through(*text) == spoken


@pytest.mark.parametrize("text", KEPT)
def test_what_is_no_tag_is_said(text: str) -> None:
    """Signs of comparison, hearts and types are text."""
    assert through(text) == through(*text) == through(*text, breath=True) == text


@given(st.sampled_from([text for text, _ in SPOKEN] + KEPT), st.lists(st.integers(0, 100)))
def test_the_cuts_of_the_stream_don_t_matter(text: str, cuts: list[int]) -> None:
    """Any cut, inside a tag too, gives the same words."""
    places = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    pieces = [text[start:end] for start, end in pairwise(places) if start < end]
    assert through(*pieces) == through(text)


def test_a_pause_inside_a_tag_does_not_say_it() -> None:
    """The rest of a tag whose name is known is waited for, and not said if it never comes."""
    assert through("One <break ", 'time="1s"/> moment.', breath=True) == "One moment."
    assert through('One <break time="1') == "One "


def test_a_tag_has_a_longest_length() -> None:
    """What never closes is held back to a bound, and then said."""
    run = strip_tags().start(StreamContext())
    text = '<break time="' + "x" * 2 * HOLD
    said = "".join(made.text for place, char in enumerate(text) for made in run.feed(Text.raw(char, place)))
    assert len(said) >= HOLD


def test_a_voice_that_reads_tags_is_given_them() -> None:
    """All other default transforms stay."""
    assert [part.name for part in default_texts()] == ["strip tags", "strip markdown", "strip emoji"]
    assert [part.name for part in default_texts(reads_tags=True)] == ["strip markdown", "strip emoji"]


@pytest.mark.parametrize(
    "text", ["", " \n", "👍", "**", "...", "—", '<break time="1s"/>', "![](http://x.y/z)", "\u200b"]
)
def test_what_makes_no_sound(text: str) -> None:
    """Marks, pictures and tags are no words."""
    assert not is_audible(text)


@pytest.mark.parametrize("text", ["a", "5", "네", "ก", "?", "$", "**a**", "<T>"])
def test_what_makes_a_sound(text: str) -> None:
    """Any letter, digit or sign that is left is one."""
    assert is_audible(text)


@pytest.mark.parametrize(
    ("said", "text", "apart"),
    [
        ("number four", "Sorry.", ". Sorry."),
        ("number four.", "Sorry.", " Sorry."),
        ("number four. ", "Sorry.", "Sorry."),
        ("number four ", "Sorry.", "… Sorry."),
        ("number four,", "Sorry.", "… Sorry."),
        ("**number** (four)", " Sorry.", ". Sorry."),
        ('"Four!"', "sorry", " sorry"),
        ("四号。", "抱歉。", " 抱歉。"),
        ("क्या है", "माफ़ कीजिए।", ". माफ़ कीजिए।"),
        ("ठीक है।", "माफ़ कीजिए।", " माफ़ कीजिए।"),
        ("", "Sorry.", "Sorry."),
        (" \n", "Sorry.", "Sorry."),
    ],
)
def test_words_that_don_t_go_on_are_set_apart(said: str, text: str, apart: str) -> None:
    """A stop and a space stand before them, if they are not there."""
    assert set_apart(said, text) == apart
