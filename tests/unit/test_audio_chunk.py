"""The chunker: exact windows out of any frames."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicekit.audio.chunk import Chunker
from voicekit.audio.format import PCM16K, AudioFormat
from voicekit.audio.frame import AudioFrame, Gap
from voicekit.errors import ConfigError, FormatMismatch
from voicekit.events import SpeechStarted

STEREO = AudioFormat(16_000, channels=2)


def counted(at: int, samples: int, sound: AudioFormat = PCM16K) -> AudioFrame:
    """A frame in which each sample holds its own number, so that loss and doubling can be seen."""
    width = sound.sample_bytes
    return AudioFrame(b"".join(n.to_bytes(width, "little") for n in range(at, at + samples)), at, sound)


def fed(chunker: Chunker, *items: object) -> list[object]:
    out = [made for item in items for made in chunker.feed(item)]
    return [*out, *chunker.finish()]


@given(sizes=st.lists(st.integers(0, 700)), window=st.integers(1, 400), start=st.integers(0, 10**9))
def test_any_frames_become_exact_windows_and_nothing_is_lost(sizes: list[int], window: int, start: int) -> None:
    """All windows but the last have exactly the length asked for, touch each other, and hold the sound unchanged."""
    frames, at = [], start
    for size in sizes:
        frames.append(AudioFrame(bytes(n % 251 for n in range(2 * at, 2 * (at + size))), at, PCM16K))
        at += size
    out = fed(Chunker(window), *frames)
    assert all(isinstance(frame, AudioFrame) for frame in out)
    windows = [frame for frame in out if isinstance(frame, AudioFrame)]
    assert b"".join(frame.pcm for frame in windows) == b"".join(frame.pcm for frame in frames)
    assert [frame.at for frame in windows] == list(range(start, at, window))
    assert all(frame.samples == window for frame in windows[:-1])


def test_a_window_never_spans_a_gap() -> None:
    """The rest before a Gap comes out as a shorter frame, then the Gap, then windows counted from its end."""
    out = fed(Chunker(4), counted(0, 6), Gap(3, 6), counted(9, 5))
    assert out == [counted(0, 4), counted(4, 2), Gap(3, 6), counted(9, 4), counted(13, 1)]


@pytest.mark.parametrize("jump_to", [6, 20, 0])
def test_a_window_never_spans_a_jump_in_position(jump_to: int) -> None:
    """A frame that does not follow on the one before it ends the window, forwards and backwards."""
    out = fed(Chunker(4), counted(0, 5), counted(jump_to, 4))
    assert out == [counted(0, 4), counted(4, 1), counted(jump_to, 4)]


def test_a_frame_that_is_a_window_passes_as_the_same_object() -> None:
    """Where nothing is to be cut, nothing is copied."""
    frame = counted(8, 4)
    (out,) = Chunker(4).feed(frame)
    assert out is frame


def test_a_mark_passes_at_once() -> None:
    """What is not sound does not wait for the window to be full, and keeps its place behind full ones."""
    out = fed(Chunker(4), counted(0, 6), SpeechStarted(5), "word", counted(6, 2))
    assert out == [counted(0, 4), SpeechStarted(5), "word", counted(4, 4)]


def test_stereo_is_cut_between_samples_never_inside_one() -> None:
    """A window counts instants, whatever the number of channels."""
    assert fed(Chunker(2), counted(0, 3, STEREO)) == [counted(0, 2, STEREO), counted(2, 1, STEREO)]


def test_nothing_in_gives_nothing_out() -> None:
    """Neither an empty stream nor an empty frame makes a window."""
    assert fed(Chunker(4)) == []
    assert fed(Chunker(4), AudioFrame(b"", 0, PCM16K)) == []


def test_a_format_that_changes_within_a_window_is_an_error() -> None:
    """Bytes of two formats are never put into one window."""
    chunker = Chunker(4)
    chunker.feed(counted(0, 3))
    with pytest.raises(FormatMismatch, match=r"pcm16 16000 Hz mono.*pcm16 16000 Hz stereo at sample 3"):
        chunker.feed(counted(3, 3, STEREO))


@pytest.mark.parametrize("samples", [0, -1, 2.5])
def test_a_window_must_have_a_sample(samples: int) -> None:
    """A window length that can't be is refused where it is given."""
    with pytest.raises(ConfigError, match="window: expected a whole number of samples"):
        Chunker(samples)


def test_ten_minutes_leave_less_than_a_window_behind() -> None:
    """The memory that a chunker holds does not depend on how much it was fed."""
    chunker = Chunker(512)
    frame = bytes(640)
    tracemalloc.start()
    try:
        for n in range(30_000):
            chunker.feed(AudioFrame(frame, n * 320, PCM16K))
            if n == 100:
                before = tracemalloc.get_traced_memory()[0]
        assert tracemalloc.get_traced_memory()[0] - before < 4096
    finally:
        tracemalloc.stop()
