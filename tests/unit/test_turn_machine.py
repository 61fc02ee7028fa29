"""Listening: when the caller's turn begins, and what ends it."""

from __future__ import annotations

import pytest

from tests.unit.turns import (
    RATE,
    VAD_MODE,
    Talk,
    answered,
    asked,
    endpoint,
    final,
    finalized,
    interim,
    started,
    stopped,
)
from voicekit.errors import ConfigError
from voicekit.events import (
    Audible,
    Dtmf,
    HeardSoFar,
    Interim,
    Progress,
    ReplyDone,
    Signal,
    SttDown,
    SttUp,
    Typed,
    Word,
)
from voicekit.turn.machine import TurnMachine, TurnState
from voicekit.turn.policy import CallPolicy, Policy, TurnPolicy


def test_a_spoken_question_goes_from_mark_to_reply() -> None:
    """Speech, its pause, its endpoint, the sound of the reply and its end each lead to the next state."""
    talk = Talk()
    seen = [talk.state]
    timeline: list[tuple[float, Signal]] = [
        (0.1, started(0.0)),
        (0.7, interim("good morning")),
        (0.9, stopped(0.6)),
        (1.2, endpoint(0.6)),
        (1.5, Audible(1)),
        (2.5, ReplyDone(1)),
    ]
    for now, event in timeline:
        seen.append(talk.at(now, event).state)
    assert seen == [
        TurnState.WAITING,
        TurnState.HEARING,
        TurnState.HEARING,
        TurnState.SETTLING,
        TurnState.REPLYING,
        TurnState.SPEAKING,
        TurnState.WAITING,
    ]
    assert talk.take() == ["1.20 start 1 speech 'good morning'"]


def test_live_names_the_reply_while_it_lives() -> None:
    """`live` is the reply's number from its start to its end, and None before and after."""
    talk = Talk()
    seen = [talk.machine.live, talk.at(0.0, Typed("hi")).machine.live]
    seen += [talk.at(0.5, Audible(1)).machine.live, talk.at(1.0, ReplyDone(1)).machine.live]
    assert seen == [None, 1, 1, None]


def test_talking_follows_the_marks_in_every_state() -> None:
    """`talking` is what the last mark said, also while a reply runs."""
    talk = answered()
    seen = [talk.machine.talking]
    timeline: list[tuple[float, Signal]] = [
        (2.0, started(2.0)),
        (2.2, stopped(2.1)),
        (3.0, ReplyDone(1)),
        (3.1, started(3.1)),
    ]
    for now, event in timeline:
        seen.append(talk.at(now, event).machine.talking)
    assert seen == [False, True, False, False, True]


def test_an_endpoint_ends_the_turn_while_the_detector_still_hears_speech() -> None:
    """In stt mode the recogniser is believed before the pause is over."""
    talk = Talk().at(0.1, started(0.0)).at(0.7, final("good morning", 0.0), endpoint(0.6))
    assert talk.take() == ["0.70 start 1 speech 'good morning'"]


def test_an_endpoint_without_words_goes_on_listening() -> None:
    """Where all words were retracted, there is nothing to answer."""
    talk = Talk().at(0.1, started(0.0)).at(0.5, interim("mm"), Interim(()), endpoint(0.4))
    assert (talk.state, talk.take()) == (TurnState.HEARING, [])
    talk.at(0.6, stopped(0.4), endpoint(0.5))
    assert (talk.state, talk.take()) == (TurnState.WAITING, [])


def test_without_an_endpoint_the_fallback_ends_the_turn() -> None:
    """In stt mode a pause of the longest endpoint delay and half a second is enough."""
    talk = Talk().at(0.1, started(0.0)).at(0.7, interim("good morning")).at(0.9, stopped(0.6))
    assert talk.machine.deadline == pytest.approx(0.9 + 2.0 + 0.5)
    assert talk.until(9.0).take() == ["3.40 start 1 speech 'good morning'"]


def test_the_fallback_is_short_while_the_transcriber_is_down() -> None:
    """No endpoint comes from ears that are down, so the pause is `settle`, until they are up again."""
    talk = Talk().at(0.1, started(0.0)).at(0.7, interim("good morning")).at(0.9, stopped(0.6))
    assert talk.at(1.0, SttDown()).machine.deadline == pytest.approx(1.7)
    assert talk.at(1.1, SttUp()).machine.deadline == pytest.approx(3.4)
    assert talk.at(1.2, SttDown()).until(9.0).take() == ["1.70 start 1 speech 'good morning'"]


def test_ears_that_went_down_before_the_pause_shorten_it() -> None:
    """The transcriber's trouble is remembered from whichever state it was reported in."""
    talk = Talk().at(0.0, SttDown()).at(0.1, started(0.0)).at(0.7, interim("good")).at(0.9, stopped(0.6))
    assert talk.until(9.0).take() == ["1.70 start 1 speech 'good'"]


