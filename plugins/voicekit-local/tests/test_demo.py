"""The demo, held once for real, with recogniser, voice and sockets; then its folder is looked at and listened to.

What the bot's channel says is found by the recogniser and the aligner, which know nothing of the bot.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr

from voicekit_local.demo.script import lines
from voicekit_local.engines.choose import choose_aligner, choose_recogniser
from voicekit_local.engines.interface import HEARING_RATE, no_progress
from voicekit_local.wer import plain_words, word_errors

LOUD = 0.004
"""Of full scale, the root mean square of 20 ms: above it there is sound. Where nobody speaks, both are silent."""

RATE = 24_000
STEP = RATE // 50


@dataclass
class Held:
    """What the demo has left behind."""

    output: str
    folder: Path
    caller: Any
    bot: Any
    history: list[dict[str, Any]]
    events: str

    def line_at(self, name: str) -> int:
        """The sample at which a line of the caller begins: the recording has it exactly as it is in its file."""
        path = next(line.path for line in lines() if line.name == name)
        clip, rate = soundfile.read(path, dtype="int16")
        assert rate == RATE
        own = np.round(self.caller * 32_768).astype(np.int16)
        probe = clip[len(clip) // 2 : len(clip) // 2 + 64]
        places = np.flatnonzero(own[: -len(clip)] == probe[0])
        found = [at for at in places if np.array_equal(own[at : at + 64], probe)]
        assert len(found) == 1, f"{name}: found {len(found)} times"
        return int(found[0]) - len(clip) // 2


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Held:
    """The demo, held in a process of its own, without a key."""
    folder = tmp_path_factory.mktemp("demo") / "call"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SONIOX_")}
    done = subprocess.run(
        [sys.executable, "-m", "voicekit", "demo", "--folder", str(folder)],
        capture_output=True,
        text=True,
        env=environ,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    sound, rate = soundfile.read(folder / "call.wav", dtype="float32", always_2d=True)
    assert rate == RATE
    print(done.stdout)
    return Held(
        output=done.stdout,
        folder=folder,
        caller=sound[:, 0],
        bot=sound[:, 1],
        history=json.loads((folder / "history.json").read_text(encoding="utf-8")),
        events=(folder / "events.log").read_text(encoding="utf-8"),
    )


@pytest.fixture(scope="module")
def recogniser() -> Any:
    engine = choose_recogniser().engine
    engine.load(no_progress)
    return engine


def loud(samples: Any) -> Any:
    """For each 20 ms, whether there is sound."""
    steps = samples[: len(samples) // STEP * STEP].reshape(-1, STEP)
    return np.sqrt((steps**2).mean(axis=1)) > LOUD


def stretches(samples: Any, gap_s: float = 0.25) -> Iterator[tuple[int, int]]:
    """From where to where there is sound, in samples; pauses of up to `gap_s` belong to it."""
    steps = np.flatnonzero(loud(samples))
    if not len(steps):
        return
    breaks = np.flatnonzero(np.diff(steps) > gap_s * 50)
    for start, end in zip([0, *(breaks + 1)], [*breaks, len(steps) - 1], strict=True):
        yield int(steps[start]) * STEP, int(steps[end] + 1) * STEP


def heard_in(samples: Any, recogniser: Any) -> str:
    """What the recogniser makes of `samples`, stretch by stretch."""
    words = []
    for start, end in stretches(samples):
        piece = samples[max(start - STEP * 5, 0) : end + STEP * 5]
        words += [word.text for word in recogniser.decode(soxr.resample(piece, RATE, HEARING_RATE)).words]
    return " ".join(words)


def turn_with(held: Held, words: str) -> dict[str, Any]:
    return next(turn for turn in held.history if words in turn["said"])


def test_the_caller_is_understood(held: Held) -> None:
    """At most one word in ten of what the caller says to the bot is recognised wrongly, over a lost connection too."""
    said = " ".join(line.text for line in lines() if not line.aside)
    heard = " ".join(turn["user"] for turn in held.history)
    errors = word_errors(said, heard)
    print(f"{errors.wrong} of {errors.words} words wrong: {heard!r}")
    assert errors.rate <= 0.10
    assert "ears down" in held.events
    assert "ears up" in held.events


def test_every_line_gets_its_answer(held: Held) -> None:
    """A sum, a story, a timer that speaks up by itself, a booking and a farewell; each turn's latency is printed."""
    said = [turn["said"] for turn in held.history]
    for words in ("168", "Once upon a time", "12 seconds from now", "12 seconds are over", "A table for", "Goodbye!"):
        assert any(words in text for text in said), words
    assert len(re.findall(r"\(\d\.\d\d s\)$", held.output, re.MULTILINE)) >= 4


