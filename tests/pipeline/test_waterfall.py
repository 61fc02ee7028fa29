"""A waterfall is honest: its bars are the delays there were, and together they are the wait that was recorded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.pipeline.waterfall_kit import Delays, gaps, hold, record
from voicekit.errors import ConfigError
from voicekit.session.trace.bars import Waterfall
from voicekit.session.trace.call import read_call
from voicekit.session.trace.recording import read_recording
from voicekit.session.trace.taps import trace
from voicekit.testing import Script, hold_call
from voicekit.turn.policy import Policy, TurnPolicy

pytestmark = pytest.mark.slow

SEEDS = range(50)
SLOWER = 0.03

STAGES = {
    "think": "handler's first word",
    "sentence": "first sentence",
    "voice": "voice's first byte",
    "silence": "leading silence",
    "device": "playout",
    "endpoint": "endpoint",
}
"""Which delay is which bar."""


def bars(fall: Waterfall) -> dict[str, float]:
    return {bar.name: bar.seconds for bar in fall.bars}


@pytest.mark.parametrize("seed", SEEDS)
def test_the_named_bars_are_the_recorded_wait(seed, tmp_path):
    """The bars' sum is within 20 ms of what a detector measures that sees only the sound, and 99 % of it or more."""
    held = hold(Delays.seeded(seed), tmp_path)
    recorded = gaps(held.wav)
    assert len(recorded) == len(held.falls) == 2
    for gap, fall in zip(recorded, held.falls, strict=True):
        assert sum(bars(fall).values()) == pytest.approx(gap, abs=0.02)
        assert abs(gap - fall.seconds) < 0.01 * gap


@pytest.mark.parametrize("seed", SEEDS[:10])
def test_each_bar_is_the_delay_that_there_was(seed, tmp_path):
    """Every stage's bar is as long as that stage took, to three milliseconds."""
    delays = Delays.seeded(seed)
    for fall in hold(delays, tmp_path).falls:
        found = bars(fall)
        for delay in ("think", "sentence", "voice", "silence", "device"):
            assert found[STAGES[delay]] == pytest.approx(getattr(delays, delay), abs=0.003), delay
        assert fall.bars[0].start + delays.endpoint == pytest.approx(fall.bars[-6].end, abs=0.003)


@pytest.mark.parametrize("stage", STAGES)
def test_a_slower_stage_shows_as_its_bar(stage, tmp_path):
    """30 ms more in one stage are 30 ms more in its bar, and nothing in any other."""
    before, after = (
        bars(hold(delays, tmp_path).falls[0])
        for delays in (Delays(), replace(Delays(), **{stage: getattr(Delays(), stage) + SLOWER}))
    )
    more = {name: after[name] - before[name] for name in before}
    assert more.pop(STAGES[stage]) == pytest.approx(SLOWER, abs=0.003)
    assert list(more.values()) == pytest.approx([0.0] * len(more), abs=0.003)


def test_a_voice_that_is_loud_from_its_first_sample_has_no_leading_silence(tmp_path):
    """Its own loudness is not taken for the noise of a line, neither by the trace nor in the recording."""
    held = hold(Delays(silence=0.0), tmp_path)
    recording = read_recording(tmp_path / "sound.wav")
    for fall in held.falls:
        assert fall.complete
        assert bars(fall)["leading silence"] == 0.0
        assert recording.wait(fall, fall.bars[-6].end) == pytest.approx(fall.seconds, abs=0.005)


def test_without_endpoints_the_wait_for_the_turn_is_named(tmp_path):
    """Where the pause ends the turn, that wait is the turn's own bar, and the sum still is the recorded one."""
    held = hold(Delays(), tmp_path, endpoints=False)
    assert bars(held.falls[0])["turn decision"] > 0.4
    assert held.falls[0].seconds == pytest.approx(gaps(held.wav)[0], abs=0.005)


def test_the_recording_is_measured_as_the_test_measures_it(tmp_path):
    """What `voicekit trace` finds in a call's sound is what the detector of these tests finds."""
    held = hold(Delays.seeded(1), tmp_path)
    recording = read_recording(tmp_path / "sound.wav")
    waits = [recording.wait(fall, fall.bars[-6].end) for fall in held.falls]
    assert waits == pytest.approx(gaps(held.wav), abs=0.001)


@pytest.mark.parametrize("seed", SEEDS[:5])
def test_a_recorded_call_can_be_drawn(seed, tmp_path):
    """A call folder has all that a waterfall needs, and its own recording agrees with the bars to 1 % and 20 ms."""
    record(Delays.seeded(seed), tmp_path)
    call = read_call(tmp_path)
    assert len(call.falls) == 2
    for fall in call.falls:
        recorded = call.recorded(fall)
        assert recorded == pytest.approx(fall.seconds, abs=0.02)
        assert abs(recorded - fall.seconds) < 0.01 * recorded


def test_a_session_that_runs_can_not_be_traced_any_more(tmp_path):
    """Its parts are in use: that is told, and nothing is half traced."""
    complaints = []

    async def handler(turn, say):
        with pytest.raises(ConfigError, match="has not started") as told:
            trace(turn.session, complaints.append)
        complaints.append(str(told.value))

    script = Script()
    script.says("hello there", at=0.5, for_=0.5)
    hold_call(handler, script)
    assert len(complaints) == 1


def test_speculation_is_an_overlap_and_no_wait(tmp_path):
    """A reply thought out before its turn was complete has its work ahead and no wait, and the sum still holds."""
    policy = Policy(turn=TurnPolicy(speculate=True))
    held = hold(Delays(endpoint=1.5), tmp_path, policy=policy)
    (word,) = [bar for bar in held.falls[0].bars if bar.name == "handler's first word"]
    assert word.seconds == 0.0
    assert word.ahead is not None
    assert word.ahead[1] - word.ahead[0] == pytest.approx(Delays().think, abs=0.003)
    assert held.falls[0].seconds == pytest.approx(gaps(held.wav)[0], abs=0.005)
    assert held.falls[0].seconds < hold(Delays(endpoint=1.5), tmp_path).falls[0].seconds - 0.2
