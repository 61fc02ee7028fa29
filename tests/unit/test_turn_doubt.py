"""Interruptions: what holds a reply, what cuts it, and what lets it go on."""

from __future__ import annotations

import math

import pytest

from tests.unit.turns import (
    NO_BARGE_IN,
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
from voicekit.events import Audible, Dtmf, Interim, Progress, Prompt, ReplyDone, Typed
from voicekit.turn.machine import TurnState
from voicekit.turn.policy import InterruptPolicy, Policy

MANY = Policy(interrupt=InterruptPolicy(min_words=3))


def test_a_cough_is_held_and_released() -> None:
    """Speech holds the reply at once; a tenth of a second after its end, the reply goes on if no word has come."""
    talk = answered().at(2.1, started(2.0))
    assert talk.state is TurnState.DOUBTING
    assert talk.machine.deadline == pytest.approx(4.1)
    talk.at(2.5, stopped(2.2)).until(9.0)
    assert (talk.state, talk.take()) == (TurnState.SPEAKING, ["2.10 hold 1", "2.60 release 1"])


def test_a_cough_ends_sooner_if_the_recogniser_has_passed_it() -> None:
    """Progress beyond a sound says that there is no word in it."""
    talk = answered().at(2.1, started(2.0)).at(2.5, stopped(2.2)).at(2.52, Progress(2150))
    assert (talk.state, talk.take()) == (TurnState.SPEAKING, ["2.10 hold 1", "2.52 release 1"])
    talk = answered().at(2.1, started(2.0)).at(2.4, Progress(2150)).at(2.5, stopped(2.2))
    assert talk.take() == ["2.10 hold 1", "2.50 release 1"]
    talk = answered().at(2.1, started(2.0)).at(2.5, stopped(2.2)).at(2.52, Progress(2000))
    assert talk.state is TurnState.DOUBTING, "it has not come that far"


def test_words_that_keep_a_doubt_open_are_asked_for() -> None:
    """A recogniser that can be asked makes them final sooner than by itself; while the caller talks, it is not."""
    talk = Talk(finalizes=True).at(0.1, started(0.0)).at(1.3, final("hello there", 0.0)).at(1.4, stopped(1.2))
    talk.at(1.6, finalized(1.4)).at(2.0, endpoint(1.4)).at(2.1, Audible(1)).take()
    talk.decisions()
    talk.at(5.1, started(5.0)).at(5.4, interim("Mama", 5.0))
    assert talk.take() == ["5.10 hold 1"]
    talk.at(5.8, stopped(5.5)).at(5.9, final("Mama", 5.0), finalized(5.7))
    assert talk.take() == ["5.80 finalize to 5.70", "5.90 release 1"]
    assert "finalize: only words that may still change keep the doubt open" in talk.decisions()
    talk.at(9.0, interim("Ma", 8.9))
    assert talk.take() == ["9.00 hold 1"], "the detector has not heard that sound end"


def test_a_reply_not_yet_audible_is_held_and_released_too() -> None:
    """A doubt before the first sound leads back to REPLYING, or to SPEAKING if the sound began meanwhile."""
    talk = asked().at(1.3, started(1.3)).at(1.6, stopped(1.4)).until(2.0)
    assert (talk.state, talk.take()) == (TurnState.REPLYING, ["1.30 hold 1", "1.70 release 1"])
    talk.at(2.1, started(2.1), Audible(1)).at(2.4, stopped(2.2)).until(3.0)
    assert (talk.state, talk.take()) == (TurnState.SPEAKING, ["2.10 hold 1", "2.50 release 1"])


def test_enough_words_cut_at_once() -> None:
    """`min_words` words cut without waiting for the doubt; the endpoint makes them a turn."""
    talk = answered().at(2.1, started(2.0)).at(2.4, interim("tell", 2.0)).at(2.5, interim("tell me", 2.0))
    assert (talk.state, talk.take()) == (TurnState.HEARING, ["2.10 hold 1", "2.50 cut 1"])
    talk.at(3.0, stopped(2.6), final("tell me", 2.0)).at(3.3, endpoint(2.6))
    assert talk.take() == ["3.30 start 2 speech 'tell me'"]


def test_words_alone_hold_and_cut() -> None:
    """Words raise the doubt and cut also where the detector hears nothing; the cut then leads to SETTLING."""
    talk = answered().at(2.4, interim("tell", 2.0))
    assert (talk.state, talk.take()) == (TurnState.DOUBTING, ["2.40 hold 1"])
    talk.at(2.5, interim("tell me", 2.0))
    assert (talk.state, talk.take()) == (TurnState.SETTLING, ["2.50 cut 1"])


def test_many_words_cut_without_a_doubt() -> None:
    """Two new words in one breath cut a reply that nothing has held."""
    assert answered().at(2.5, interim("tell me", 2.0)).take() == ["2.50 cut 1"]


@pytest.mark.parametrize("text", ["stop", "Wait!", "hold on", "mhm stop"])
def test_a_stop_word_cuts_alone(text: str) -> None:
    """A word or phrase that always cuts needs neither `min_words` nor the doubt."""
    talk = answered(Policy(interrupt=InterruptPolicy(min_words=5))).at(2.1, started(2.0)).at(2.4, interim(text, 2.0))
    assert talk.take() == ["2.10 hold 1", "2.40 cut 1"]


@pytest.mark.parametrize("text", ["mhm", "Okay.", "uh-huh yeah right", "I see"])
def test_backchannels_never_cut(text: str) -> None:
    """However many words of listening there are, and however drawn out, the reply goes on, at the latest at the cap."""
    talk = answered().at(2.1, started(2.0)).at(2.4, interim(text, 2.0)).until(9.0)
    assert (talk.state, talk.take()) == (TurnState.SPEAKING, ["2.10 hold 1", "4.10 release 1"])


def test_backchannels_add_no_weight_to_other_words() -> None:
    """One word among words of listening is one word."""
    talk = answered().at(2.4, interim("okay yeah so", 2.0))
    assert talk.take() == ["2.40 hold 1"]
    assert talk.at(2.5, interim("okay yeah so listen", 2.0)).take() == ["2.50 cut 1"]


def test_words_that_still_come_at_the_cap_cut() -> None:
    """A caller who has talked for the whole doubt gets the floor, though `min_words` have not come yet."""
    talk = answered(MANY).at(2.1, started(2.0)).at(3.0, interim("well", 2.2)).until(4.2)
    assert (talk.state, talk.take()) == (TurnState.HEARING, ["2.10 hold 1", "4.10 cut 1"])
    talk = answered(MANY).at(2.1, started(2.0)).at(3.0, interim("well", 2.2)).at(3.1, stopped(2.8)).until(4.2)
    assert (talk.state, talk.take()) == (TurnState.SETTLING, ["2.10 hold 1", "4.10 cut 1"])


def test_sound_without_words_never_cuts() -> None:
    """Music or keys hold the reply for at most `doubt`; later words of the same sound still interrupt it."""
    talk = answered().at(2.1, started(2.0)).until(5.0)
    assert (talk.state, talk.take()) == (TurnState.SPEAKING, ["2.10 hold 1", "4.10 release 1"])
    assert talk.at(6.0, interim("listen to", 5.5)).take() == ["6.00 cut 1"]


def test_sound_without_words_cuts_if_the_policy_says_so() -> None:
    """For a recogniser that is slow: sound that lasts for the whole doubt, `min_speech` of which was speech."""
    policy = Policy(interrupt=InterruptPolicy(sound_cuts=True, doubt=0.6))
    assert answered(policy).at(2.1, started(2.0)).until(2.8).take() == ["2.10 hold 1", "2.70 cut 1"]
    talk = answered(policy).at(2.1, started(2.0)).at(2.15, stopped(2.05)).at(2.2).at(2.62, started(2.6))
    assert talk.until(9.0).take()[:2] == ["2.10 hold 1", "2.25 release 1"]
    talk = answered(policy).at(2.1, started(2.0)).at(2.6, stopped(2.05)).at(2.65, started(2.62)).until(2.8)
    assert talk.take() == ["2.10 hold 1", "2.70 release 1"]


def test_a_sound_that_goes_on_within_the_doubt_is_one_sound() -> None:
    """A stop and a start in one doubt do not prolong it beyond its cap."""
    talk = answered().at(2.1, started(2.0)).at(2.5, stopped(2.2)).at(2.55, started(2.5)).until(4.0)
    assert (talk.state, talk.machine.deadline) == (TurnState.DOUBTING, pytest.approx(4.1))


def test_too_few_words_are_kept_for_the_end_of_the_reply() -> None:
    """Below `min_words` words hold the reply while they may change, and are answered when it is over."""
    talk = answered(MANY).at(2.1, started(2.0)).at(2.5, interim("lovely", 2.0)).at(2.6, stopped(2.3)).until(2.9)
    assert (talk.state, talk.take()) == (TurnState.DOUBTING, ["2.10 hold 1"])
    talk.at(3.0, final("lovely", 2.0)).at(3.1, endpoint(2.3))
    assert (talk.state, talk.take()) == (TurnState.SPEAKING, ["3.00 release 1"])
    talk.at(5.0, started(4.9)).at(5.3, final("mhm", 4.9)).at(5.5, stopped(5.2)).at(5.9, endpoint(5.2)).take()
    assert talk.at(9.0, ReplyDone(1)).take() == ["9.00 start 2 speech 'lovely'"]


def test_kept_words_do_not_add_up() -> None:
    """A remark after another one is weighed by itself, as they are minutes apart."""
    talk = answered(MANY)
    for now in (3.0, 7.0, 11.0, 15.0):
        talk.at(now, final("lovely", now - 0.5), endpoint(now - 0.2))
    assert (talk.state, talk.take()) == (TurnState.SPEAKING, [])
    assert talk.at(20.0, ReplyDone(1)).take() == ["20.00 start 2 speech 'lovely lovely lovely lovely'"]


def test_an_endpoint_on_backchannels_releases() -> None:
    """The recogniser says that "mhm" was all: no need to wait until the detector agrees."""
    talk = answered().at(2.1, started(2.0)).at(2.3, final("mhm", 2.0), endpoint(2.3))
    assert (talk.state, talk.take()) == (TurnState.SPEAKING, ["2.10 hold 1", "2.30 release 1"])
    assert talk.at(2.5, stopped(2.3)).at(5.0, ReplyDone(1)).state is TurnState.WAITING


def test_an_endpoint_on_other_words_keeps_them() -> None:
    """A complete utterance that is more than a backchannel is a turn, when the reply is over."""
    talk = answered().at(2.1, started(2.0)).at(2.3, final("Tuesday", 2.0), endpoint(2.3)).at(2.5, stopped(2.3))
    assert (talk.state, talk.take()) == (TurnState.SPEAKING, ["2.10 hold 1", "2.30 release 1"])
    assert talk.at(5.0, ReplyDone(1)).take() == ["5.00 start 2 speech 'Tuesday'"]


def test_one_word_is_enough_before_the_reply_can_be_heard() -> None:
    """The caller was not done: both parts are one question."""
    talk = asked().at(1.3, started(1.2)).at(1.6, final("Tuesday", 1.2))
    assert talk.take() == ["1.30 hold 1", "1.60 cut 1"]
    assert talk.at(2.2, endpoint(1.5)).take() == ["2.20 start 2 speech 'good morning Tuesday'"]


def test_an_endpoint_without_words_leaves_the_doubt() -> None:
    """A stale endpoint, or one for words that were retracted, judges nothing."""
    talk = answered().at(2.1, started(2.0)).at(2.2, endpoint(0.6)).at(2.3, endpoint(2.2))
    assert (talk.state, talk.take()) == (TurnState.DOUBTING, ["2.10 hold 1"])


def test_in_vad_mode_finalized_judges_the_doubt_once_the_caller_is_quiet() -> None:
    """A Finalized stands for the endpoint that vad mode does not have, but not while the caller still speaks."""
    talk = answered(VAD_MODE).at(2.1, started(2.0)).at(2.3, final("Tuesday", 2.0), finalized(2.25), endpoint(2.3))
    assert talk.take() == ["2.10 hold 1"]
    assert talk.at(2.4, stopped(2.3), finalized(2.4)).take() == ["2.40 release 1"]
    assert talk.at(4.0, ReplyDone(1)).take() == ["4.00 start 2 speech 'Tuesday'"]


def test_a_word_after_the_cut_ends_the_regret() -> None:
    """Once there are words, the turn ends as any other."""
    talk = answered().at(2.1, started(2.0)).at(2.4, interim("so tell", 2.0)).at(2.5, Interim(()))
    talk.at(3.0, interim("tell", 2.5)).at(3.5, stopped(3.2))
    assert talk.until(5.9).take() == ["2.10 hold 1", "2.40 cut 1"]
    assert talk.until(6.1).take() == ["6.00 start 2 speech 'tell'"]


def test_words_that_vanish_after_a_cut_ask_nobody_anything() -> None:
    """If all words that cut are retracted, `regret` later the call waits for the caller; no empty question is asked."""
    talk = answered().at(2.5, interim("tell me", 2.0)).at(2.9, interim("tell me so", 2.0)).at(3.0, Interim(()))
    talk.until(9.0)
    assert (talk.state, talk.take()) == (TurnState.WAITING, ["2.50 cut 1"])


def test_a_regret_while_the_sound_goes_on_listens_on() -> None:
    """The caller who is still making sounds is heard, and the words that come are a turn."""
    talk = answered().at(2.1, started(2.0)).at(2.5, interim("tell me", 2.0)).at(3.0, Interim(())).until(4.6)
    assert (talk.state, talk.machine.deadline) == (TurnState.HEARING, math.inf)
    assert talk.at(5.0, final("stop it", 4.5), endpoint(5.0)).take()[-1] == "5.00 start 2 speech 'stop it'"


def test_the_pause_after_a_cut_is_counted_from_the_cut() -> None:
    """A caller whose stop-word was recognised late still has the whole pause to go on."""
    talk = answered().at(2.4, interim("weight", 2.0)).at(2.9, interim("wait", 2.0))
    assert talk.take() == ["2.40 hold 1", "2.90 cut 1"]
    assert talk.machine.deadline == pytest.approx(2.9 + 2.5)


def test_regret_answers_the_question_that_was_put_back() -> None:
    """Words that cut an answer before its first sound and vanish bring the same question again."""
    talk = asked().at(1.3, interim("stop", 1.3)).at(1.9, Interim(())).until(9.0)
    assert talk.take() == ["1.30 cut 1", "3.30 start 2 speech 'good morning'"]


def test_typed_lines_and_keys_cut_and_commit() -> None:
    """A line or a key is never a backchannel: it cuts, also in doubt, and is answered."""
    talk = answered().at(2.0, Typed("yes")).at(2.1, Audible(2)).at(2.5, started(2.4)).at(2.6, Dtmf("1"))
    assert talk.take() == [
        "2.00 cut 1",
        "2.00 start 2 typed 'yes'",
        "2.50 hold 2",
        "2.60 cut 2",
        "2.60 start 3 dtmf '1'",
    ]


def test_without_barge_in_words_are_kept_for_the_end_of_the_reply() -> None:
    """With `barge_in` off speech neither holds nor cuts, and its words are committed at ReplyDone."""
    talk = answered(NO_BARGE_IN).at(2.1, started(2.0)).at(2.9, final("stop it please", 2.0)).at(3.2, stopped(2.9))
    talk.at(3.5, endpoint(2.9)).until(4.0)
    assert (talk.state, talk.take()) == (TurnState.SPEAKING, [])
    assert talk.at(5.0, ReplyDone(1)).take() == ["5.00 start 2 speech 'stop it please'"]


def test_without_barge_in_a_caller_who_still_talks_is_heard_out() -> None:
    """The end of the reply does not end the sentence of a caller who is in the midst of it."""
    talk = answered(NO_BARGE_IN).at(2.1, started(2.0)).at(2.9, interim("stop it please", 2.0)).at(3.0, ReplyDone(1))
    assert (talk.state, talk.take()) == (TurnState.HEARING, [])
    assert talk.at(3.5, endpoint(2.9)).take() == ["3.50 start 2 speech 'stop it please'"]


def test_without_barge_in_typed_lines_and_keys_still_cut() -> None:
    """`barge_in` is about the voice."""
    assert answered(NO_BARGE_IN).at(2.0, Typed("no")).take() == ["2.00 cut 1", "2.00 start 2 typed 'no'"]


def test_a_reply_that_must_be_heard_is_heard() -> None:
    """Neither speech nor lines nor keys hold or cut it; all of them are kept, and committed together afterwards."""
    talk = Talk().at(0.0, Prompt("say", "This call is recorded.", interruptible=False)).at(0.1, Audible(1))
    talk.at(0.5, started(0.4)).at(1.2, final("let us begin", 0.4)).at(1.3, stopped(1.2), endpoint(1.2))
    talk.at(1.5, Dtmf("7")).at(1.6, Typed("now")).until(2.0)
    assert talk.take() == ["0.00 start 1 say '' says 'This call is recorded.', not to be interrupted"]
    assert talk.at(2.5, ReplyDone(1)).take() == ["2.50 start 2 typed 'let us begin 7 now'"]
    talk.at(3.0, ReplyDone(2), Prompt("say", interruptible=False), Dtmf("8"), started(3.0)).take()
    assert talk.at(4.0, ReplyDone(3)).take() == ["4.00 start 4 dtmf '8'"]


def test_the_end_of_a_held_reply_leads_to_where_the_caller_is() -> None:
    """When a held reply is over, the state is that of the caller: speaking, pausing with words, or silent."""
    talk = answered().at(2.1, started(2.0)).at(2.2, ReplyDone(1))
    assert talk.state is TurnState.HEARING
    talk = answered().at(2.1, started(2.0)).at(2.15, stopped(2.1), interim("yes", 1.8)).at(2.2, ReplyDone(1))
    assert talk.state is TurnState.SETTLING
    assert talk.at(2.8, endpoint(2.1)).take() == ["2.10 hold 1", "2.15 release 1", "2.80 start 2 speech 'yes'"]
    talk = answered().at(2.1, started(2.0)).at(2.4, stopped(2.2), ReplyDone(1))
    assert (talk.state, talk.take()) == (TurnState.WAITING, ["2.10 hold 1"])


def test_a_released_caller_who_talks_on_is_still_heard() -> None:
    """Words after a release are judged together with those that were let pass."""
    talk = answered().at(2.1, started(2.0)).at(2.4, interim("okay", 2.0)).at(2.5, stopped(2.3))
    talk.at(3.0, interim("okay but wait", 2.0))
    assert talk.take() == ["2.10 hold 1", "2.50 release 1", "3.00 cut 1"]
    assert talk.at(3.6, endpoint(2.9)).take() == ["3.60 start 2 speech 'okay but wait'"]


def test_words_that_were_let_pass_hold_no_second_time() -> None:
    """The same words again, or final, or in another spelling, change nothing."""
    talk = answered().at(2.1, started(2.0)).at(2.4, interim("okay", 2.0)).at(2.5, stopped(2.3))
    talk.at(2.6, interim("Okay.", 2.0)).at(2.7, final("OK", 2.0)).at(2.8, endpoint(2.3)).until(5.0)
    assert talk.take() == ["2.10 hold 1", "2.50 release 1"]


def test_each_decision_about_a_reply_says_why() -> None:
    """Hold, release, cut and what is ignored each leave one line with the reason."""
    talk = answered().at(2.1, started(2.0)).at(2.5, stopped(2.2)).until(3.0)
    talk.at(3.1, started(3.0)).at(3.4, final("mhm", 3.0)).at(3.6, stopped(3.3)).at(4.0, endpoint(3.3))
    talk.at(4.1, started(4.0)).at(4.3, stopped(4.2), Progress(4250))
    talk.at(5.1, started(5.0)).at(5.5, final("Tuesday", 5.0)).at(5.6, stopped(5.3)).at(5.7, endpoint(5.3))
    talk.at(6.0, started(6.0)).until(8.1).at(8.2, stopped(8.1))
    talk.at(9.1, started(9.0)).at(9.5, interim("why", 9.0)).until(11.2)
    assert talk.decisions() == [
        "hold 1: speech started",
        "release 1: no word within 0.1 s of the end of the sound",
        "hold 1: speech started",
        "release 1: only backchannels",
        "hold 1: speech started",
        "release 1: the recogniser heard no word in the sound",
        "hold 1: speech started",
        "release 1: words of weight 1, 2 would cut; kept for the end of the reply",
        "hold 1: speech started",
        "release 1: no words that cut within 2 s",
        "hold 1: speech started",
        "cut 1: words still come after 2 s of doubt",
    ]
    talk = asked().at(1.3, interim("stop", 1.0)).at(2.0, endpoint(1.3))
    assert talk.decisions() == [
        "cut 1: stop-word 'stop'; not audible yet, its question is put back",
        "commit 2: endpoint at 1.30 s of sound",
    ]