def test_in_vad_mode_settle_ends_the_turn_and_endpoints_do_not() -> None:
    """In vad mode a pause of `settle` commits, and an Endpoint is ignored."""
    talk = Talk(VAD_MODE).at(0.1, started(0.0)).at(0.7, interim("good morning")).at(0.9, stopped(0.6), endpoint(0.6))
    assert (talk.state, talk.take()) == (TurnState.SETTLING, [])
    assert talk.until(9.0).take() == ["1.70 start 1 speech 'good morning'"]


def test_in_vad_mode_finalized_ends_the_turn_in_a_pause() -> None:
    """A Finalized commits in SETTLING; while the caller speaks on it answers for earlier sound and is ignored."""
    talk = Talk(VAD_MODE).at(0.1, started(0.0)).at(0.7, final("good morning", 0.0), finalized(0.6))
    assert (talk.state, talk.take()) == (TurnState.HEARING, [])
    assert talk.at(0.9, stopped(0.6)).at(1.1, finalized(0.9)).take() == ["1.10 start 1 speech 'good morning'"]


def test_in_stt_mode_finalized_is_no_judgement() -> None:
    """In stt mode a Finalized changes nothing."""
    talk = Talk().at(0.1, started(0.0)).at(0.7, final("good", 0.0)).at(0.9, stopped(0.6), finalized(0.9))
    assert (talk.state, talk.take()) == (TurnState.SETTLING, [])


def test_auto_endpointing_asks_the_transcriber() -> None:
    """`auto` is stt mode where the transcriber declares endpoints, and vad mode where it does not."""
    for endpoints, deadline in [(True, 3.4), (False, 1.7)]:
        talk = Talk(endpoints=endpoints).at(0.1, started(0.0)).at(0.9, interim("good"), stopped(0.6))
        assert talk.machine.deadline == pytest.approx(deadline)


def test_stt_endpointing_needs_a_transcriber_with_endpoints() -> None:
    """Waiting for endpoints that never come is refused when the call is set up."""
    policy = Policy(turn=TurnPolicy(endpointing="stt"))
    with pytest.raises(ConfigError, match=r"TurnPolicy.endpointing: 'stt' needs an stt that detects endpoints"):
        TurnMachine(policy, rate=RATE, endpoints=False, now=0.0)
    assert TurnMachine(policy, rate=RATE, endpoints=True, now=0.0).state is TurnState.WAITING


def test_the_ear_rate_is_checked() -> None:
    """A rate that can't count samples is refused."""
    with pytest.raises(ConfigError, match="sample rate above 0 Hz, got 0"):
        TurnMachine(Policy(), rate=0, endpoints=True, now=0.0)


def test_a_stale_endpoint_is_ignored() -> None:
    """An Endpoint at or below the end of what was committed is about the turn before."""
    talk = answered().at(2.0, ReplyDone(1)).at(2.2, started(2.1)).at(2.5, interim("and", 2.1), endpoint(0.6))
    assert (talk.state, talk.take()) == (TurnState.HEARING, [])
    assert talk.at(2.9, endpoint(2.4)).take() == ["2.90 start 2 speech 'and'"]


def test_speech_in_a_pause_goes_on_with_the_turn() -> None:
    """Words before and after a pause that was too short are one question."""
    talk = Talk().at(0.1, started(0.0)).at(0.7, final("good morning", 0.0)).at(0.9, stopped(0.6)).at(1.5, started(1.4))
    assert talk.state is TurnState.HEARING
    assert talk.at(2.2, final("everyone", 1.5)).at(2.5, endpoint(1.8)).take() == [
        "2.50 start 1 speech 'good morning everyone'"
    ]


def test_a_noise_without_words_leads_back_to_waiting() -> None:
    """A pause in which no word arrived commits nothing."""
    talk = Talk().at(0.1, started(0.0)).at(0.6, stopped(0.3)).until(9.0)
    assert (talk.state, talk.take()) == (TurnState.WAITING, [])


def test_words_that_the_detector_missed_are_heard() -> None:
    """Words in WAITING without a mark begin a turn, and the pause is counted from the last of them."""
    talk = Talk(VAD_MODE).at(0.4, interim("good")).at(0.9, interim("good morning")).at(1.3, interim("good morning all"))
    assert talk.state is TurnState.SETTLING
    assert talk.until(9.0).take() == ["2.10 start 1 speech 'good morning all'"]


def test_words_that_arrive_late_do_not_lengthen_the_pause() -> None:
    """Words that sounded before the mark of the pause leave its deadline alone, however often they are repeated."""
    talk = Talk(VAD_MODE).at(0.1, started(0.0)).at(0.9, stopped(0.6))
    talk.at(1.0, interim("good")).at(1.3, interim("good morning")).at(1.5, final("good morning", 0.0))
    assert talk.until(9.0).take() == ["1.70 start 1 speech 'good morning'"]


