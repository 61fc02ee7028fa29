"""Silence and tone as sources, in virtual time."""

from __future__ import annotations

import math
import struct
from itertools import pairwise
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from voicekit.audio.format import PCM16K, AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.contracts import Source
from voicekit.errors import ConfigError
from voicekit.flow.link import open_link
from voicekit.flow.store import Full
from voicekit.listen.source import SilenceSource, ToneSource

STEREO = AudioFormat(8_000, channels=2)


async def recorded(source: SilenceSource | ToneSource) -> list[tuple[float, AudioFrame]]:
    """All frames of one run, each with the time at which it came."""
    outlet, inlet = open_link(10**9)
    unused, nothing = open_link(1)
    start, frames = trio.current_time(), []
    with outlet, inlet, unused, nothing:
        async with source.open() as run, trio.open_nursery() as nursery:

            async def say() -> None:
                await run(nothing, outlet)
                outlet.close()

            nursery.start_soon(say)
            async for frame in inlet:
                frames.append((trio.current_time() - start, frame))
    return frames


@pytest.mark.parametrize("source", [SilenceSource(), ToneSource()], ids=["silence", "tone"])
def test_a_generated_source_keeps_the_contract(source: Any) -> None:
    """It is a Source, live unless told otherwise, and says what it produces."""
    assert isinstance(source, Source)
    assert (source.live, source.produces) == (True, PCM16K)


async def test_a_live_source_says_each_frame_when_it_has_been_recorded(autojump_clock: MockClock) -> None:
    """Frames of 20 ms come at 20, 40, 60 ms ...; the last one may be shorter, and then the run returns."""
    frames = await recorded(SilenceSource(duration=0.05))
    assert [(round(when, 6), frame.at, frame.samples) for when, frame in frames] == [
        (0.02, 0, 320),
        (0.04, 320, 320),
        (0.05, 640, 160),
    ]


async def test_a_live_source_does_not_drift_when_it_was_held_up(autojump_clock: MockClock) -> None:
    """After a consumer that slept for a second, frames are back on the schedule of the run's start."""
    outlet, inlet = open_link(320)
    unused, nothing = open_link(1)
    times = []
    with outlet, inlet, unused, nothing:
        async with SilenceSource(duration=2.0).open() as run, trio.open_nursery() as nursery:

            async def say() -> None:
                await run(nothing, outlet)
                outlet.close()

            start = trio.current_time()
            nursery.start_soon(say)
            await trio.sleep(1)
            async for frame in inlet:
                times.append((trio.current_time() - start, frame.end / 16_000))
    assert len(times) == 100
    assert all(came == pytest.approx(due, abs=1e-6) for came, due in times if due > 1.02)


@pytest.mark.slow
async def test_a_source_that_is_not_live_takes_no_time(autojump_clock: MockClock) -> None:
    """Ten minutes are said as fast as they are taken, in no virtual time at all."""
    frames = await recorded(SilenceSource(duration=600.0, live=False))
    assert frames[-1][1].end == 600 * 16_000
    assert {when for when, _ in frames} == {0.0}


@pytest.mark.parametrize(
    "sound", [PCM16K, STEREO, AudioFormat(8_000, "mulaw"), AudioFormat(48_000, "float32")], ids=str
)
async def test_silence_is_silent_in_every_format(sound: AudioFormat, autojump_clock: MockClock) -> None:
    """The whole duration in frames that touch, each nothing but the silence of its format."""
    frames = [frame for _, frame in await recorded(SilenceSource(sound, duration=0.1, live=False))]
    assert sum(frame.samples for frame in frames) == sound.samples(0.1)
    assert all(frame.pcm == sound.silence(frame.samples) for frame in frames)
    assert all(frame.end == after.at for frame, after in pairwise(frames))


async def test_a_tone_has_its_frequency_and_level_across_frames(autojump_clock: MockClock) -> None:
    """1 kHz at -6 dBFS: every sample is the one of an unbroken sine, whose top is half of full scale."""
    frames = await recorded(ToneSource(1_000, level_dbfs=-6.0, duration=0.5, live=False))
    heights = struct.unpack("<8000h", b"".join(frame.pcm for _, frame in frames))
    peak = 32_767 * 10 ** (-6 / 20)
    assert max(heights) == pytest.approx(peak, abs=1)
    assert all(abs(height - peak * math.sin(math.tau * n / 16)) <= 1 for n, height in enumerate(heights))


async def test_a_tone_is_the_same_in_both_channels(autojump_clock: MockClock) -> None:
    """Stereo carries each height twice."""
    [(_, frame)] = await recorded(ToneSource(500, STEREO, duration=0.01, live=False))
    heights = struct.unpack("<160h", frame.pcm)
    assert heights[::2] == heights[1::2]
    assert max(heights) > 0


async def test_a_source_begins_anew_in_each_run_also_after_a_cancelled_one(autojump_clock: MockClock) -> None:
    """Cancelling leaves nothing behind: the next run says the same frames from sample 0."""
    source = ToneSource(duration=0.1)
    with trio.move_on_after(0.05):
        await recorded(source)
    first, second = [await recorded(source) for _ in range(2)]
    assert [frame for _, frame in first] == [frame for _, frame in second]
    assert first[0][1].at == 0


async def test_a_source_for_ever_can_be_stopped(autojump_clock: MockClock) -> None:
    """Without a duration it goes on until it is cancelled, and a full link that drops does not hold it up."""
    outlet, inlet = open_link(3_200, Full.DROP_OLDEST)
    unused, nothing = open_link(1)
    with outlet, inlet, unused, nothing:
        async with SilenceSource().open() as run:
            with trio.move_on_after(100) as scope:
                await run(nothing, outlet)
        assert scope.cancelled_caught
        assert outlet.statistics().dropped == pytest.approx(100 * 16_000 - 3_200, abs=320)


@pytest.mark.parametrize("duration", [-1.0, float("nan"), float("inf")])
def test_a_duration_that_is_none_is_refused(duration: float) -> None:
    """Negative and endless durations raise ConfigError; for ever is written None."""
    with pytest.raises(ConfigError, match=r"silence source: expected a duration of at least 0 s, or None, got "):
        SilenceSource(duration=duration)


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: ToneSource(format=AudioFormat(8_000, "mulaw")), "expected pcm16, got mulaw 8000 Hz mono"),
        (lambda: ToneSource(8_000), "expected a frequency above 0 and below 8000 Hz, got 8000"),
        (lambda: ToneSource(0), "expected a frequency above 0 and below 8000 Hz, got 0"),
        (lambda: ToneSource(level_dbfs=1.0), "expected a level of at most 0 dBFS, got 1.0"),
    ],
)
def test_a_tone_that_cannot_be_is_refused(make: Any, complaint: str) -> None:
    """Another encoding, a frequency beyond half the rate, a level above full scale: ConfigError at once."""
    with pytest.raises(ConfigError, match=complaint):
        make()
