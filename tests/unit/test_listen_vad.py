"""The voice activity detectors, on sound that is made here; recordings are in test_real_sound.py."""

from __future__ import annotations

import math
import struct
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.vad_on_noise import false_alarms, pink
from voicekit.contracts import Vad, VadStream
from voicekit.errors import ConfigError
from voicekit.listen.vad import ConfirmedBy, EnergyVad, WebRtcVad

SILENCE = bytes(640)


def sine(peak: float, *, rate: int = 16_000, samples: int = 320, offset: int = 0) -> bytes:
    """400 Hz, whole periods, so that its power is exactly half its peak squared."""
    waves = [round(peak * math.sin(math.tau * 400 * n / rate)) + offset for n in range(samples)]
    return struct.pack(f"<{samples}h", *waves)


def buzz(samples: int) -> bytes:
    """A pulse train of 120 Hz at 16 kHz: loud, and as harmonic as a vowel."""
    return struct.pack(f"<{samples}h", *(12_000 if n % 133 < 20 else -2_000 for n in range(samples)))


@dataclass
class ScriptedStream:
    """Says the given probabilities, and notes what it was asked to judge."""

    window: int
    script: list[float]
    heard: list[bytes] = field(default_factory=list)

    def probability(self, pcm: bytes) -> float:
        assert len(pcm) == 2 * self.window
        self.heard.append(pcm)
        return self.script.pop(0)


@dataclass
class Scripted:
    """A VAD whose one stream is given."""

    stream: ScriptedStream
    rates: Sequence[int] = (16_000,)

    def start(self, rate: int) -> VadStream:
        return self.stream


@pytest.mark.parametrize("vad", [WebRtcVad(), EnergyVad(), ConfirmedBy(WebRtcVad(), EnergyVad())], ids=repr)
def test_every_detector_keeps_the_contract_at_each_of_its_rates(vad: Vad) -> None:
    """It is a Vad, wants windows of 20 ms, says 0 to silence and something from 0 to 1 to a loud sound."""
    assert isinstance(vad, Vad)
    for rate in vad.rates:
        stream = vad.start(rate)
        assert stream.window == round(rate / 50)
        assert stream.probability(bytes(2 * stream.window)) == 0.0
        assert 0.0 <= stream.probability(buzz(stream.window)) <= 1.0


@pytest.mark.parametrize("vad", [WebRtcVad(), EnergyVad(), ConfirmedBy(WebRtcVad(), EnergyVad())], ids=repr)
def test_another_rate_is_refused_by_name(vad: Vad) -> None:
    """A rate that the detector can't judge raises ConfigError with the ones it can."""
    with pytest.raises(ConfigError, match=r"expected one of the rates 8000, .*48000 Hz, got 7999"):
        vad.start(7_999)


@pytest.mark.parametrize("mode", [-1, 4, 2.5, "2", None])
def test_webrtcvad_refuses_another_mode(mode: object) -> None:
    """Only 0, 1, 2 and 3 are modes; the message says so, when it is written and not when it runs."""
    with pytest.raises(ConfigError, match=r"expected mode 0, 1, 2 or 3, got "):
        WebRtcVad(mode)  # type: ignore[arg-type]  # what a wrong caller does


@pytest.mark.slow
@pytest.mark.parametrize("mode", [0, 1, 2, 3])
@pytest.mark.parametrize("rate", [8_000, 16_000, 32_000, 48_000])
def test_each_yes_of_webrtcvad_trails_as_long_as_it_says(mode: int, rate: int) -> None:
    """In each mode and rate the shortest run of yes in noise is one window and the trail."""
    sound = pink(1.0, -60.0, rate=rate) + pink(30.0, -30.0, rate=rate)
    stream = WebRtcVad(mode).start(rate)
    size = 2 * stream.window
    verdicts = [stream.probability(sound[at : at + size]) for at in range(0, len(sound) - size + 1, size)]
    # Without the first windows, in which the vad adapts, and the last run, which may be cut off.
    runs = [len(list(run)) for yes, run in groupby(verdicts[25:]) if yes][:-1]
    assert (min(runs) - 1) * stream.window == stream.trail  # type: ignore[attr-defined]  # optional in the contract


def test_webrtcvad_says_no_while_it_learns_the_room() -> None:
    """The first 100 ms of sound are never speech, however loud; digital silence before them teaches it nothing."""
    loud = buzz(320)
    stream = WebRtcVad().start(16_000)
    assert [stream.probability(pcm) for pcm in [SILENCE] * 50 + [loud] * 7] == [0.0] * 55 + [1.0] * 2


