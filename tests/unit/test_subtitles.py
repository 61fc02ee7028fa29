"""Subtitles: readable by parsers that are not ours, and within the limits that subtitlers keep."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from itertools import pairwise

import pytest
import srt as srt_parser
import webvtt
from hypothesis import given
from hypothesis import strategies as st

from voicekit.errors import ConfigError
from voicekit.soniox.rest.schema.answers import TranscriptToken
from voicekit.soniox.rest.subtitles.subtitles import STYLE, Caption, Style, captions, readable, srt, vtt

SPOKEN = st.sampled_from(
    [
        "a",
        "word",
        "longer",
        "incomprehensibilities",
        "x" * 60,
        "end.",
        "why?",
        "“well,”",
        "ok!",
        "<b>",
        "-->",
        "&",
        "日本",
        "語。",
    ]
)


@st.composite
def transcripts(draw: st.DrawFn) -> list[TranscriptToken]:
    """Up to 60 words of up to three speakers, in any rhythm, some of them translated."""
    tokens, now = [], 0
    for _ in range(draw(st.integers(0, 12))):
        speaker = draw(st.sampled_from([None, "1", "2", "10"]))
        translated = draw(st.booleans())
        for _ in range(draw(st.integers(1, 5))):
            now += draw(st.sampled_from([0, 20, 300, 1_500]))
            end = now + draw(st.sampled_from([0, 100, 700, 9_000]))
            status = "original" if translated else None
            text = f" {draw(SPOKEN)}"
            tokens.append(
                TranscriptToken(text=text, start_ms=now, end_ms=end, speaker=speaker, translation_status=status)
            )
            now = end
        if translated:
            words = draw(st.lists(SPOKEN, min_size=1, max_size=4))
            tokens += [
                TranscriptToken(text=f" {word}", speaker=speaker, translation_status="translation") for word in words
            ]
    return tokens


def talk() -> list[TranscriptToken]:
    """Two speakers, one translated, the other in the wanted language already."""
    german = "Guten Morgen zusammen. Ich freue mich sehr, dass so viele gekommen sind, um das zu hören."
    english = "Good morning everybody. I am very glad that so many came to listen to this."
    tokens, now = [], 1_000
    for word in german.split():
        tokens.append(
            TranscriptToken(text=f" {word}", start_ms=now, end_ms=now + 300, speaker="1", translation_status="original")
        )
        now += 350
    tokens += [
        TranscriptToken(text=f" {word}", speaker="1", translation_status="translation") for word in english.split()
    ]
    for word in ["Thanks", "for", "having", "us!"]:
        tokens.append(
            TranscriptToken(text=f" {word}", start_ms=now, end_ms=now + 300, speaker="2", translation_status="none")
        )
        now += 350
    return tokens


@pytest.mark.parametrize("translated", [False, True])
def test_srt_is_read_by_another_parser(translated: bool) -> None:
    """Every caption comes back from an independent parser with its number, times and text."""
    cues = captions(talk(), translated=translated)
    parsed = list(srt_parser.parse(srt(cues), ignore_errors=False))
    assert [block.index for block in parsed] == list(range(1, len(cues) + 1))
    assert [(block.start, block.end) for block in parsed] == [
        (timedelta(milliseconds=cue.start_ms), timedelta(milliseconds=cue.end_ms)) for cue in cues
    ]
    assert [block.content.split(": ")[-1] for block in parsed] == ["\n".join(cue.lines) for cue in cues]
    assert sum("Speaker 1: " in block.content for block in parsed) == 1


@pytest.mark.parametrize("translated", [False, True])
def test_vtt_is_read_by_another_parser(translated: bool) -> None:
    """Every caption comes back from an independent parser, its speaker among it."""
    cues = captions(talk(), translated=translated)
    parsed = webvtt.from_buffer(StringIO(vtt(cues)))
    assert [cue.text for cue in parsed.captions] == ["\n".join(cue.lines) for cue in cues]
    assert [cue.voice for cue in parsed.captions] == [f"Speaker {cue.speaker}" for cue in cues]
    assert [round(cue.start_in_seconds * 1000) // 1000 for cue in parsed.captions] == [
        cue.start_ms // 1000 for cue in cues
    ]


@given(transcripts(), st.booleans())
def test_limits_are_kept_by_any_transcript(tokens: list[TranscriptToken], translated: bool) -> None:
    """Whatever is said: at most two lines of 42 columns, 5/6 to 7 seconds, and never two captions at once."""
    cues = captions(tokens, translated=translated)
    for cue in cues:
        assert 1 <= len(cue.lines) <= STYLE.lines
        assert all(line == line.strip() and line for line in cue.lines)
        assert STYLE.shortest_ms <= cue.end_ms - cue.start_ms <= STYLE.longest_ms
    assert all(after.start_ms - before.end_ms >= STYLE.gap_ms for before, after in pairwise(cues))
    shown = list(srt_parser.parse(srt(cues), ignore_errors=False)) if cues else []
    lines = [line for block in shown for line in block.content.split("\n")]
    assert all(sum(2 if "\u2e80" <= letter < "\uff61" else 1 for letter in line) <= STYLE.columns for line in lines)


@given(transcripts(), st.booleans())
def test_no_word_is_lost(tokens: list[TranscriptToken], translated: bool) -> None:
    """The captions say all that was said, in order, and nothing else."""
    wanted = [
        token.text
        for token in tokens
        if (token.translation_status in (None, "none", "translation" if translated else "original"))
    ]
    said = "".join("".join(cue.lines) for cue in captions(tokens, translated=translated))
    without = str.maketrans("", "", " -")  # a dash stands before each turn if two share a caption
    assert said.translate(without) == "".join(wanted).translate(without)
    assert len(webvtt.from_buffer(StringIO(vtt(captions(tokens)))).captions) == len(captions(tokens))


@st.composite
def conversations(draw: st.DrawFn) -> list[TranscriptToken]:
    """Speech as quick as people speak, at most 20 letters a second, but in any rhythm of turns and sentences."""
    tokens, now = [], 0
    for _ in range(draw(st.integers(1, 40))):
        speaker = draw(st.sampled_from(["1", "2", "3"]))
        for _ in range(draw(st.integers(1, 3))):
            word = draw(SPOKEN.filter(lambda word: "-" not in word))
            end = now + max(100, 50 * len(word)) + draw(st.sampled_from([0, 0, 0, 200, 7_000]))
            tokens.append(TranscriptToken(text=f" {word}", start_ms=now, end_ms=end, speaker=speaker))
            now = end + draw(st.sampled_from([0, 0, 0, 300, 2_000]))
    return tokens


def letters(tokens: list[TranscriptToken]) -> Iterator[int]:
    """When each letter is said, in order, of those that captions show and that are no dashes."""
    for token in tokens:
        assert token.start_ms is not None
        assert token.end_ms is not None
        for place, letter in enumerate(token.text):
            lasts = token.end_ms - token.start_ms
            if letter not in " -":
                yield token.start_ms + (lasts * place // len(token.text) if place > 1 else 0)


@given(conversations())
def test_captions_are_never_later_than_promised(tokens: list[TranscriptToken]) -> None:
    """However quickly people answer each other, a caption comes with its first word or at most a second later."""
    said = letters(tokens)
    for cue in captions(tokens):
        shown = [letter for line in cue.lines for letter in line if letter not in " -"]
        first, *_ = [next(said) for _ in shown]
        assert 0 <= cue.start_ms - first <= STYLE.late_ms
        assert STYLE.shortest_ms <= cue.end_ms - cue.start_ms <= STYLE.longest_ms
    assert next(said, None) is None


def test_quick_exchanges_share_captions() -> None:
    """A hundred answers of 0.3 s each end on time: turns share captions, with a line for each where there are two."""
    tokens = [
        TranscriptToken(text=f" Word{n}.", start_ms=300 * n, end_ms=300 * (n + 1), speaker="12"[n % 2])
        for n in range(100)
    ]
    cues = captions(tokens)
    assert cues[-1].start_ms - 29_700 < 1_000
    assert [cue.lines for cue in cues[:3]] == [
        ("Word0.",),
        ("- Word1.", "- Word2."),
        ("- Word3. - Word4. - Word5.",),
    ]
    assert [cue.speaker for cue in cues[:3]] == ["1", None, None]
    blocks = [block.content for block in srt_parser.parse(srt(cues), ignore_errors=False)]
    assert blocks[:2] == ["Speaker 1: Word0.", "- Word1.\n- Word2."]
    assert [cue.text for cue in webvtt.from_buffer(StringIO(vtt(cues))).captions] == ["\n".join(c.lines) for c in cues]


def test_whoever_speaks_after_a_shared_caption_is_named() -> None:
    """Once turns are long again, each has its own caption, and its speaker is named, as nobody was in between."""
    quick = [
        TranscriptToken(text=" No.", start_ms=300 * n, end_ms=300 * n + 300, speaker="12"[n % 2]) for n in range(3)
    ]
    slow = TranscriptToken(text=" Well then, let us see.", start_ms=3_000, end_ms=5_000, speaker="1")
    assert [block.content for block in srt_parser.parse(srt(captions([*quick, slow])))] == [
        "Speaker 1: No.",
        "- No.\n- No.",
        "Speaker 1: Well then, let us see.",
    ]


def test_captions_end_where_a_reader_expects_it() -> None:
    """A caption ends with a sentence, at a pause, and where another speaks, and its lines are balanced."""
    cues = captions(talk())
    assert [cue.lines for cue in cues] == [
        ("Guten Morgen zusammen.",),
        ("Ich freue mich sehr, dass so", "viele gekommen sind, um das zu hören."),
        ("Thanks for having us!",),
    ]
    assert [cue.speaker for cue in cues] == ["1", "1", "2"]
    assert cues[0].start_ms == 1_000


def test_a_translation_is_timed_by_what_it_translates() -> None:
    """Translated words, which have no times, are spread over those of their original; the rest keeps its own."""
    cues = captions(talk(), translated=True)
    assert " ".join(line for cue in cues for line in cue.lines).startswith("Good morning everybody. I am very glad")
    assert (cues[0].start_ms, cues[-1].lines) == (1_000, ("Thanks for having us!",))
    assert captions(talk())[-1].start_ms == pytest.approx(cues[-1].start_ms, abs=900)


def test_text_without_spaces_is_cut_between_characters() -> None:
    """Chinese and Japanese are broken anywhere, and each character takes two columns."""
    text = "今日はとても良い天気ですから散歩に行きましょうと彼女は静かに言って窓を開けた"
    tokens = [TranscriptToken(text=letter, start_ms=90 * n, end_ms=90 * n + 80) for n, letter in enumerate(text)]
    (cue,) = captions(tokens)
    assert ["".join(cue.lines), *map(len, cue.lines)] == [text, 19, 19]


def test_markers_and_nothing_make_no_captions() -> None:
    """The markers of the realtime service are no words, and an empty transcript has no captions."""
    assert captions([TranscriptToken(text="<end>"), TranscriptToken(text=" "), TranscriptToken(text="<fin>")]) == []
    assert (srt([]), vtt([])) == ("", "WEBVTT\n")


def test_text_names_its_speakers() -> None:
    """As text, each turn is a paragraph with its speaker's name, where there are several."""
    assert readable(talk()).splitlines()[0].startswith("Speaker 1: Guten Morgen zusammen. Ich freue")
    assert readable(talk()).endswith("\n\nSpeaker 2: Thanks for having us!")
    assert readable([TranscriptToken(text=" Only"), TranscriptToken(text=" one.")]) == "Only one."


def test_a_voice_can_not_break_out_of_its_tag() -> None:
    """Signs of the format in names and words are shown, not obeyed."""
    cue = Caption(0, 1_000, ("a <i>b</i> & c --> d",), speaker="1> <b")
    (parsed,) = webvtt.from_buffer(StringIO(vtt([cue]))).captions
    assert "<i>" not in vtt([cue])
    assert parsed.voice == "Speaker 1 b"


def test_a_style_out_of_bounds_is_refused() -> None:
    """Lines too short for any word, and times that contradict each other, are refused."""
    for wrong in ({"columns": 10}, {"lines": 0}, {"shortest_ms": 8_000}):
        with pytest.raises(ConfigError, match="subtitles"):
            Style(**wrong)
