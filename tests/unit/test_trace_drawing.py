"""Waterfalls as text and as pictures, what is audible in a sound, and the verb that draws a call."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from array import array
from pathlib import Path

import numpy as np
import pytest
import soundfile
import trio
from trio.testing import MockClock

from tests.unit.test_trace_bars import LOG, read
from voicekit.cli.trace import main
from voicekit.errors import ConfigError
from voicekit.flow.threads import inline
from voicekit.session.eventlog import LoggedEvent, open_event_log
from voicekit.session.trace.bars import Bar, Waterfall
from voicekit.session.trace.drawing import as_numbers, draw
from voicekit.session.trace.levels import Level
from voicekit.session.trace.recording import audible
from voicekit.session.trace.svg import as_svg

AHEAD = Waterfall(3, "<hm> & so", (Bar("endpoint", 1.0, 2.0), Bar("playout", 2.0, 3.0, (1.25, 1.75))), True)


def test_bars_are_drawn_to_scale_one_behind_the_other():
    """Ten columns are a second, and a bar begins in the column in which the one before it ends."""
    fall = Waterfall(1, "hm", (Bar("endpoint", 1.0, 2.0), Bar("playout", 2.0, 4.0)), True)
    assert draw(fall, width=63, colour=False, recorded=3.03).splitlines() == [
        "turn 1: hm",
        "endpoint              ██████████                      1,000 ms",
        "playout                         ████████████████████  2,000 ms",
        "together              3,000 ms",
        "in the recording      3,030 ms",
        "unexplained           30 ms (1.0%)",
    ]


def test_work_ahead_is_drawn_lighter_and_before_its_bar():
    """What was done while something else was waited for stands in the bar's own line, at its own time."""
    row = draw(AHEAD, width=53, colour=False).splitlines()[2]
    assert row == "playout                 ░░░░░░  ██████████  1,000 ms"


@pytest.mark.parametrize("width", [10, 50, 80, 200])
def test_nothing_is_wider_than_the_terminal(width):
    """Every line keeps to the width, or to the least that can be read."""
    for fall in (AHEAD, read(LOG)):
        assert max(map(len, draw(fall, width=width, colour=False).splitlines())) <= max(width, 50)


def test_colours_are_only_added():
    """A drawing in colours has the text of the one without, and a colour for each bar."""
    plain, coloured = draw(AHEAD, colour=False), draw(AHEAD, colour=True)
    bare = re.sub(r"\x1b\[\d+m", "", coloured)
    assert [line.split() for line in bare.splitlines()] == [line.split() for line in plain.splitlines()]
    assert coloured.count("\x1b[0m") == len(AHEAD.bars)


def test_the_picture_is_well_formed_and_to_scale():
    """The SVG has a box per bar with widths in proportion, one more for work ahead, and escapes what was said."""
    root = ET.fromstring(as_svg(AHEAD, 2.02))
    boxes = root.findall("{http://www.w3.org/2000/svg}rect")[1:]
    widths = [float(box.attrib["width"]) for box in boxes]
    assert widths[0] == widths[2] == pytest.approx(2 * widths[1], abs=0.2)
    texts = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[0] == "turn 3: <hm> & so"
    assert texts[-1] == "unexplained 20 ms (1.0%)"


def test_the_first_and_the_last_audible_sample_are_found():
    """In a frame of hiss with a word in it, those of the word, and none in one without."""
    level = Level()
    assert level.audible(array("h", [20, -20] * 160)) is None
    assert level.audible(array("h", [0] * 100 + [5000, 3, -400] + [10] * 217)) == (100, 102)
    assert level.audible(array("h")) is None


def test_noise_that_is_always_there_is_not_taken_for_speech():
    """After the noise of a line has been heard, only what stands out of it is audible."""
    dice = np.random.default_rng(1)
    noise = dice.integers(-800, 801, 160_000).astype("<i2")
    noise[80_000:96_000] = dice.integers(-9_000, 9_001, 16_000)
    noise[[80_000, 95_999]] = 9_000
    spans = [span for span in audible(array("h", noise.tobytes()), 16_000, Level()) if span[0] > 0.1]
    assert (spans[0][0], spans[-1][1]) == (5.0, 6.0)


def written(path: Path, log: list[tuple[float, LoggedEvent]]) -> None:
    """Write `log` as a session does, in virtual time."""

    async def write() -> None:
        inline.set(True)
        async with open_event_log(path) as note:
            for at, event in log:
                await trio.sleep_until(at)
                note(event)

    trio.run(write, clock=MockClock(autojump_threshold=0))


def test_the_verb_draws_a_call(tmp_path, capsys):
    """A folder with a log and the sound is drawn with what the recording says, turn by turn, and as a picture."""
    written(tmp_path / "events.jsonl", LOG)
    sound = np.zeros((48_000, 2), dtype="<i2")
    sound[8_000:24_000, 0] = 5_000
    sound[43_680:, 1] = 5_000
    soundfile.write(tmp_path / "call.wav", sound, 16_000)
    picture = tmp_path / "turn.svg"
    assert main([str(tmp_path), "--turn", "1", "--width", "80", "--svg", str(picture)]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("turn 1: what time\nfinal transcript")
    assert "unexplained           0 ms (0.0%)" in shown
    assert "\x1b" not in shown
    assert picture.read_text(encoding="utf-8").startswith("<svg")


@pytest.mark.parametrize(
    ("log", "arguments", "complaint"),
    [
        (None, [], "with events.jsonl in it"),
        (LOG[:1], [], "expected turns of a traced session"),
        (LOG, ["--turn", "2"], "expected one of the turns with a trace \\(1\\), got 2"),
    ],
)
def test_the_verb_says_what_is_missing(log, arguments, complaint, tmp_path):
    """Without a log, without milestones and without the turn that was asked for, it says what it expected."""
    if log is not None:
        written(tmp_path / "events.jsonl", log)
    with pytest.raises(ConfigError, match=complaint):
        main([str(tmp_path), *arguments])


def test_a_waterfall_is_numbers_for_programs():
    """Seconds by the names of the bars, and whether the reply was heard."""
    assert as_numbers(AHEAD, 2.03) == {
        "turn": 3,
        "seconds": 2.0,
        "complete": True,
        "recorded": 2.03,
        "bars": {"endpoint": 1.0, "playout": 1.0},
    }
