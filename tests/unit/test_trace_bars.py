"""From the events of a log to bars end to end: what was reached, in which order, and what was done ahead."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voicekit.events import (
    Audible,
    Decided,
    Endpoint,
    Final,
    SessionStarted,
    SpeechStarted,
    SpeechStopped,
    TurnAct,
    TurnCommitted,
    Word,
)
from voicekit.session.eventlog import LoggedEvent, Milestone
from voicekit.session.trace.bars import Bar, Waterfall, waterfall
from voicekit.session.trace.reading import TurnTimes, read_turns

LOG: list[tuple[float, LoggedEvent]] = [
    (0.0, SessionStarted()),
    (0.52, SpeechStarted(0)),
    (1.76, Final((Word("what time", 0, 1),))),
    (1.8, SpeechStopped(0)),
    (2.2, Endpoint(0)),
    (2.2, Decided(TurnAct.COMMIT, 1, "endpoint at 1.50 s of sound")),
    (2.2, TurnCommitted(1, "what time", "speech")),
    (2.2, Milestone(1, "user", 0.7)),
    (2.2, Milestone(1, "begun")),
    (2.4, Milestone(1, "word")),
    (2.5, Milestone(1, "text")),
    (2.65, Milestone(1, "sound")),
    (2.65, Milestone(1, "silence", 0.05)),
    (2.69, Audible(1)),
    (2.69, Milestone(1, "air", 0.01)),
]


def read(log: list[tuple[float, LoggedEvent]]) -> Waterfall:
    (turn,) = read_turns(log)
    fall = waterfall(turn)
    assert fall is not None
    return fall


def seconds(fall: Waterfall) -> dict[str, float]:
    return {bar.name: round(bar.seconds, 3) for bar in fall.bars}


def test_a_log_becomes_bars_in_the_order_of_time():
    """Each bar is named after what ended it, and the last one ends with the first audible sample."""
    fall = read(LOG)
    assert (fall.number, fall.text, fall.complete) == (1, "what time", True)
    assert seconds(fall) == {
        "final transcript": 0.26,
        "voice detector": 0.04,
        "endpoint": 0.4,
        "turn decision": 0.0,
        "handler's first word": 0.2,
        "first sentence": 0.1,
        "voice's first byte": 0.15,
        "playout": 0.03,
        "leading silence": 0.05,
    }
    assert (round(fall.start, 3), round(fall.end, 3)) == (1.5, 2.73)


def test_work_done_ahead_is_no_wait():
    """A reply that had begun before its turn was complete is drawn over the wait for it, and counted in none."""
    fall = read([*LOG[:4], (1.9, Milestone(1, "begun")), (2.05, Milestone(1, "word")), *LOG[4:8], *LOG[10:]])
    (word,) = [bar for bar in fall.bars if bar.name == "handler's first word"]
    assert (word.seconds, word.ahead) == (0.0, (1.9, 2.05))
    assert seconds(fall)["first sentence"] == 0.3
    assert round(fall.seconds, 3) == 1.23


def test_a_reply_begun_anew_forgets_the_one_before_it():
    """What a discarded attempt at the same turn had reached counts for nothing."""
    early: list[tuple[float, LoggedEvent]] = [
        (1.6, Milestone(1, "begun")),
        (1.65, Milestone(1, "word")),
        (1.66, Milestone(1, "silence", 0.2)),
    ]
    assert seconds(read([*LOG[:2], *early, *LOG[2:]])) == seconds(read(LOG))


def test_a_typed_turn_begins_with_its_decision():
    """Where nobody spoke, the wait begins when the turn was complete."""
    fall = read([LOG[0], (2.2, TurnCommitted(1, "", "greeting")), *LOG[8:]])
    assert fall.text == "(greeting)"
    assert fall.bars[0] == Bar("turn decision", 2.2, 2.2)


def test_a_reply_that_was_never_audible_is_incomplete():
    """The bars stop where the reply stopped, and say that something is missing."""
    fall = read(LOG[:10])
    assert fall.bars[-1].name == "handler's first word"
    assert not fall.complete


def test_a_log_without_milestones_has_no_bars():
    """The log of a session that was not traced is read all the same."""
    (turn,) = read_turns(entry for entry in LOG if not isinstance(entry[1], Milestone))
    assert waterfall(turn) is None


moments = st.floats(0, 10).map(lambda value: round(value, 3))


@given(
    st.dictionaries(st.sampled_from(["voice detector", "final transcript", "endpoint"]), moments),
    st.dictionaries(st.sampled_from(["begun", "word", "text", "sound", "air"]), moments, min_size=1),
    moments,
    st.none() | moments,
    st.none() | moments,
)
def test_bars_lie_end_to_end(heard, reached, committed, user_until, silence):
    """Whatever a log says, no bar is negative, each begins where the one before it ends, and work ahead lies before."""
    turn = TurnTimes(1, "", committed, heard, user_until, reached, silence)
    fall = waterfall(turn)
    assert fall is not None
    assert all(bar.seconds >= 0 for bar in fall.bars)
    assert [bar.start for bar in fall.bars[1:]] == [bar.end for bar in fall.bars[:-1]]
    assert all(bar.ahead[0] < bar.ahead[1] <= bar.start for bar in fall.bars if bar.ahead is not None)
