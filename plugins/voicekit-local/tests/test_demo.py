"""The demo, held once for real, with recogniser, voice and sockets; then its folder is looked at and listened to.

How many words of a reply were played is told by forced alignment: the most words from its beginning that the decoder
can lay over its sound. That is right or one too few, not too many, as a test below shows. Of a reply that was played
to its end it can only tell that no word is missing: that nothing was played besides, its length tells. The recogniser,
which knows nothing of the bot's words, is asked as well.

On a machine that does not keep time the recogniser falls behind, turns are taken late, and words are cut: then only the
order of what was said is judged.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr

from tests.machine import EXCUSED, watched
from voicekit.session.eventlog import log_lines
from voicekit_local.demo.script import lines
from voicekit_local.engines.align import SphinxAligner
from voicekit_local.engines.choose import choose_recogniser
from voicekit_local.engines.interface import HEARING_RATE, no_progress
from voicekit_local.wer import plain_words, word_errors

pytestmark = pytest.mark.real

LOUD = 0.004
"""Of full scale, the root mean square of 20 ms: above it there is sound. Where nobody speaks, both are silent."""

RATE = 24_000
STEP = RATE // 50
HOLE = RATE // 20

LATE_S = 0.03
"""A machine that is later than this does not keep time; a frame has 0.02 s."""

Align = Callable[[Any, Sequence[str]], list[tuple[float, float]]]
"""From when to when each word sounds, in seconds; Misfit where the words can't be laid over the sound."""


class Misfit(Exception):
    """The decoder does not find these words in this sound."""


@dataclass
class Held:
    """What the demo has left behind."""

    output: str
    folder: Path
    caller: Any
    bot: Any
    history: list[dict[str, Any]]
    events: str
    excuse: str
    """Why the clock is not to be judged by, or nothing."""

    @property
    def heard(self) -> list[dict[str, Any]]:
        """The turns of which anything was heard."""
        return [turn for turn in self.history if turn["heard"]]

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

    def when(self, what: str) -> float:
        """The second at which the event log says `what`: a second of the recording."""
        found = re.search(rf"^ *([\d.]+) {what}", self.events, re.MULTILINE)
        assert found is not None, what
        return float(found[1])

    def edges(self, turn: int) -> tuple[int, int]:
        """The samples of the recording between which reply `turn` sounds, with a tenth of a second around it."""
        begins, ends = self.when(f"reply {turn} is audible") - 0.1, self.when(f"reply {turn} was ") + 0.1
        return round(begins * RATE), round(ends * RATE)

    def played(self, turn: int) -> Any:
        """The sound of reply `turn` without the pauses in which it was held: there, and only there, all is zero."""
        begins, ends = self.edges(turn)
        sound = self.bot[begins:ends]
        sounding = np.flatnonzero(sound)
        pieces = np.split(sounding, np.flatnonzero(np.diff(sounding) > HOLE) + 1)
        return np.concatenate([sound[piece[0] : piece[-1] + 1] for piece in pieces])

    def small_holes(self, turn: int) -> float:
        """Seconds for which the voice was late in the middle of reply `turn`, as far as `played` leaves them in."""
        samples = map(int, re.findall(rf"underrun: reply {turn} was (\d+) samples late", self.events))
        return sum(late for late in samples if late <= HOLE) / RATE

    def made(self, turn: int) -> tuple[list[float], float]:
        """What the voice sent for reply `turn`: the second at which each word starts, and how long all of it is."""
        begins, ends = self.when(f"reply {turn} "), self.when(f"reply {turn} was ")
        letters, starts, seconds, before = " ", [0.0], 0.0, 0.0
        stream = None
        for entry in map(json.loads, (self.folder / "wire.jsonl").read_text(encoding="utf-8").splitlines()):
            if (entry["on"], entry["way"]) != ("tts-websocket", "received") or not begins <= entry["at"] < ends:
                continue
            message = json.loads(entry["text"])
            if message["stream_id"] != stream:  # each stream counts from its own beginning
                stream, before = message["stream_id"], seconds
            if "audio" in message:
                seconds += int(message["audio"].removesuffix(" characters")) * 3 / 4 / 2 / RATE  # base64 of PCM16
            times = message.get("timestamps", {"characters": [], "character_start_times_seconds": []})
            letters += "".join(times["characters"])
            starts += [before + start for start in times["character_start_times_seconds"]]
        return [starts[word.start()] for word in re.finditer(r"\S+", letters)], seconds


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Held:
    """The demo, held in a process of its own, without a key."""
    folder = tmp_path_factory.mktemp("demo") / "call"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SONIOX_")}
    with watched() as machine:
        done = subprocess.run(
            [sys.executable, "-m", "voicekit", "demo", "--folder", str(folder)],
            capture_output=True,
            text=True,
            env=environ,
            timeout=280,
            check=False,
        )
        machine.keeps_time(within=LATE_S)
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
        events="\n".join(log_lines(folder / "events.jsonl")),
        excuse=machine.excuse,
    )


