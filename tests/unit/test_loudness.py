"""How loud speech was, and when it becomes louder in front of a background."""

from __future__ import annotations

from array import array

import pytest

from voicekit.audio.format import PCM16K
from voicekit.audio.frame import AudioFrame
from voicekit.events import SpeechStarted, SpeechStopped
from voicekit.flow.transform import StreamContext
from voicekit.listen.detect import detect
from voicekit.listen.loudness import WINDOWS, Loudness
from voicekit.listen.vad import EnergyVad

WINDOW = 320


def window(amplitude: int) -> bytes:
    """20 ms of a square wave, whose level is its amplitude."""
    return array("h", [amplitude, -amplitude] * (WINDOW // 2)).tobytes()


def test_the_level_of_a_span_is_the_mean_of_its_windows() -> None:
    """Windows count if they begin in the span; without any, there is no level."""
    loudness = Loudness()
    for place, amplitude in enumerate((32_768 // 100, 32_767, 3_277)):
        loudness.note(window(amplitude), place * WINDOW)
    assert loudness.over(0, WINDOW) == pytest.approx(-40.0, abs=0.1)
    assert loudness.over(WINDOW, 2 * WINDOW) == pytest.approx(0.0, abs=0.1)
    assert loudness.over(0, 3 * WINDOW) == pytest.approx(-4.7, abs=0.1)
    assert (loudness.over(5 * WINDOW, 9 * WINDOW), Loudness().over(0, WINDOW)) == (None, None)


def test_digital_silence_has_no_level() -> None:
    """Its logarithm would be none."""
    loudness = Loudness()
    loudness.note(bytes(2 * WINDOW), 0)
    assert loudness.over(0, WINDOW) is None


def test_old_windows_are_forgotten() -> None:
    """The memory is bounded by what a late final may ask for."""
    loudness = Loudness()
    for place in range(WINDOWS + 1):
        loudness.note(window(1_000), place * WINDOW)
    assert loudness.over(0, WINDOW) is None
    assert loudness.over(WINDOW, 2 * WINDOW) is not None


def test_a_caller_in_front_of_a_television_is_signalled() -> None:
    """Speech that becomes much louder starts again, once, and stops when it has become much fainter for a while.

    Neither is a mark in the sound, and nothing else changes.
    """
    signals: list[object] = []
    part = detect(EnergyVad(-60.0), loudness=Loudness()).start(StreamContext(PCM16K, signals.append))
    levels = [0] * 10 + [300] * 40 + [3_000] * 40 + [300] * 30 + [0] * 40
    frames = [AudioFrame(window(level), place * WINDOW, PCM16K) for place, level in enumerate(levels)]
    passed = [item for frame in frames for item in part.feed(frame)]
    marks = [item for item in passed if not isinstance(item, AudioFrame)]
    assert marks == [SpeechStarted(10 * WINDOW), SpeechStopped(120 * WINDOW)]
    assert signals == [SpeechStarted(10 * WINDOW), SpeechStarted(50 * WINDOW), SpeechStopped(90 * WINDOW)]
    assert [item for item in passed if isinstance(item, AudioFrame)] == frames


def test_a_weak_syllable_stops_nothing() -> None:
    """Four tenths of a second that are 20 dB softer than the rest may be a weak syllable and a stop."""
    signals: list[object] = []
    part = detect(EnergyVad(-60.0), loudness=Loudness()).start(StreamContext(PCM16K, signals.append))
    for place, level in enumerate([0] * 10 + [3_000] * 40 + [300] * 20 + [3_000] * 20 + [0] * 40):
        list(part.feed(AudioFrame(window(level), place * WINDOW, PCM16K)))
    assert signals[0] == SpeechStarted(10 * WINDOW)
    assert [signal for signal in signals if isinstance(signal, SpeechStopped)] == [SpeechStopped(90 * WINDOW)]
