"""What a link holds and what it does when it is full: pure, so tested without trio."""

from __future__ import annotations

from array import array
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame, Gap
from voicekit.errors import LinkOverflow
from voicekit.events import Interim, SpeechStarted, SpeechStopped, WordMark
from voicekit.flow.store import MAX_WEIGHTLESS, Full, Store, weigh

FORMAT = AudioFormat(8_000)


def frame(samples: int, at: int) -> AudioFrame:
    """Sound whose sample values are their own positions, so that loss and doubling show."""
    return AudioFrame(array("H", (n % 65_536 for n in range(at, at + samples))).tobytes(), at, FORMAT)


def store(capacity: int, full: Full, *, conflate=None, on_drop=None, weigh=weigh) -> Store:
    return Store(capacity, full, weigh, "under test", conflate, on_drop)


def offered(held: Store, *items: object) -> list[bool]:
    return [held.offer(item, 0.0) for item in items]


def check_books(held: Store) -> None:
    """The running totals agree with what is really queued."""
    weights = [weight for _, weight, _ in held.items]
    assert held.level == sum(weights)
    assert held.weightless == weights.count(0)
    assert held.peak >= held.level
    assert held.level <= held.capacity or sum(1 for weight in weights if weight) == 1


def check_merged(items: list[object]) -> None:
    """No gap follows another that it touches."""
    for earlier, later in pairwise(items):
        assert not (isinstance(earlier, Gap) and isinstance(later, Gap) and earlier.end == later.at)


@pytest.mark.parametrize(
    ("item", "weight"),
    [
        (frame(160, 0), 160),
        (Gap(500, 0), 0),
        (SpeechStarted(3), 0),
        (SpeechStopped(3), 0),
        (WordMark("hello", 3, 5), 0),
        ("four", 4),
        ("", 0),
        (Interim(()), 1),
        (7, 1),
    ],
)
def test_sound_weighs_its_samples_text_its_characters_and_marks_nothing(item, weight):
    """Every kind of item has the weight that the module promises."""
    assert weigh(item) == weight


ops = st.lists(
    st.one_of(
        st.tuples(st.just("frame"), st.integers(1, 40)),
        st.tuples(st.just("gap"), st.integers(1, 40)),
        st.tuples(st.just("mark"), st.just(0)),
        st.tuples(st.just("take"), st.integers(1, 4)),
        st.tuples(st.just("take all"), st.just(0)),
    ),
    max_size=60,
)


@given(ops, st.integers(1, 60))
def test_dropping_the_oldest_keeps_the_timeline_true(ops, capacity):
    """Whatever comes and goes: positions without a hole, marks at their place, every dropped sample in a Gap."""
    told: list[int] = []
    held = store(capacity, Full.DROP_OLDEST, on_drop=told.append)
    out: list[object] = []
    at = given_away = marks = 0
    for kind, amount in ops:
        if kind == "frame":
            held.offer(frame(amount, at), 0.0)
            at += amount
        elif kind == "gap":
            held.offer(Gap(amount, at), 0.0)
            at += amount
            given_away += amount
        elif kind == "mark":
            held.offer(SpeechStarted(at), 0.0)
            marks += 1
        else:
            check_merged([item for item, _, _ in held.items])
            count = min(amount, len(held.items)) if kind == "take" else 0
            out.extend([held.take() for _ in range(count)] if kind == "take" else held.take_all())
        check_books(held)
    out.extend(held.take_all())

    reached = 0
    for item in out:
        assert item.at == reached
        if isinstance(item, AudioFrame):
            assert item == frame(item.samples, item.at)
            reached = item.end
        elif isinstance(item, Gap):
            reached = item.end
    assert reached == at
    assert sum(isinstance(item, SpeechStarted) for item in out) == marks
    lost = sum(item.samples for item in out if isinstance(item, Gap)) - given_away
    assert lost == held.dropped == sum(told)


def test_gaps_that_touch_become_one_and_a_mark_between_keeps_them_apart():
    """Dropped sound leaves one Gap for each stretch between marks."""
    held = store(20, Full.DROP_OLDEST)
    offered(held, frame(10, 0), frame(10, 10), SpeechStarted(20), frame(10, 20), frame(10, 30), frame(20, 40))
    assert held.take_all() == [Gap(20, 0), SpeechStarted(20), Gap(20, 20), frame(20, 40)]


def test_a_dropped_frame_joins_the_gap_that_was_queued_behind_it():
    """A Gap of the source's own and one made by dropping become one where they touch."""
    held = store(10, Full.DROP_OLDEST)
    offered(held, frame(10, 0), Gap(5, 10), frame(10, 15))
    assert held.take_all() == [Gap(15, 0), frame(10, 15)]


def test_a_gap_where_the_time_line_jumps_stays_apart():
    """Two gaps with an unexplained hole between them are not one."""
    held = store(100, Full.WAIT)
    offered(held, Gap(5, 0), Gap(5, 6))
    assert held.take_all() == [Gap(5, 0), Gap(5, 6)]


def test_an_item_heavier_than_the_capacity_passes_when_nothing_else_weighs():
    """Marks in the queue don't keep it out, sound does; in a DROP_OLDEST link it drives out all the sound."""
    waiting = store(10, Full.WAIT)
    assert offered(waiting, SpeechStarted(0), frame(30, 0), frame(1, 30)) == [True, True, False]
    dropping = store(10, Full.DROP_OLDEST)
    offered(dropping, frame(4, 0), frame(4, 4), frame(30, 8))
    assert dropping.take_all() == [Gap(8, 0), frame(30, 8)]
    assert dropping.dropped == 8