def test_typed_lines_and_keys_commit_at_once() -> None:
    """A line or a key needs no endpoint, whether somebody speaks or not, and takes the words so far with it."""
    talk = Talk().at(0.5, Typed("  hello ")).at(1.0, ReplyDone(1)).at(2.0, Dtmf("5")).at(3.0, ReplyDone(2))
    talk.at(4.0, started(3.9)).at(4.5, interim("my number is", 3.9)).at(4.6, Typed("1234"))
    assert talk.take() == [
        "0.50 start 1 typed 'hello'",
        "2.00 start 2 dtmf '5'",
        "4.60 start 3 typed 'my number is 1234'",
    ]


def test_a_blank_line_is_no_turn() -> None:
    """A typed line without text changes nothing, neither in a pause nor in a reply."""
    talk = Talk().at(0.5, Typed("  "))
    assert (talk.state, talk.take()) == (TurnState.WAITING, [])
    talk = answered().at(2.0, Typed(""))
    assert (talk.state, talk.take()) == (TurnState.SPEAKING, [])


def test_news_without_meaning_for_turns_changes_nothing() -> None:
    """Progress and HeardSoFar leave state and deadline as they are."""
    for talk in (Talk(), asked(), answered()):
        before = (talk.state, talk.machine.deadline)
        talk.at(2.0, Progress(900), HeardSoFar(1, 3))
        assert (talk.state, talk.machine.deadline, talk.take()) == (*before, [])


def test_news_of_another_reply_is_stale() -> None:
    """Audible and ReplyDone of a reply that is not the live one are ignored."""
    talk = asked().at(1.3, Audible(7), ReplyDone(7))
    assert (talk.state, talk.machine.live) == (TurnState.REPLYING, 1)


def test_blank_words_are_no_words() -> None:
    """White space that a recogniser makes a word of is not committed."""
    talk = Talk().at(0.1, started(0.0)).at(0.5, Interim((Word(" ", 0, 100),)), endpoint(0.4)).at(0.6, stopped(0.4))
    assert talk.until(9.0).take() == []


def test_what_is_no_signal_is_refused() -> None:
    """Handing over anything else is a mistake that says so."""
    with pytest.raises(TypeError, match="expected a signal, got 'hello'"):
        Talk().machine.handle("hello", 0.0)  # type: ignore[arg-type]


def test_due_before_the_deadline_does_nothing() -> None:
    """A driver that wakes too early loses nothing and starts nothing."""
    talk = Talk().at(0.1, started(0.0)).at(0.9, interim("good"), stopped(0.6))
    assert talk.machine.due(3.3) == []
    assert talk.state is TurnState.SETTLING


def test_each_commit_says_why() -> None:
    """The log tells an endpoint from a fallback, from a settled pause, from a line, and from ears that are down."""
    talk = asked()
    talk.at(1.3, ReplyDone(1)).at(2.1, started(2.0)).at(2.5, interim("yes", 2.0), stopped(2.3)).until(5.0)
    assert talk.decisions() == ["commit 2: waited 2.5 s: no endpoint, settle 2.5 s after the last sign of speech"]
    talk.at(5.1, ReplyDone(2)).at(5.2, SttDown(), interim("no", 5.0)).until(6.0)
    talk.at(6.1, ReplyDone(3), Typed("x"))
    assert talk.decisions() == [
        "commit 3: waited 0.8 s: the transcriber is down, settle 0.8 s after the last sign of speech",
        "commit 4: typed",
    ]
    talk.at(7.0, ReplyDone(4), final("hm", 6.5), endpoint(6.8))
    assert talk.decisions() == ["commit 5: endpoint at 6.80 s of sound"]


def test_steady_noise_does_not_keep_a_question_from_its_answer() -> None:
    """Behind the last word a sound is waited out for `noise`, in either mode; words that come postpone it."""
    for policy in (None, VAD_MODE):
        talk = Talk(policy).at(0.1, started(0.0)).at(0.7, interim("when do you")).at(3.0, interim("when do you open"))
        assert talk.until(6.9).take() == []
        assert talk.until(9.0).take() == ["7.00 start 1 speech 'when do you open'"]


def test_noise_is_no_reason_to_commit_while_the_transcriber_is_down() -> None:
    """Words of a caller who talks on may still come when it is up again."""
    talk = Talk().at(0.1, started(0.0)).at(0.7, interim("when do you"), SttDown()).until(20.0)
    assert talk.take() == []
    assert talk.at(20.1, SttUp()).until(25.0).take() == ["24.10 start 1 speech 'when do you'"]


def test_steady_noise_does_not_keep_the_idle_prompt_back() -> None:
    """Sound without words is silence in the end."""
    talk = Talk(Policy(call=CallPolicy(idle_after=5.0, idle_prompt="Hello?"))).at(1.0, started(1.0)).until(7.0)
    assert talk.take() == ["6.00 start 1 idle '' says 'Hello?'"]
