"""The model of a device that plays by the clock."""

from __future__ import annotations

from array import array
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.play.clocked_device import ClockedDevice

FORMAT = AudioFormat(8_000)


def frame(first: int, samples: int) -> AudioFrame:
    """Samples that count up from `first`, so that each can be recognised."""
    return AudioFrame(array("h", range(first, first + samples)).tobytes(), first, FORMAT)


def played_into(heard: list[tuple[float, list[int]]], **options: float) -> ClockedDevice:
    return ClockedDevice(
        FORMAT, played=lambda start, frame: heard.append((start, list(array("h", frame.pcm)))), **options
    )


def test_sound_is_heard_after_the_latency_and_at_the_rate():
    """The position stands still for the latency and then moves with the clock, up to what was written."""
    air = played_into([], latency=0.2)
    air.write(frame(0, 800), 1.0)
    assert [air.position(now) for now in (1.0, 1.2, 1.25, 1.3, 9.0)] == [0, 0, 400, 800, 800]


def test_frames_written_in_time_follow_each_other_without_a_break():
    """A frame that arrives while the one before it sounds begins exactly where that one ends."""
    heard: list[tuple[float, list[int]]] = []
    air = played_into(heard)
    air.write(frame(0, 80), 0.0)
    air.write(frame(80, 80), 0.004)
    air.position(1.0)
    assert [start for start, _ in heard] == [0.0, 0.01]


def test_a_hold_freezes_the_position_and_a_release_goes_on_from_the_same_sample():
    """Nothing is lost and nothing is heard twice around a hold."""
    heard: list[tuple[float, list[int]]] = []
    air = played_into(heard)
    air.write(frame(0, 800), 0.0)
    air.hold(0.05)
    assert air.position(0.05) == air.position(3.0) == 400
    air.release(3.0)
    assert air.position(3.025) == 600
    air.position(9.0)
    assert heard == [(0.0, list(range(400))), (3.0, list(range(400, 800)))]


def test_a_slow_device_takes_longer_for_the_same_sound():
    """At a tenth of the speed, a tenth of the samples have been heard."""
    air = played_into([], speed=0.1)
    air.write(frame(0, 800), 0.0)
    assert air.position(0.1) == 80


def test_discarding_drops_what_was_not_heard_and_ends_a_hold():
    """After a discard the position stays, and what is written next is heard next."""
    heard: list[tuple[float, list[int]]] = []
    air = played_into(heard)
    air.write(frame(0, 800), 0.0)
    air.hold(0.01)
    air.discard(0.5)
    air.write(frame(5_000, 80), 0.5)
    assert air.position(0.505) == 120
    air.position(1.0)
    assert heard == [(0.0, list(range(80))), (0.5, list(range(5_000, 5_080)))]


OPERATIONS = st.lists(
    st.tuples(st.sampled_from(["write", "hold", "release", "discard"]), st.integers(0, 400)), max_size=40
)


@given(OPERATIONS, st.sampled_from([0.0, 0.02, 0.2]))
def test_whatever_happens_the_position_is_what_was_handed_over_and_never_falls(operations, latency):
    """Position, queue and recording agree after any operations at any times; samples are heard once and in order."""
    heard: list[tuple[float, list[int]]] = []
    air = played_into(heard, latency=latency)
    now, written, position = 0.0, 0, 0
    for operation, ticks in operations:
        now += ticks / 4_000
        if operation == "write":
            air.write(frame(written, 1 + ticks), now)
            written += 1 + ticks
        else:
            getattr(air, operation)(now)
        assert air.position(now) >= position
        position = air.position(now)
    air.release(now)
    queued = air.queued(now)
    end = air.position(now + 60.0)
    samples = [sample for _, piece in heard for sample in piece]
    assert samples == sorted(set(samples))
    assert len(samples) == end == position + queued
    starts = [(start, start + len(piece) / FORMAT.rate) for start, piece in heard]
    assert all(ends <= begins + 1e-9 for (_, ends), (begins, _) in pairwise(starts))
