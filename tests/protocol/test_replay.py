"""The ring of sound that is not final: nothing lost, nothing doubled, and what can't be kept is counted."""

from __future__ import annotations

import math
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame, Gap
from voicekit.events import SpeechStarted, SpeechStopped
from voicekit.soniox.stt.replay import BURST_S, REPLAY_SPEED, SILENCE_S, ReplayRing, RingItem

SOUND = AudioFormat(1_000)  # so that samples are milliseconds


def frame(start: int, end: int) -> AudioFrame:
    """Samples that say where they are."""
    return AudioFrame(array("H", (n % 60_000 for n in range(start, end))).tobytes(), start, SOUND)


def samples(items: list[RingItem]) -> list[int]:
    """Every sample of the frames among `items`, in order."""
    return [n for item in items if isinstance(item, AudioFrame) for n in array("H", item.pcm)]


def take_all(ring: ReplayRing, now: float = 0.0) -> list[RingItem]:
    """Everything there is, taken as soon as it is due."""
    taken: list[RingItem] = []
    while ring.due_at is not None:
        now = max(now, ring.due_at)
        taken += ring.take(now)
    return taken


def test_live_sound_passes_at_once() -> None:
    """What is added can be taken at once, marks among the sound in their order."""
    ring = ReplayRing(SOUND)
    assert ring.due_at is None
    items = [frame(0, 20), SpeechStarted(10), frame(20, 40), Gap(20, 40), SpeechStopped(35)]
    for item in items:
        ring.add(item)
    assert ring.due_at == -math.inf
    assert ring.take(0.0) == items
    assert ring.take(0.0) == []
    assert ring.due_at is None


def test_rewind_gives_the_same_sound_again_from_the_sample() -> None:
    """A frame that begins before the sample is cut there; what was forgotten does not come again."""
    ring = ReplayRing(SOUND)
    for start in range(0, 200, 20):
        ring.add(frame(start, start + 20))
    ring.take(0.0)
    ring.forget(60)
    ring.rewind(70)
    assert samples(ring.take(0.0)) == list(range(70, 200))
    assert ring.overrun() == 0


def test_marks_come_again_with_their_sound() -> None:
    """A mark that stands behind sound still wanted is kept, and one behind what is final is not."""
    ring = ReplayRing(SOUND)
    marks = [SpeechStarted(10), SpeechStopped(50)]
    for item in [frame(0, 40), marks[0], frame(40, 80), marks[1], frame(80, 100)]:
        ring.add(item)
    ring.take(0.0)
    ring.rewind(60)
    assert [type(item) for item in ring.take(0.0)] == [AudioFrame, SpeechStopped, AudioFrame]


def test_a_mark_in_front_of_its_frame_does_not_hinder_the_cut() -> None:
    """Sound is cut at the sample although a mark stands before the frame."""
    ring = ReplayRing(SOUND)
    ring.add(SpeechStarted(30))
    ring.add(frame(0, 40))
    ring.take(0.0)
    ring.rewind(10)
    assert samples(ring.take(0.0)) == list(range(10, 40))


def test_a_mark_far_in_front_of_its_sound_does_not_hinder_the_cut() -> None:
    """Sound before the sample is dropped although a mark of later stands in front of it, and the mark stays."""
    ring = ReplayRing(SOUND)
    for item in [SpeechStarted(70), frame(0, 20), frame(20, 40), frame(40, 60), frame(60, 80)]:
        ring.add(item)
    ring.take(0.0)
    ring.rewind(50)
    taken = ring.take(1.0)
    assert taken[0] == SpeechStarted(70)
    assert samples(taken) == list(range(50, 80))


def test_what_waits_and_what_room_is_left_are_counted() -> None:
    """Only sound that was not taken waits; what was taken leaves when room is needed, and a Gap takes none."""
    ring = ReplayRing(SOUND, seconds=1.0)
    ring.add(frame(0, 300))
    ring.add(Gap(5_000, 300))
    assert (ring.unsent, ring.room) == (300, 700)
    ring.take(0.0)
    assert (ring.unsent, ring.room) == (0, 1_000)
    ring.add(frame(5_300, 5_900))
    ring.rewind(0)
    assert (ring.unsent, ring.room) == (900, 100)
    assert ring.overrun() == 0


def test_gaps_that_touch_become_one() -> None:
    """A source without sound says a Gap each time; that does not fill the ring, however long it goes on."""
    ring = ReplayRing(SOUND)
    for start in range(0, 1_000_000, 20):
        ring.add(Gap(20, start))
    assert ring.take(0.0) == [Gap(1_000_000, 0)]


