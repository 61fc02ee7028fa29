"""The history: what was said, what was heard, and how long it is remembered."""

from __future__ import annotations

import pytest

from voicekit.contracts import Exchange, HistoryView
from voicekit.errors import ConfigError, LocalProtocolError
from voicekit.turn.history import History


def filled(turns: int, limit: int = 200) -> History:
    history = History(limit)
    for turn in range(1, turns + 1):
        history.begin(turn, f"question {turn}", "speech")
        history.end(turn, said=f"answer {turn}", heard=f"answer {turn}", cut=False)
    return history


def test_an_exchange_joins_when_its_reply_is_over() -> None:
    """What was heard is known only at the end, so the open exchange is not shown before."""
    history = History()
    history.begin(1, "hello", "speech")
    assert (len(history), list(history)) == (0, [])
    ended = history.end(1, said="Good morning!", heard="Good", cut=True)
    assert ended == Exchange(1, "hello", "Good morning!", "Good", cut=True, reason="speech")
    assert list(history) == [ended]


def test_it_is_read_like_a_list() -> None:
    """Indexing from both ends and `len` work, oldest first; a place that is not there is an IndexError."""
    history: HistoryView = filled(3)
    assert (len(history), history[0].turn, history[-1].turn) == (3, 1, 3)
    with pytest.raises(IndexError):
        history[3]


def test_the_oldest_leave_first() -> None:
    """Of more than `limit` exchanges the last are kept."""
    assert [exchange.turn for exchange in filled(5, limit=3)] == [3, 4, 5]
    assert len(filled(201)) == 200


def test_a_turn_can_be_amended_while_it_is_open_and_after() -> None:
    """Late finals change what the caller said, and nothing else."""
    history = filled(2)
    history.amend(1, "Question one?")
    history.begin(3, "and", "speech")
    history.amend(3, "And you?")
    history.end(3, said="", heard="", cut=True)
    assert [exchange.user for exchange in history] == ["Question one?", "question 2", "And you?"]
    assert history[0].said == "answer 1"


def test_a_turn_that_has_left_is_past_amending() -> None:
    """Amending what is no longer remembered changes nothing."""
    history = filled(3, limit=2)
    before = list(history)
    history.amend(1, "Question one?")
    assert list(history) == before


def test_previous_cut_is_that_of_the_last_reply() -> None:
    """A handler learns whether the reply before its own was cut off."""
    history = History()
    seen = [history.previous_cut]
    for turn, cut in [(1, True), (2, False)]:
        history.begin(turn, "hello", "speech")
        history.end(turn, said="Good morning!", heard="", cut=cut)
        seen.append(history.previous_cut)
    assert seen == [False, True, False]


def test_reading_while_it_grows_is_safe() -> None:
    """A loop over the history sees what it was when the loop began."""
    history = filled(2)
    seen = []
    for exchange in history:
        seen.append(exchange.turn)
        history.begin(exchange.turn + 10, "more", "speech")
        history.end(exchange.turn + 10, said="", heard="", cut=False)
    assert seen == [1, 2]


def test_exchanges_open_and_end_one_at_a_time() -> None:
    """A begin before the end, and an end of what is not open, are mistakes of the driver that say so."""
    history = History()
    with pytest.raises(LocalProtocolError, match="expected no end, as no turn is open, got the end of turn 1"):
        history.end(1, said="", heard="", cut=False)
    history.begin(1, "hello", "speech")
    with pytest.raises(LocalProtocolError, match="expected the end of turn 1, got the start of turn 2"):
        history.begin(2, "hello", "speech")
    with pytest.raises(LocalProtocolError, match="expected the end of turn 1, got the end of turn 2"):
        history.end(2, said="", heard="", cut=False)


@pytest.mark.parametrize("limit", [0, -1, 2.5, "many"])
def test_a_limit_that_holds_nothing_is_refused(limit: object) -> None:
    """The history keeps one exchange at least."""
    with pytest.raises(ConfigError, match="history limit: expected an integer of at least 1"):
        History(limit)  # type: ignore[arg-type]