def test_dropping_the_newest_counts_what_it_refuses():
    """What was there first stays; the refused items are in the count and told to `on_drop`."""
    told: list[int] = []
    held = store(3, Full.DROP_NEWEST, on_drop=told.append)
    assert offered(held, 1, 2, 3, 4, 5) == [True] * 5
    assert held.take_all() == [1, 2, 3]
    assert held.dropped == 2
    assert told == [1, 1]


def test_overflow_of_a_fail_link_says_everything_about_it_and_changes_nothing():
    """The message names the link and holds its statistics, because being full is a bug that somebody must find."""
    held = store(2, Full.FAIL)
    offered(held, "a", "b")
    with pytest.raises(LinkOverflow, match=r"'under test'.*capacity=2, level=2, peak=2, items=2, dropped=0"):
        held.offer("c", 0.0)
    assert held.take_all() == ["a", "b"]


@pytest.mark.parametrize("full", [Full.DROP_OLDEST, Full.DROP_NEWEST, Full.FAIL])
def test_marks_are_bounded_although_they_weigh_nothing(full):
    """After a very long time without a reader even marks overflow, and never silently."""
    held = store(10, full)
    offered(held, *(SpeechStarted(n) for n in range(MAX_WEIGHTLESS)))
    with pytest.raises(LinkOverflow):
        held.offer(SpeechStarted(MAX_WEIGHTLESS), 0.0)
    assert len(held.take_all()) == MAX_WEIGHTLESS


def test_gaps_are_bounded_although_they_never_touch():
    """Sound whose positions jump with every frame can't fill the memory with gaps that don't merge."""
    held = store(10, Full.DROP_OLDEST)
    with pytest.raises(LinkOverflow):
        offered(held, *(frame(10, n * 100) for n in range(MAX_WEIGHTLESS + 10)))
    assert len(held.items) <= MAX_WEIGHTLESS + 1


def test_on_drop_finds_the_link_in_order():
    """It is told once per offer, after everything is queued, so it may look at the link and even offer to it."""
    seen: list[tuple[int, list[object]]] = []

    def on_drop(weight: int) -> None:
        seen.append((weight, [item for item, _, _ in held.items]))
        held.offer(SpeechStopped(99), 0.0)

    held = store(20, Full.DROP_OLDEST, on_drop=on_drop)
    offered(held, frame(10, 0), SpeechStarted(10), frame(10, 10), frame(20, 20))
    assert seen == [(20, [Gap(10, 0), SpeechStarted(10), Gap(10, 10), frame(20, 20)])]
    check_books(held)
    assert held.take_all()[-1] == SpeechStopped(99)


def keyed(item: tuple[str, int]) -> str | None:
    return item[0] if item[0] != "-" else None


@given(st.lists(st.one_of(st.tuples(st.sampled_from("ab-"), st.integers(0, 9)), st.just("take")), max_size=40))
def test_conflation_keeps_only_the_latest_of_each_key(ops):
    """A new item drops the queued one with its key and queues last; items without a key are all kept."""
    held = store(1_000, Full.FAIL, conflate=keyed, weigh=lambda item: item[1])
    model: list[tuple[str, int]] = []
    for op in ops:
        if op == "take":
            assert (held.take() if model else None) == (model.pop(0) if model else None)
            continue
        if op[0] != "-":
            model = [item for item in model if item[0] != op[0]]
        model.append(op)
        held.offer(op, 0.0)
        check_books(held)
    assert held.take_all() == model


@pytest.mark.parametrize(("full", "refusal"), [(Full.WAIT, False), (Full.DROP_NEWEST, True), (Full.FAIL, None)])
def test_a_refused_item_does_not_cost_the_one_it_would_have_replaced(full, refusal):
    """Where the new one does not fit, the one with its key that is queued stays at its place."""
    held = store(10, full, conflate=keyed, weigh=lambda item: item[1])
    offered(held, ("a", 4), ("-", 5))
    if refusal is None:
        with pytest.raises(LinkOverflow):
            held.offer(("a", 6), 0.0)
    else:
        assert held.offer(("a", 6), 0.0) is refusal
    check_books(held)
    assert held.take_all() == [("a", 4), ("-", 5)]


def test_a_replacement_fits_where_the_replaced_one_was():
    """A full link still takes the latest of a key in the place of the one before it."""
    held = store(10, Full.FAIL, conflate=keyed, weigh=lambda item: item[1])
    offered(held, ("a", 5), ("-", 5), ("a", 5))
    assert held.take_all() == [("-", 5), ("a", 5)]


def test_conflation_goes_before_dropping():
    """The superseded item goes even where the new one only fits when others are dropped as well."""
    held = store(10, Full.DROP_OLDEST, conflate=keyed, weigh=lambda item: item[1])
    offered(held, ("-", 5), ("a", 3), ("a", 8))
    check_books(held)
    assert held.take_all() == [("a", 8)]
    assert held.dropped == 5


def test_statistics_tell_level_peak_and_the_age_of_the_oldest():
    """The age is that of the item at the front, zero when there is none; the peak outlives the taking."""
    held = store(100, Full.WAIT)
    assert held.statistics(5.0).age == 0.0
    held.offer(frame(30, 0), 5.0)
    held.offer(frame(20, 30), 6.0)
    assert (held.statistics(8.0).age, held.statistics(8.0).level, held.statistics(8.0).items) == (3.0, 50, 2)
    held.take()
    after = held.statistics(8.0)
    assert (after.age, after.level, after.peak, after.items) == (2.0, 20, 50, 1)


def test_a_gap_is_as_old_as_the_oldest_sound_in_it():
    """Dropping does not make a link look younger than it is."""
    held = store(10, Full.DROP_OLDEST)
    for n in range(5):
        held.offer(frame(10, 10 * n), float(n))
    assert held.statistics(10.0).age == 10.0
