"""The streaming resampler: no clicks, no drift, true positions, bounded memory."""

from __future__ import annotations

import resource
import sys
from itertools import pairwise
from pathlib import Path

import numpy
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from voicekit.audio.codec import convert
from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame, Gap, Sound
from voicekit.audio.resample import QUALITY, Resampler
from voicekit.errors import FormatMismatch

RATES = [(24_000, 16_000), (8_000, 16_000), (48_000, 16_000), (16_000, 8_000), (22_050, 8_000), (11_025, 16_000)]

rates = pytest.mark.parametrize(("source", "target"), RATES)


def speechlike(rate: int, seconds: float) -> bytes:
    """PCM16 with sound at all frequencies up to a third of `rate`, the same each time."""
    time = numpy.arange(round(rate * seconds)) / rate
    sweep = numpy.sin(2 * numpy.pi * (100 * time + rate / 6 / seconds * time**2))
    noise = numpy.random.default_rng(7).standard_normal(len(time))
    return (9_000 * sweep + 500 * noise).astype("<i2").tobytes()


def frames(pcm: bytes, sizes: list[int], sound: AudioFormat, at: int = 0) -> list[AudioFrame]:
    """`pcm` cut into frames of `sizes` samples, over and over."""
    cut: list[AudioFrame] = []
    start = 0
    while start < len(pcm):
        size = sizes[len(cut) % len(sizes)] * sound.sample_bytes
        cut.append(AudioFrame(pcm[start : start + size], at + start // sound.sample_bytes, sound))
        start += size
    return cut


def resampled(resampler: Resampler, *items: Sound) -> list[Sound]:
    return [made for item in items for made in resampler.feed(item)] + resampler.finish()


def sound_of(items: list[Sound]) -> bytes:
    return b"".join(item.pcm for item in items if isinstance(item, AudioFrame))


def at_once(pcm: bytes, source: int, target: int) -> bytes:
    """The whole of `pcm` resampled in one piece: the truth to compare a stream with."""
    floats = numpy.frombuffer(pcm, "<i2").astype(numpy.float32) / numpy.float32(32_768)
    whole = soxr.resample(floats, source, target, quality=QUALITY)
    return convert(whole.tobytes(), AudioFormat(target, "float32"), AudioFormat(target))


def largest_difference(one: bytes, other: bytes) -> int:
    first, second = (numpy.frombuffer(pcm, "<i2").astype(int) for pcm in (one, other))
    return int(abs(first - second).max())


@rates
def test_frame_borders_can_not_be_heard(source: int, target: int) -> None:
    """A stream cut into 20 ms frames sounds as the whole resampled in one piece, to within one step of 65,536."""
    pcm = speechlike(source, 3)
    out = sound_of(
        resampled(
            Resampler(AudioFormat(source), AudioFormat(target)), *frames(pcm, [source // 50], AudioFormat(source))
        )
    )
    truth = at_once(pcm, source, target)
    assert len(out) == len(truth)
    assert largest_difference(out, truth) <= 1


@rates
@given(sizes=st.lists(st.integers(1, 1500), min_size=1, max_size=8))
@settings(max_examples=15, deadline=None)
def test_the_sound_does_not_depend_on_how_it_is_cut(source: int, target: int, sizes: list[int]) -> None:
    """Any frame sizes, down to single samples, give the same sound."""
    pcm = speechlike(source, 0.2)
    out = resampled(Resampler(AudioFormat(source), AudioFormat(target)), *frames(pcm, sizes, AudioFormat(source)))
    assert sound_of(out) == sound_of(
        resampled(Resampler(AudioFormat(source), AudioFormat(target)), *frames(pcm, [len(pcm)], AudioFormat(source)))
    )


@rates
def test_a_tone_keeps_its_pitch_level_and_place(source: int, target: int) -> None:
    """A 440 Hz tone comes out as the same tone sampled at the other rate, not earlier, not later (80 dB)."""
    tone = 16_000 * numpy.sin(2 * numpy.pi * 440 * numpy.arange(source) / source)
    out = resampled(
        Resampler(AudioFormat(source), AudioFormat(target)),
        *frames(tone.round().astype("<i2").tobytes(), [source // 50], AudioFormat(source)),
    )
    made = numpy.frombuffer(sound_of(out), "<i2")
    ideal = 16_000 * numpy.sin(2 * numpy.pi * 440 * numpy.arange(target) / target)
    edge = target // 20  # the tone begins and ends abruptly, where no filter can be exact
    assert len(made) == target
    assert abs(made - ideal)[edge:-edge].max() <= 1.6


@pytest.mark.slow
@rates
@given(
    items=st.lists(st.tuples(st.sampled_from(["frame", "frame", "gap", "jump"]), st.integers(1, 900)), max_size=25),
    start=st.integers(0, 10**9),
)
@settings(max_examples=40, deadline=None)
def test_every_position_is_the_scaled_position(
    source: int, target: int, items: list[tuple[str, int]], start: int
) -> None:
    """Each stretch of sound, and each Gap, begins and ends where its input does, scaled and rounded; none overlap."""
    resampler = Resampler(AudioFormat(source), AudioFormat(target))
    fed: list[Sound] = []
    at = start
    for kind, samples in items:
        if kind == "frame":
            fed.append(AudioFrame(bytes(2 * samples), at, AudioFormat(source)))
        elif kind == "gap":
            fed.append(Gap(samples, at))
        at += samples
    scaled = [(type(item), resampler.position(item.at), resampler.position(item.end)) for item in fed]
    made = [(type(item), item.at, item.end) for item in resampled(resampler, *fed)]
    assert all(begin < end for _, begin, end in made)
    assert stretches(made) == stretches(scaled)


def stretches(pieces: list[tuple[type, int, int]]) -> list[tuple[type, int, int]]:
    """Frames that follow on each other taken as one, and what rounds to nothing left out."""
    found: list[tuple[type, int, int]] = []
    for kind, begin, end in pieces:
        if found and found[-1][0] is kind is AudioFrame and found[-1][2] == begin:
            found[-1] = (kind, found[-1][1], end)
        elif begin < end:
            found.append((kind, begin, end))
    return found


def test_the_scaled_position_is_the_nearest_sample() -> None:
    """Positions are exact integers, also far beyond what a float can hold."""
    resampler = Resampler(AudioFormat(24_000), AudioFormat(16_000))
    assert [resampler.position(at) for at in range(7)] == [0, 1, 1, 2, 3, 3, 4]
    assert resampler.position(3 * 10**18 + 3) == 2 * 10**18 + 2


def test_an_hour_does_not_drift() -> None:
    """After an hour of 22.05 kHz telephone prompts the output stands at the exact sample."""
    source, target = AudioFormat(22_050), AudioFormat(8_000)
    resampler = Resampler(source, target)
    out = resampled(resampler, *(AudioFrame(source.silence(22_050), n * 22_050, source) for n in range(3_600)))
    assert isinstance(out[0], AudioFrame)
    assert out[0].at == 0
    assert all(before.end == after.at for before, after in pairwise(out))
    assert out[-1].end == 3_600 * 8_000


def test_what_the_filter_holds_comes_out_before_a_gap() -> None:
    """Sound before a Gap is complete when the Gap comes, and sound after it starts with an empty filter."""
    source, target = AudioFormat(8_000), AudioFormat(16_000)
    pcm = speechlike(8_000, 0.1)
    out = resampled(Resampler(source, target), AudioFrame(pcm, 0, source), Gap(80, 800), AudioFrame(pcm, 880, source))
    gap = out.index(Gap(160, 1600))
    assert sound_of(out[:gap]) == sound_of(out[gap:]) == at_once(pcm, 8_000, 16_000)


def test_stereo_becomes_mono_on_a_telephone_line() -> None:
    """Channels and encoding change in the same step as the rate."""
    source, target = AudioFormat(48_000, channels=2), AudioFormat(8_000, "mulaw")
    mono = numpy.frombuffer(speechlike(48_000, 0.5), "<i2")
    stereo = numpy.stack([mono, mono], axis=1).tobytes()
    (*_, last) = out = resampled(Resampler(source, target), *frames(stereo, [960], source))
    assert isinstance(last, AudioFrame)
    assert last.format == target
    assert last.end == 4_000
    linear = convert(sound_of(out), target, AudioFormat(8_000))
    assert largest_difference(linear, at_once(mono.tobytes(), 48_000, 8_000)) < 600  # mu-law's step for loud sound


def test_mono_becomes_stereo() -> None:
    """Both channels of the output hold the same resampled sound."""
    source, target = AudioFormat(16_000), AudioFormat(48_000, "float32", 2)
    out = resampled(Resampler(source, target), *frames(speechlike(16_000, 0.2), [320], source))
    channels = numpy.frombuffer(sound_of(out), "<f4").reshape(-1, 2)
    assert len(channels) == 9_600
    assert (channels[:, 0] == channels[:, 1]).all()
    assert channels.any()


def test_loud_sound_is_clipped_not_wrapped() -> None:
    """A square wave at full scale overshoots in any filter; it must not jump to the other sign."""
    source, target = AudioFormat(8_000), AudioFormat(16_000)
    square = numpy.tile(numpy.repeat(numpy.array([32_767, -32_768], "<i2"), 40), 50)
    out = numpy.frombuffer(
        sound_of(resampled(Resampler(source, target), *frames(square.tobytes(), [160], source))), "<i2"
    )
    assert (out == 32_767).any()
    assert (abs(numpy.diff(out.astype(int))) < 50_000).all()


def test_impossible_floats_do_no_lasting_harm() -> None:
    """No number, infinity and absurd sizes in a float stream are over when they are over: what follows is silence."""
    source, target = AudioFormat(8_000, "float32", 2), AudioFormat(16_000)
    broken = numpy.array([numpy.nan, numpy.inf, -numpy.inf, 3e38, 3e38, -3e38] * 100, "<f4").tobytes()
    out = resampled(Resampler(source, target), *frames(broken + source.silence(800), [160], source))
    samples = numpy.frombuffer(sound_of(out), "<i2")
    assert len(samples) == 2 * (300 + 800)
    assert samples[:600].any()
    assert not samples[1_000:].any()


def test_nothing_in_gives_nothing_out() -> None:
    """An empty stream has no tail, and an empty frame makes no sound."""
    resampler = Resampler(AudioFormat(24_000), AudioFormat(16_000))
    assert resampler.finish() == []
    assert resampler.feed(AudioFrame(b"", 5, AudioFormat(24_000))) == []
    assert resampler.finish() == []


def test_a_frame_of_another_format_is_an_error() -> None:
    """A stage that says another format than it declared is found at its first frame."""
    resampler = Resampler(AudioFormat(24_000), AudioFormat(16_000))
    with pytest.raises(
        FormatMismatch, match="expected frames of pcm16 24000 Hz mono, got one of pcm16 8000 Hz mono at sample 7"
    ):
        resampler.feed(AudioFrame(b"\0\0", 7, AudioFormat(8_000)))


@pytest.mark.slow
@pytest.mark.parametrize("every", [10, 10**9], ids=["with gaps", "unbroken"])
def test_ten_minutes_leave_nothing_behind(every: int) -> None:
    """The process does not grow with the length of the stream, nor with the number of gaps in it."""
    source = AudioFormat(24_000)
    resampler = Resampler(source, AudioFormat(16_000))
    pcm = speechlike(24_000, 0.02)
    for n in range(30_000):
        if n % every == every - 1:
            resampler.feed(Gap(480, n * 480))
        else:
            resampler.feed(AudioFrame(pcm, n * 480, source))
        if n == 1_000:
            before = memory()
    assert memory() - before < 2**20


def memory() -> int:
    """Bytes of this process, soxr's own included, which Python's tracemalloc does not see."""
    if sys.platform == "linux":
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS; the peak so far