def test_the_bot_says_what_the_history_says(held: Held, recogniser: Any) -> None:
    """The recogniser, which hears the bot's channel alone, finds the words that the history calls heard."""
    expected = " ".join(turn["heard"] for turn in held.history)
    errors = word_errors(expected, heard_in(held.bot, recogniser))
    print(f"{errors.wrong} of {errors.words} words differ")
    assert errors.rate <= 0.15


def test_the_bot_falls_silent_when_it_is_interrupted(held: Held) -> None:
    """From 300 ms after the caller's second word the bot's channel is silent, until it answers the interruption."""
    line = next(line for line in lines() if line.name == "stop")
    clip, rate = soundfile.read(line.path, dtype="float32")
    aligner = choose_aligner().engine
    aligner.load(no_progress)
    times = aligner.align(clip, rate, line.text.split())
    second_word_ends = held.line_at("stop") + round(times[1][1] * RATE)
    line_ends = held.line_at("stop") + len(clip)
    quiet_from = second_word_ends + round(0.3 * RATE)
    assert quiet_from < line_ends
    assert not loud(held.bot[quiet_from:line_ends]).any()
    assert loud(held.bot[line_ends : line_ends + 5 * RATE]).any()


def test_a_backchannel_stops_nobody(held: Held) -> None:
    """The bot speaks on within a second of the caller's "yeah", and the story goes on to be heard."""
    line = next(line for line in lines() if line.aside)
    clip, _ = soundfile.read(line.path)
    ends = held.line_at(line.name) + len(clip)
    assert loud(held.bot[ends : ends + RATE]).any()
    assert held.line_at("stop") > ends + 3 * RATE
    story = turn_with(held, "Once upon a time")
    assert story["cut"]
    assert len(plain_words(story["heard"])) > 15


def test_what_counts_as_heard_is_what_was_played(held: Held, recogniser: Any) -> None:
    """Of the interrupted reply, the channel holds the words of the history, give or take the one that was cut."""
    story = turn_with(held, "Once upon a time")
    begins = held.line_at("story") + RATE
    ends = held.line_at("stop") + 2 * RATE
    found = plain_words(heard_in(held.bot[begins:ends], recogniser))
    expected = plain_words(story["heard"])
    print(f"played: {' '.join(found)}\nheard:  {' '.join(expected)}")
    assert abs(len(found) - len(expected)) <= 1 + len(expected) // 12  # the recogniser's own slips
    last = expected[-2:]
    assert any(word in found[-3:] for word in last)


def test_the_heard_words_fill_what_was_played(held: Held) -> None:
    """Forced alignment lays the heard words of the cut reply over its sound: less than a word of it is left over."""
    begins, ends = held.line_at("story") + RATE, held.line_at("stop") + 2 * RATE
    played = [begins + edge for stretch in stretches(held.bot[begins:ends], gap_s=1.0) for edge in stretch]
    sound = held.bot[played[0] : played[-1]]
    aligner = choose_aligner().engine
    aligner.load(no_progress)
    words = turn_with(held, "Once upon a time")["heard"].split()
    times = aligner.align(sound, RATE, words)
    print([(word, round(start, 2), round(end, 2)) for word, (start, end) in zip(words, times, strict=True)][-6:])
    assert len(sound) / RATE - times[-1][1] < 0.4
    assert all(0.04 < end - start < 1.2 for start, end in times[-3:])
