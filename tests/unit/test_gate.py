"""The gate: when speech has begun and when it is over, from the probabilities of windows."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicekit.errors import ConfigError
from voicekit.events import SpeechStarted, SpeechStopped
from voicekit.listen.gate import Gate, GatePolicy

RATE = 1_000  # a sample is a millisecond
WINDOW = 20
PLAIN = GatePolicy(min_speech=0.0, hangover=0.1)


@dataclass(frozen=True)
class Said:
    """A mark, and the window after which it was said."""

    window: int
    mark: SpeechStarted | SpeechStopped


def hear(pattern: str, policy: GatePolicy = PLAIN, *, trail: int = 0, finish: bool = False) -> list[Said]:
    """What the gate says to windows of 20 ms drawn as `#` (voiced) and `.` (not)."""
    gate = Gate(policy, RATE, trail)
    said = []
    for number, drawn in enumerate(pattern):
        mark = gate.feed(1.0 if drawn == "#" else 0.0, WINDOW, number * WINDOW)
        if mark is not None:
            said.append(Said(number, mark))
    if finish and (last := gate.finish()) is not None:
        said.append(Said(len(pattern), last))
    return said


def test_three_voiced_windows_begin_speech_where_the_first_of_them_began() -> None:
    """With 3 of 4 the third voiced window decides, and the position is that of the first."""
    assert hear("..###") == [Said(4, SpeechStarted(40))]


def test_one_window_of_four_may_be_wrong() -> None:
    """A single unvoiced window within four does not keep speech from beginning."""
    assert hear(".#.##") == [Said(4, SpeechStarted(20))]


def test_two_voiced_windows_of_four_are_not_speech() -> None:
    """Where never more than two of four windows are voiced, nothing is said."""
    assert hear("##..##..#.#..#.#..") == []


def test_speech_stops_where_its_last_voiced_window_ended_once_the_hangover_has_passed() -> None:
    """The hangover of 100 ms delays the decision by five windows and is no part of the position."""
    assert hear("####......") == [Said(2, SpeechStarted(0)), Said(8, SpeechStopped(80))]


def test_a_pause_shorter_than_the_hangover_is_within_speech() -> None:
    """Four unvoiced windows are 80 ms, less than the hangover: one start and one stop."""
    assert hear("####....####.....") == [Said(2, SpeechStarted(0)), Said(16, SpeechStopped(240))]


def test_a_pause_as_long_as_the_hangover_ends_speech() -> None:
    """After 100 ms the first speech has stopped, and the next one has its own start."""
    assert [said.mark for said in hear("####.....####.....")] == [
        SpeechStarted(0),
        SpeechStopped(80),
        SpeechStarted(180),
        SpeechStopped(260),
    ]


def test_a_click_does_not_prolong_speech() -> None:
    """One voiced window after speech is no speech: the stop is where speech ended, and not later."""
    assert hear("####..#......") == [Said(2, SpeechStarted(0)), Said(8, SpeechStopped(80))]


def test_speech_must_last_as_long_as_min_speech() -> None:
    """With 100 ms the fifth window in a row decides, and four windows are none."""
    policy = GatePolicy(min_speech=0.1, hangover=0.1)
    assert hear("..####......", policy) == []
    assert hear("..#####", policy) == [Said(6, SpeechStarted(40))]


def test_unvoiced_windows_do_not_count_towards_min_speech() -> None:
    """The span ends with a voiced window: waiting after four of them makes no speech of 100 ms."""
    assert hear("####.", GatePolicy(min_speech=0.1, hangover=0.1)) == []


def test_what_a_detector_trails_is_taken_off_the_end() -> None:
    """A detector that says yes for 60 ms longer than it should stops speech no later than one that doesn't."""
    assert [said.mark for said in hear("########......", trail=60)] == [SpeechStarted(0), SpeechStopped(100)]


def test_a_blip_that_a_detector_stretches_is_no_speech() -> None:
    """One voiced window and a trail of three look like four voiced windows, and are 20 ms of speech."""
    policy = GatePolicy(min_speech=0.03, hangover=0.1)
    assert hear("####......", policy, trail=60) == []
    assert hear("#####", policy, trail=60) == [Said(4, SpeechStarted(0))]


def test_the_threshold_decides_what_is_voiced() -> None:
    """A probability at the threshold is voiced, one below is not."""
    gate = Gate(GatePolicy(threshold=0.6, start_voiced=1, start_windows=1, min_speech=0.0), RATE)
    assert gate.feed(0.59, WINDOW, 0) is None
    assert gate.feed(0.6, WINDOW, 20) == SpeechStarted(20)


def test_the_end_of_the_stream_stops_speech() -> None:
    """What is going on at the end stops where its last voiced window ended; silence needs no stop."""
    assert hear("..####.", finish=True) == [Said(4, SpeechStarted(40)), Said(7, SpeechStopped(120))]
    assert hear("..##", finish=True) == []


def test_a_loss_as_long_as_the_hangover_stops_speech() -> None:
    """Missing sound counts as unvoiced for its length, so that a dead microphone does not speak for ever."""
    gate = Gate(PLAIN, RATE)
    for number in range(4):
        gate.feed(1.0, WINDOW, number * WINDOW)
    assert gate.lose(99, 80) is None
    assert gate.lose(1, 179) == SpeechStopped(80)


def test_speech_does_not_begin_across_a_loss() -> None:
    """Voiced windows before a loss are not counted together with those behind it."""
    gate = Gate(PLAIN, RATE)
    marks = [gate.feed(1.0, WINDOW, 0), gate.feed(1.0, WINDOW, 20), gate.lose(20, 40), gate.feed(1.0, WINDOW, 60)]
    assert marks == [None, None, None, None]
    assert gate.feed(1.0, WINDOW, 80) is None
    assert gate.feed(1.0, WINDOW, 100) == SpeechStarted(60)