def test_a_long_gap_costs_the_silence_that_is_sent_for_it() -> None:
    """The sound behind a Gap waits for three seconds of silence at most, at one and a half times real time."""
    ring = ReplayRing(SOUND)
    ring.add(frame(0, 20))
    ring.add(Gap(60_000, 20))
    ring.add(frame(60_020, 60_040))
    assert ring.take(0.0) == [frame(0, 20)]
    due = ring.due_at
    assert due is not None
    assert ring.take(due) == [Gap(60_000, 20)]
    assert ring.due_at == pytest.approx(due + (SILENCE_S - BURST_S + 0.02) / REPLAY_SPEED)


def test_a_replay_is_paced() -> None:
    """After a rewind, sound comes at 1.5 times real time behind a small burst; live sound catches up in the end."""
    ring = ReplayRing(SOUND)
    for start in range(0, 3_000, 20):
        ring.add(frame(start, start + 20))
    take_all(ring)
    ring.rewind(0)
    assert len(samples(ring.take(10.0))) == pytest.approx(1_000 * BURST_S, abs=20)
    assert len(samples(ring.take(10.2))) == pytest.approx(200 * REPLAY_SPEED, abs=20)
    due = ring.due_at
    assert due is not None
    assert ring.take(due - 0.001) == []
    assert len(samples(ring.take(due))) == 20
    assert samples(take_all(ring, due))[-1] == 2_999


def test_a_file_that_could_be_read_at_once_is_paced_too() -> None:
    """Sound that comes faster than real time leaves at one and a half times real time, behind one burst."""
    ring, now, sent = ReplayRing(SOUND), 0.0, 0
    for start in range(0, 10_000, 20):
        ring.add(frame(start, start + 20))
        now += 0.001
        sent += len(samples(ring.take(now)))
    assert sent == pytest.approx(1_000 * (BURST_S + now * REPLAY_SPEED), abs=20)


def test_live_sound_is_never_held_up() -> None:
    """Frames that come at real time, up to half a second late, leave when they come."""
    ring, now = ReplayRing(SOUND), 0.0
    for start in range(0, 20_000, 20):
        now = start / 1_000 + (0.5 if 400 <= start % 2_000 < 900 else 0.0)
        ring.add(frame(start, start + 20))
        assert ring.take(now) == [frame(start, start + 20)]


def test_sent_sound_makes_room_without_a_word() -> None:
    """What was sent and does not become final is dropped when the ring is full: it was not lost, only not kept."""
    ring = ReplayRing(SOUND, seconds=1.0)
    for start in range(0, 5_000, 100):
        ring.add(frame(start, start + 100))
        ring.take(start / 1_000)
    assert ring.overrun() == 0
    ring.rewind(3_500)
    assert ring.take(9.0)[0] == Gap(500, 3_500)
    assert ring.overrun() == 500


def test_an_outage_longer_than_the_ring_leaves_one_gap() -> None:
    """Unsent sound beyond the capacity becomes a single Gap, counted once, however often the replay begins anew."""
    ring = ReplayRing(SOUND, seconds=1.0)
    for start in range(0, 500, 100):
        ring.add(frame(start, start + 100))
    ring.take(0.0)
    ring.rewind(200)
    for start in range(500, 3_000, 100):
        ring.add(frame(start, start + 100))
    assert ring.overrun() == 1_800
    ring.rewind(200)
    assert ring.overrun() == 0
    taken = take_all(ring, 5.0)
    assert taken[0] == Gap(1_800, 200)
    assert samples(taken) == list(range(2_000, 3_000))
    assert sum(isinstance(item, Gap) for item in taken) == 1


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("add"), st.integers(1, 400)),
            st.tuples(st.just("take"), st.integers(0, 500)),
            st.tuples(st.just("forget"), st.integers(0, 300)),
            st.tuples(st.just("rewind"), st.integers(0, 300)),
        ),
        max_size=60,
    )
)
def test_every_sample_is_given_out_or_in_a_gap(steps: list[tuple[str, int]]) -> None:
    """Whatever happens, what is taken goes on where it left off, or at the sample it was rewound to, with no hole
    but a Gap, and no sample is missing that was not counted as overrun."""
    ring, now = ReplayRing(SOUND, seconds=1.0), 0.0
    end = given_to = final = 0
    given, lost = set(), 0
    for step, amount in steps:
        if step == "add":
            ring.add(frame(end, end + amount))
            end += amount
        elif step == "take":
            now += amount / 1_000
            for item in ring.take(now):
                assert item.at == given_to
                assert isinstance(item, (AudioFrame, Gap))
                given_to = item.end
                given |= set(range(item.at, item.end)) if isinstance(item, AudioFrame) else set()
        elif step == "forget":
            final = min(given_to, final + amount)
            ring.forget(final)
        else:
            given_to = min(given_to, final + amount)
            final = given_to
            ring.rewind(given_to)
        lost += ring.overrun()
    for item in take_all(ring, now):
        assert item.at == given_to
        assert isinstance(item, (AudioFrame, Gap))
        given_to = item.end
        given |= set(range(item.at, item.end)) if isinstance(item, AudioFrame) else set()
    assert given_to == end
    assert lost >= end - len(given)
