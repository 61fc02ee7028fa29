"""Aligners find when words sound; what they can't find is spread evenly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicekit_local.engines import align
from voicekit_local.engines.align import LetterAligner, SphinxAligner, spread
from voicekit_local.engines.interface import HEARING_RATE


def test_the_first_and_the_last_word_are_where_the_labels_say(
    aligner: SphinxAligner, recordings: dict[str, Any], labels: dict[str, Any]
) -> None:
    """In real recordings the first word begins, and the last ends, 120 ms from the label on average, never 400."""
    wrong = []
    for name, sound in recordings.items():
        times = aligner.align(sound, HEARING_RATE, labels[name]["text"].split())
        began, ended = labels[name]["aligned"][0]
        wrong += [abs(times[0][0] - began), abs(times[-1][1] - ended)]
    assert sum(wrong) / len(wrong) < 0.12
    assert max(wrong) < 0.4


def test_an_alignment_does_not_depend_on_those_before_it(recordings: dict[str, Any], labels: dict[str, Any]) -> None:
    """A recording has the same times from a new aligner and from one that has heard others, loud noise among them."""
    noise = np.random.default_rng(1).normal(0, 0.3, 2 * HEARING_RATE).astype(np.float32)
    used = SphinxAligner()
    for name in ("cards-001", "cards-003", "austen-0870"):
        used.align(noise, HEARING_RATE, ["no", "words", "at", "all"])
        sound, words = recordings[name], labels[name]["text"].split()
        assert used.align(sound, HEARING_RATE, words) == SphinxAligner().align(sound, HEARING_RATE, words)


def test_silence_before_the_words_is_left_out(aligner: SphinxAligner, recordings: dict[str, Any]) -> None:
    """A second of silence before a recording moves its words by a second."""
    sound, words = recordings["goforward"], ["go", "forward", "ten", "meters"]
    later = np.concatenate([np.zeros(HEARING_RATE, np.float32), sound])
    at_once, delayed = (aligner.align(one, HEARING_RATE, words) for one in (sound, later))
    assert [start + 1 for start, _ in at_once] == pytest.approx([start for start, _ in delayed], abs=0.1)


def test_numbers_signs_and_unknown_words_have_times(aligner: SphinxAligner, recordings: dict[str, Any]) -> None:
    """Words are aligned as they are spoken, a number as its words, one that no dictionary has by its letters."""
    times = aligner.align(recordings["goforward"], HEARING_RATE, ["Go", "\u2014", "forwardd", "10", "meters!"])
    plain = aligner.align(recordings["goforward"], HEARING_RATE, ["go", "forward", "ten", "meters"])
    dash = times.pop(1)
    assert dash[0] == dash[1]
    assert [start for start, _ in times] == pytest.approx([start for start, _ in plain], abs=0.15)


def test_a_last_word_that_is_a_wrong_guess_moves_no_other(
    aligner: SphinxAligner, recordings: dict[str, Any], labels: dict[str, Any]
) -> None:
    """Where the last words are not in the sound, those before them are still found, and all end with the sound."""
    for name in ("austen-0930", "something", "digits-2934z"):
        words = labels[name]["text"].split()
        right = aligner.align(recordings[name], HEARING_RATE, words)
        sound = recordings[name][: round(right[-3][1] * HEARING_RATE)]
        times = aligner.align(sound, HEARING_RATE, [*words[:-2], "extraordinary"])
        assert [start for start, _ in times[:-2]] == pytest.approx([start for start, _ in right[:-3]], abs=0.15)
        assert times[-1][1] == pytest.approx(len(sound) / HEARING_RATE)
        assert all(start <= end for start, end in times)


@pytest.mark.parametrize("sound", [np.zeros(0, np.float32), np.zeros(1_600, np.float32)])
def test_words_that_are_not_there_are_spread(aligner: SphinxAligner, sound: Any) -> None:
    """In sound too short for the words they share it by their letters."""
    words = ["hello", "there", "my", "friend"]
    assert aligner.align(sound, HEARING_RATE, words) == spread(words, 0.0, len(sound) / HEARING_RATE)


def test_no_words_have_no_times(aligner: SphinxAligner, recordings: dict[str, Any]) -> None:
    """Without words there is nothing to find, with signs alone nothing that takes long."""
    assert aligner.align(recordings["goforward"], HEARING_RATE, []) == []
    assert len(aligner.align(recordings["goforward"], HEARING_RATE, ["..."])) == 1


def test_a_decoder_that_was_taught_much_is_replaced(
    recordings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unknown words are remembered by the decoder alone that met them, and not for ever."""
    monkeypatch.setattr(align, "MOST_TAUGHT", 2)
    sphinx = SphinxAligner()
    taught = []
    for word in ("forwardly", "forwardish", "forwardable"):
        sphinx.align(recordings["goforward"], HEARING_RATE, ["go", word, "ten", "meters"])
        taught.append(sphinx._idle.qsize())
    assert taught == [1, 0, 1]


def test_letters_share_the_sound() -> None:
    """Without an aligner's package a word gets time by its letters and the blank behind it."""
    assert LetterAligner().align(np.zeros(900, np.float32), 100, ["I", "agree"]) == [(0.0, 2.25), (2.25, 9.0)]


@given(st.lists(st.text(min_size=1)), st.floats(0, 100), st.floats(0, 100))
def test_spread_words_fill_the_time_without_gaps(words: list[str], start: float, length: float) -> None:
    """Spread times begin and end where they should, and each word begins where the one before it ended."""
    times = spread(words, start, start + length)
    assert len(times) == len(words)
    assert all(first <= last for first, last in times)
    assert [last for _, last in times[:-1]] == [first for first, _ in times[1:]]
    if words:
        assert (times[0][0], times[-1][1]) == (pytest.approx(start), pytest.approx(start + length))