def test_a_run_that_begins_within_the_hangover_is_waited_for() -> None:
    """When the hangover passes while somebody may have gone on, the stop waits until that is decided, either way."""
    policy = GatePolicy(min_speech=0.1, hangover=0.1)
    assert hear("#####...#####", policy) == [Said(4, SpeechStarted(0))]
    assert hear("#####...####..", policy) == [Said(4, SpeechStarted(0)), Said(13, SpeechStopped(100))]


def test_no_window_is_in_two_speeches() -> None:
    """With a hangover shorter than a run's memory, voiced windows already reported don't begin the next speech."""
    policy = GatePolicy(start_voiced=3, start_windows=6, min_speech=0.0, hangover=0.0)
    assert hear("###....#.#", policy) == [Said(2, SpeechStarted(0)), Said(6, SpeechStopped(60))]
    assert hear("#.#.#..###", policy) == [
        Said(4, SpeechStarted(0)),
        Said(6, SpeechStopped(100)),
        Said(9, SpeechStarted(140)),
    ]


@pytest.mark.parametrize(
    ("numbers", "complaint"),
    [
        ({"threshold": 0.0}, "threshold above 0 and at most 1, got 0.0"),
        ({"threshold": 1.5}, "threshold above 0 and at most 1, got 1.5"),
        ({"start_voiced": 5}, "start_voiced from 1 to start_windows, got 5 of 4"),
        ({"start_voiced": 0}, "got 0 of 4"),
        ({"min_speech": -0.1}, "min_speech of 0 s or more, got -0.1"),
        ({"hangover": -1.0}, "hangover of 0 s or more, got -1.0"),
        ({"hangover": float("inf")}, "hangover of 0 s or more, got inf"),
        ({"hangover": float("nan")}, "hangover of 0 s or more, got nan"),
    ],
)
def test_a_policy_that_no_stream_could_satisfy_is_refused(numbers: dict[str, float], complaint: str) -> None:
    """Each impossible number raises ConfigError, with what was expected and what came."""
    with pytest.raises(ConfigError, match=complaint):
        GatePolicy(**numbers)  # type: ignore[arg-type]  # the numbers are of the field's type


patterns = st.lists(st.tuples(st.sampled_from(".#"), st.integers(1, 8)), max_size=30).map(
    lambda runs: "".join(drawn * count for drawn, count in runs)
)
policies = st.builds(
    lambda windows, voiced, speech, hangover: GatePolicy(
        start_voiced=min(voiced, windows), start_windows=windows, min_speech=speech / 1000, hangover=hangover / 1000
    ),
    windows=st.integers(1, 6),
    voiced=st.integers(1, 6),
    speech=st.integers(0, 150),
    hangover=st.integers(0, 400),
)


@given(pattern=patterns, policy=policies, trail=st.sampled_from([0, 20, 60, 80]))
def test_starts_and_stops_alternate_and_never_go_back(pattern: str, policy: GatePolicy, trail: int) -> None:
    """For any sound and policy: a start first, then in turn; no position below the one before; none in the future."""
    said = hear(pattern, policy, trail=trail, finish=True)
    marks = [entry.mark for entry in said]
    assert all(isinstance(mark, SpeechStarted) for mark in marks[::2])
    assert all(isinstance(mark, SpeechStopped) for mark in marks[1::2])
    assert len(marks) % 2 == 0
    positions = [mark.at for mark in marks]
    assert positions == sorted(positions)
    assert all(entry.mark.at <= (entry.window + 1) * WINDOW for entry in said)


@given(pattern=patterns, policy=policies)
def test_marks_stand_at_the_edges_of_voiced_windows(pattern: str, policy: GatePolicy) -> None:
    """A start is where a voiced window begins, a stop where one ends."""
    for mark in (entry.mark for entry in hear(pattern, policy, finish=True)):
        window = mark.at // WINDOW - (1 if isinstance(mark, SpeechStopped) else 0)
        assert mark.at % WINDOW == 0
        assert pattern[window] == "#"


@given(
    pattern=patterns,
    policy=policies.filter(lambda policy: policy.hangover * RATE >= policy.start_windows * WINDOW),
    trail=st.sampled_from([0, 20, 60]),
)
def test_the_gate_agrees_with_its_definition(pattern: str, policy: GatePolicy, trail: int) -> None:
    """Step by step it says what the definition, worked out from the whole past at each window, says."""
    assert hear(pattern, policy, trail=trail) == by_definition(pattern, policy, trail)


def by_definition(pattern: str, policy: GatePolicy, trail: int) -> list[Said]:
    """The module's docstring, written out without any state but the last speech."""

    def enough(window: int) -> bool:
        return pattern[max(0, window + 1 - policy.start_windows) : window + 1].count("#") >= policy.start_voiced

    def run_began(window: int) -> int:
        while window and enough(window - 1):
            window -= 1
        return WINDOW * pattern.index("#", max(0, window + 1 - policy.start_windows))

    def quiet(window: int) -> bool:
        return pattern[window] == "." and not enough(window)

    said: list[Said] = []
    speaking, heard_to = False, 0
    for window in range(len(pattern)):
        end = (window + 1) * WINDOW
        certain = end - trail
        if pattern[window] == "#" and enough(window) and certain - run_began(window) >= round(policy.min_speech * RATE):
            heard_to = certain
            if not speaking:
                said.append(Said(window, SpeechStarted(run_began(window))))
            speaking = True
        elif speaking and quiet(window) and end - heard_to >= round(policy.hangover * RATE):
            said.append(Said(window, SpeechStopped(heard_to)))
            speaking = False
    return said