def test_webrtcvad_is_loaded_only_when_a_stream_starts() -> None:
    """Importing the ears and naming the detector loads no extension module."""
    code = (
        "import sys; from voicekit.listen import WebRtcVad, detect; part = detect(WebRtcVad());"
        "assert 'webrtcvad' not in sys.modules; WebRtcVad().start(16_000); assert 'webrtcvad' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("over", "probability"), [(-20.0, 0.0), (-10.0, 0.0), (-5.0, 0.25), (0.0, 0.5), (5.0, 0.75), (10.0, 1.0)]
)
def test_the_energy_vad_says_how_far_a_sound_is_over_its_threshold(over: float, probability: float) -> None:
    """Half at the threshold, and from nothing to certain over 20 dB around it."""
    peak = math.sqrt(2) * 32_768 * 10 ** ((-40 + over) / 20)
    assert EnergyVad(-40.0).start(16_000).probability(sine(peak)) == pytest.approx(probability, abs=0.02)


def test_the_energy_vad_does_not_hear_direct_current() -> None:
    """A microphone with an offset is as silent as one without."""
    stream = EnergyVad(-60.0).start(16_000)
    assert stream.probability(struct.pack("<320h", *[3_000] * 320)) == 0.0
    assert stream.probability(sine(1_000, offset=3_000)) == stream.probability(sine(1_000))


@pytest.mark.parametrize("threshold", [0.0, 3.0, -97.0, float("nan")])
def test_the_energy_vad_refuses_a_threshold_that_decides_nothing(threshold: float) -> None:
    """At full scale nothing would be speech, below 16 bits everything."""
    with pytest.raises(ConfigError, match=r"expected a threshold from -96 to 0 dBFS, got "):
        EnergyVad(threshold)


def test_the_judge_confirms_or_refuses_what_the_first_lets_pass() -> None:
    """Where the first says yes the judge's latest verdict counts, and where it says no the judge isn't asked."""
    first = ScriptedStream(320, [0.0, 0.0, 1.0, 1.0, 0.4, 0.5])
    judge = ScriptedStream(320, [0.2, 0.9, 0.1, 0.3, 0.8])
    stream = ConfirmedBy(Scripted(first), Scripted(judge), pre_roll=0.0).start(16_000)
    assert [stream.probability(bytes([n]) * 640) for n in range(6)] == [0.0, 0.0, 0.9, 0.1, 0.0, 0.8]
    assert [pcm[0] for pcm in judge.heard] == [1, 2, 3, 4, 5]


def test_the_judge_hears_what_came_before_the_first_yes() -> None:
    """On a yes the judge first catches up on the pre-roll, here two windows, and no further back."""
    first = ScriptedStream(320, [0.0] * 5 + [1.0])
    judge = ScriptedStream(320, [0.2, 0.3, 0.9])
    stream = ConfirmedBy(Scripted(first), Scripted(judge), pre_roll=0.04).start(16_000)
    assert [stream.probability(bytes([n]) * 640) for n in range(6)] == [0.0] * 5 + [0.9]
    assert [pcm[0] for pcm in judge.heard] == [3, 4, 5]


@given(
    script=st.lists(st.sampled_from([0.0, 1.0]), max_size=60),
    window=st.integers(1, 900),
    pre_roll=st.sampled_from([0.0, 0.03, 0.2]),
)
def test_the_judge_hears_whole_windows_in_order_and_none_twice(
    script: list[float], window: int, pre_roll: float
) -> None:
    """Whatever its window: exact windows, each a piece of the sound, further on each time, near a yes."""
    sound = [struct.pack("<320H", *range(n * 320, n * 320 + 320)) for n in range(len(script))]
    first, judge = ScriptedStream(320, [*script]), ScriptedStream(window, [0.5] * 20_000)
    stream = ConfirmedBy(Scripted(first), Scripted(judge), pre_roll=pre_roll).start(16_000)
    for pcm, yes in zip(sound, script, strict=True):
        assert stream.probability(pcm) in ((0.0, 0.5) if yes else (0.0,))
    starts = [struct.unpack_from("<H", pcm)[0] for pcm in judge.heard]
    assert [list(struct.unpack(f"<{window}H", pcm)) for pcm in judge.heard] == [
        list(range(start, start + window)) for start in starts
    ]
    assert all(later >= earlier + window for earlier, later in pairwise(starts))
    reach = max(round(pre_roll * 16_000), window) + window
    for start in starts:
        assert any(yes and n * 320 - reach <= start < (n + 1) * 320 for n, yes in enumerate(script))


def test_confirming_never_adds_speech() -> None:
    """In noise that the judge lets pass, there is no more speech than with the first alone: its trail still counts."""
    noise = pink(60.0, -30.0)
    alone, confirmed = (false_alarms(vad, noise) for vad in (WebRtcVad(), ConfirmedBy(WebRtcVad(), EnergyVad(-60.0))))
    assert 0 < confirmed.speaking <= alone.speaking
    assert confirmed.starts <= alone.starts


def test_two_detectors_need_a_rate_in_common() -> None:
    """A pair that can't judge the same sound is refused when it is made, with the rates of both."""
    pair = Scripted(ScriptedStream(320, [])), Scripted(ScriptedStream(320, []), rates=(24_000,))
    with pytest.raises(ConfigError, match=r"a common sample rate, got \[16000\] and \[24000\] Hz"):
        ConfirmedBy(*pair)