@pytest.fixture
def in_time(held: Held, request: pytest.FixtureRequest) -> bool:
    """Whether the machine kept time while the demo was held."""
    if held.excuse:
        request.node.user_properties.append((EXCUSED, held.excuse))
    return not held.excuse


@pytest.fixture(scope="module")
def recogniser() -> Any:
    engine = choose_recogniser().engine
    engine.load(no_progress)
    return engine


@pytest.fixture
def align(aligner: SphinxAligner, monkeypatch: pytest.MonkeyPatch) -> Align:
    """Forced alignment alone: where the aligner would go on to spread the words by their letters, it fails."""

    def misfit(words: Sequence[str], start: float, end: float) -> None:
        raise Misfit(words)

    monkeypatch.setattr("voicekit_local.engines.align.spread", misfit)
    return lambda sound, words: aligner.align(sound, RATE, words)


def words_in(sound: Any, said: Sequence[str], about: int, align: Align) -> int:
    """How many of the words `said` are in `sound`, looked for among `about` and three more or fewer."""
    for number in range(min(about + 3, len(said)), max(about - 4, 0), -1):
        try:
            align(sound, said[:number])
        except Misfit:
            continue
        return number
    raise Misfit(f"neither {about} words nor three more or fewer", said)


def loud(samples: Any) -> Any:
    """For each 20 ms, whether there is sound."""
    steps = samples[: len(samples) // STEP * STEP].reshape(-1, STEP)
    return np.sqrt((steps**2).mean(axis=1)) > LOUD


def recognised(samples: Any, recogniser: Any) -> str:
    return " ".join(word.text for word in recogniser.decode(soxr.resample(samples, RATE, HEARING_RATE)).words)


def turn_with(held: Held, words: str) -> dict[str, Any]:
    return next(turn for turn in held.history if words in turn["said"])


def test_the_caller_says_the_script(held: Held) -> None:
    """Every line is in the recording once, whole, and in the script's order."""
    places = [held.line_at(line.name) for line in lines()]
    assert places == sorted(places)


def test_the_caller_is_understood(held: Held, in_time: bool) -> None:
    """At most one word in ten of what the caller says to the bot is recognised wrongly, over a lost connection too."""
    said = " ".join(line.text for line in lines() if not line.aside)
    heard = " ".join(turn["user"] for turn in held.history)
    errors = word_errors(said, heard)
    print(f"{errors.wrong} of {errors.words} words wrong: {heard!r}")
    assert errors.rate <= 0.10 or not in_time
    assert "stt down" in held.events
    assert "stt up" in held.events


def test_what_is_printed_is_in_order_and_looks_like_no_fault(held: Held) -> None:
    """Lines by time, the demo's own cut as what it is, how to hear the call, and nothing that blocked a loop."""
    shown = [line for line in held.output.splitlines() if re.match(r" *\d+\.\d\d  ", line)]
    times = [float(line.split()[0]) for line in shown]
    assert times == sorted(times)
    assert sum("on purpose" in line for line in shown) == 1
    assert not [line for line in shown if "  ! " in line]
    assert "To hear it" in held.output.splitlines()[-1]


def test_every_line_gets_its_answer(held: Held, in_time: bool) -> None:
    """A sum, a story, a timer that speaks up by itself, a booking and a farewell; each turn's latency is printed."""
    said = [turn["said"] for turn in held.history]
    turns = [turn["turn"] for turn in held.history]
    assert turns == sorted(set(turns))
    if not in_time:
        return
    for words in ("168", "Once upon a time", "12 seconds from now", "12 seconds are over", "A table for", "Goodbye!"):
        assert any(words in text for text in said), words
    assert len(re.findall(r"\(\d\.\d\d s\)$", held.output, re.MULTILINE)) >= 4


def test_the_bot_says_what_the_history_says(held: Held, recogniser: Any, in_time: bool) -> None:
    """The recogniser, which hears the bot's channel alone, finds the words that the history calls heard."""
    expected = " ".join(turn["heard"] for turn in held.heard)
    found = " ".join(recognised(held.played(turn["turn"]), recogniser) for turn in held.heard)
    errors = word_errors(expected, found)
    print(f"{errors.wrong} of {errors.words} words differ: {found!r}")
    assert errors.rate <= 0.10 or not in_time


def test_nothing_sounds_but_the_replies(held: Held, in_time: bool) -> None:
    """The bot's channel is silent except while the event log has a reply audible."""
    rest = held.bot.copy()
    for turn in held.heard:
        begins, ends = held.edges(turn["turn"])
        rest[begins:ends] = 0.0
    assert not rest.any() or not in_time


def test_the_bot_falls_silent_when_it_is_interrupted(held: Held, align: Align, in_time: bool) -> None:
    """From 300 ms after the caller's second word the bot's channel is silent, until it answers the interruption."""
    if not in_time:
        return
    line = next(line for line in lines() if line.name == "stop")
    clip, rate = soundfile.read(line.path, dtype="float32")
    assert rate == RATE
    second_word_ends = held.line_at("stop") + round(align(clip, line.text.split())[1][1] * RATE)
    quiet_from = second_word_ends + round(0.3 * RATE)
    answer = turn_with(held, "12 seconds from now")["turn"]
    answers_at = round((held.when(f"reply {answer} is audible") - 0.05) * RATE)
    assert quiet_from < held.line_at("stop") + len(clip) < answers_at
    assert not loud(held.bot[quiet_from:answers_at]).any()
    assert loud(held.bot[answers_at : answers_at + RATE]).any()


def test_a_backchannel_stops_nobody(held: Held, in_time: bool) -> None:
    """After "yeah" the bot speaks on within a second; nothing is cut or asked by it, and it is in no turn's words."""
    line = next(line for line in lines() if line.aside)
    clip, _ = soundfile.read(line.path)
    begins, stops = held.line_at(line.name), held.line_at("stop")
    ends = begins + len(clip)
    assert ends <= stops
    if not in_time:
        return
    assert loud(held.bot[ends : ends + RATE]).any()
    assert stops > ends + 3 * RATE
    assert not any("yeah" in plain_words(turn["user"]) for turn in held.history)
    log = [(float(at), what) for at, what in (entry.split(maxsplit=1) for entry in held.events.splitlines())]
    between = [what for at, what in log if begins / RATE < at < stops / RATE]
    assert any("yeah" in plain_words(what) for what in between)
    assert [what for what in between if re.match(r"(cut|commit|reply) \d", what)] == []


def test_the_heard_words_are_those_that_were_played(held: Held, align: Align, in_time: bool) -> None:
    """Of every reply the bot's channel holds the words that the history calls heard, within one, and nothing behind."""
    assert all(turn["said"].startswith(turn["heard"]) for turn in held.history)
    for turn in held.heard if in_time else ():
        sound, said = held.played(turn["turn"]), turn["said"].split()
        heard = len(turn["heard"].split())
        found = words_in(sound, said, heard, align)
        ends = align(sound, said[:found])[-1][1]
        print(f"reply {turn['turn']}: {heard} words heard, {found} found; {len(sound) / RATE - ends:.2f} s behind them")
        assert heard - 1 <= found <= heard  # one less if alignment loses the last word, or if that word had just begun
        assert len(sound) / RATE - ends < 0.4


def test_alignment_tells_how_many_words_were_played(held: Held, align: Align, in_time: bool) -> None:
    """Cut off where a word begins, the story is found to hold the words before it, or one less: a control."""
    if not in_time:
        return
    turn = turn_with(held, "Once upon a time")
    sound, said = held.played(turn["turn"]), turn["said"].split()
    number = words_in(sound, said, len(turn["heard"].split()), align)
    times = align(sound, said[:number])
    cuts = range(number - 6, number)
    found = [words_in(sound[: round(times[cut][0] * RATE)], said, cut, align) - cut for cut in cuts]
    print(f"words found too many or too few: {found}")
    assert set(found) <= {0, -1}


def test_heard_ends_with_the_last_word_whose_beginning_was_played(held: Held, in_time: bool) -> None:
    """The recording of the cut reply ends after the start of its last heard word, and before that of the next."""
    if not in_time:
        return
    turn = turn_with(held, "Once upon a time")
    words, _ = held.made(turn["turn"])
    heard = len(turn["heard"].split())
    played = len(held.played(turn["turn"])) / RATE
    print(f"played {played:.3f} s; word {heard} starts at {words[heard - 1]:.3f} s, the next at {words[heard]:.3f} s")
    assert turn["cut"]
    assert words[heard - 1] - 0.02 <= played <= words[heard] + 0.02


def test_a_reply_is_played_as_it_was_made(held: Held, in_time: bool) -> None:
    """The recording of a reply that nobody cut is as long as its voice's sound and the holes that were reported."""
    for turn in held.heard:
        if in_time and not turn["cut"]:
            _, seconds = held.made(turn["turn"])
            seconds += held.small_holes(turn["turn"])
            assert len(held.played(turn["turn"])) / RATE == pytest.approx(seconds, abs=0.02)


def test_the_recogniser_hears_what_counts_as_heard(held: Held, recogniser: Any, in_time: bool) -> None:
    """In the cut reply the recogniser finds as many words as the history, give or take one and its own slips."""
    if not in_time:
        return
    story = turn_with(held, "Once upon a time")
    found = plain_words(recognised(held.played(story["turn"]), recogniser))
    expected = plain_words(story["heard"])
    print(f"played: {' '.join(found)}\nheard:  {' '.join(expected)}")
    assert len(expected) > 15
    slips = len(expected) // 12  # without knowing the text, the recogniser sometimes loses or doubles a short word
    assert abs(len(found) - len(expected)) <= 1 + slips
    assert any(word in found[-4:] for word in expected[-3:])
