"""From the lines of an event log to bars end to end: what was reached, in which order, and what was done ahead."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voicekit.session.trace.bars import Bar, Waterfall, waterfall
from voicekit.session.trace.milestone import Milestone
from voicekit.session.trace.reading import TurnTimes, read_turns

LOG = """\
    0.000 session started
    0.520 user sounds
    1.760 final "what time"
    1.800 user is quiet
    2.200 endpoint
    2.200 commit 1 (endpoint at 1.50 s of sound)
    2.200 reply 1 to "what time"
    2.200 reply 1 trace: user 0.7000
    2.200 reply 1 trace: begun 0.0000
    2.400 reply 1 trace: word 0.0000
    2.500 reply 1 trace: text 0.0000
    2.650 reply 1 trace: sound 0.0000
    2.650 reply 1 trace: silence 0.0500
    2.690 reply 1 is audible
    2.690 reply 1 trace: air 0.0100
"""


def read(log: str) -> Waterfall:
    (turn,) = read_turns(log.splitlines())
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
    begun = "    1.900 reply 1 trace: begun 0.0000\n    2.050 reply 1 trace: word 0.0000\n"
    rest = LOG.replace("    2.200 reply 1 trace: begun 0.0000\n    2.400 reply 1 trace: word 0.0000\n", "")
    fall = read(begun.join(rest.partition("    2.200 endpoint")[::2]))
    (word,) = [bar for bar in fall.bars if bar.name == "handler's first word"]
    assert (word.seconds, word.ahead) == (0.0, (1.9, 2.05))
    assert seconds(fall)["first sentence"] == 0.3
    assert round(fall.seconds, 3) == 1.23


def test_a_reply_begun_anew_forgets_the_one_before_it():
    """What a discarded attempt at the same turn had reached counts for nothing."""
    early = "    1.600 reply 1 trace: begun 0.0000\n    1.650 reply 1 trace: word 0.0000\n"
    assert seconds(read(LOG.replace("    1.760 final", early + "    1.760 final"))) == seconds(read(LOG))


def test_a_typed_turn_begins_with_its_decision():
    """Where nobody spoke, the wait begins when the turn was complete."""
    lines = [line for line in LOG.splitlines() if "trace: user" not in line and "user sounds" not in line]
    fall = read("\n".join(lines).replace('to "what time"', "(greeting)"))
    assert fall.text == "(greeting)"
    assert fall.bars[0] == Bar("turn decision", 2.2, 2.2)


def test_a_reply_that_was_never_audible_is_incomplete():
    """The bars stop where the reply stopped, and say that something is missing."""
    fall = read("\n".join(LOG.splitlines()[:10]))
    assert fall.bars[-1].name == "handler's first word"
    assert not fall.complete


def test_a_log_without_milestones_has_no_bars():
    """The log of a session that was not traced is read all the same."""
    (turn,) = read_turns(line for line in LOG.splitlines() if "trace" not in line)
    assert waterfall(turn) is None


def test_what_is_heard_is_never_taken_for_a_milestone():
    """Words of the caller that look like a line of the log change nothing."""
    sly = LOG.replace('"what time"', '"reply 1 trace: air 9.0000"')
    assert seconds(read(sly)) == seconds(read(LOG))


def test_milestones_read_as_they_are_written():
    """What a milestone says of itself is what the reader finds, to a tenth of a millisecond."""
    lines = [
        '    2.000 reply 7 to "hm"',
        f"    2.000 {Milestone(7, 'user', 0.7512)}",
        f"    3.000 {Milestone(7, 'silence', 0.05)}",
    ]
    (turn,) = read_turns(lines)
    assert (round(turn.user_until or 0.0, 6), turn.silence) == (1.2488, 0.05)


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
