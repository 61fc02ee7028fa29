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
from voicekit.events import Audible, Dtmf, Interim, Prompt, ReplyDone, Typed
from voicekit.turn.machine import TurnState
from voicekit.turn.policy import InterruptPolicy, Policy


def test_a_cough_is_held_and_released() -> None:
    """Speech holds the reply at once; when it is over as the doubt ends, the reply goes on."""
    talk = answered().at(2.1, started(2.0))
    assert talk.state is TurnState.DOUBTING
    assert talk.machine.deadline == pytest.approx(2.7)
    talk.at(2.5, stopped(2.2)).until(9.0)
    assert (talk.state, talk.take()) == (TurnState.SPEAKING, ["2.10 hold 1", "2.70 release 1"])


def test_a_reply_not_yet_audible_is_held_and_released_too() -> None:
    """A doubt before the first sound leads back to REPLYING, or to SPEAKING if the sound began meanwhile."""
    talk = asked().at(1.3, started(1.3)).at(1.6, stopped(1.4)).until(2.0)
    assert (talk.state, talk.take()) == (TurnState.REPLYING, ["1.30 hold 1", "1.90 release 1"])
    talk.at(2.1, started(2.1), Audible(1)).at(2.4, stopped(2.2)).until(3.0)
    assert (talk.state, talk.take()) == (TurnState.SPEAKING, ["2.10 hold 1", "2.70 release 1"])


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
    """However many words of listening there are, and even if the detector still hears speech, the reply goes on."""
    talk = answered().at(2.1, started(2.0)).at(2.4, interim(text, 2.0)).until(9.0)
    assert (talk.state, talk.take()) == (TurnState.SPEAKING, ["2.10 hold 1", "2.70 release 1"])


def test_backchannels_add_no_weight_to_other_words() -> None:
    """One word among words of listening is one word."""
    talk = answered().at(2.4, interim("okay yeah so", 2.0))
    assert talk.take() == ["2.40 hold 1"]
    assert talk.at(2.5, interim("okay yeah so listen", 2.0)).take() == ["2.50 cut 1"]


def test_still_talking_when_the_doubt_ends_cuts() -> None:
    """A caller who speaks on has the floor, even before the first word is recognised."""
    talk = answered().at(2.1, started(2.0)).until(2.8)
    assert (talk.state, talk.take()) == (TurnState.HEARING, ["2.10 hold 1", "2.70 cut 1"])


def test_one_word_and_still_talking_cuts_when_the_doubt_ends() -> None:
    """A word confirms the speech, however little of it was measured."""
    talk = answered().at(2.1, interim("well", 1.8)).at(2.65, started(2.6)).until(2.8)
    assert (talk.state, talk.take()) == (TurnState.HEARING, ["2.10 hold 1", "2.70 cut 1"])


def test_sound_without_words_cuts_only_after_enough_speech() -> None:
    """A doubt that ends just after speech began is prolonged until `min_speech` of it is confirmed."""
    talk = answered().at(2.1, started(2.0)).at(2.2, stopped(2.05)).at(2.65, started(2.62)).until(2.8)
    assert talk.state is TurnState.DOUBTING
    assert talk.machine.deadline == pytest.approx(2.85)
    assert talk.until(2.9).take() == ["2.10 hold 1", "2.85 cut 1"]


def test_sound_that_ends_in_the_prolonged_doubt_releases() -> None:
    """Clicks that never make `min_speech` of speech do not cut."""
    talk = answered().at(2.1, started(2.0)).at(2.2, stopped(2.05)).at(2.65, started(2.62)).at(2.8, stopped(2.7))
    assert talk.until(9.0).take() == ["2.10 hold 1", "2.85 release 1"]


def test_speech_before_the_doubt_is_no_evidence() -> None:
    """What was said in earlier stretches, such as the question itself, does not count against the reply."""
    talk = answered(Policy(interrupt=InterruptPolicy(doubt=0.1))).at(2.1, started(2.0)).until(2.3)
    assert talk.machine.deadline == pytest.approx(2.35)


def test_the_doubt_ends_once_even_on_awkward_fractions() -> None:
    """A prolonged doubt always ends at its next deadline; rounding never makes it wait for nothing."""
    policy = Policy(interrupt=InterruptPolicy(doubt=0.1, min_speech=0.7))
    talk = answered(policy).at(2.1, started(2.0)).until(2.25)
    prolonged = talk.machine.deadline
    assert prolonged > 2.25
    assert talk.until(prolonged).take() == ["2.10 hold 1", "2.80 cut 1"]


def test_an_endpoint_on_backchannels_releases() -> None:
    """The recogniser says that "mhm" was all: no need to wait for the doubt, nor to remember it."""
    talk = answered().at(2.1, started(2.0)).at(2.3, final("mhm", 2.0), endpoint(2.3))
    assert (talk.state, talk.take()) == (TurnState.SPEAKING, ["2.10 hold 1", "2.30 release 1"])
    assert talk.at(2.5, stopped(2.3)).at(5.0, ReplyDone(1)).state is TurnState.WAITING


def test_an_endpoint_on_other_words_cuts_and_commits() -> None:
    """A complete utterance that is more than a backchannel is a turn, even if it is one word."""
    talk = answered().at(2.1, started(2.0)).at(2.3, final("Tuesday", 2.0), endpoint(2.3))
    assert (talk.state, talk.take()) == (
        TurnState.REPLYING,
        ["2.10 hold 1", "2.30 cut 1", "2.30 start 2 speech 'Tuesday'"],
    )


def test_an_endpoint_without_words_leaves_the_doubt() -> None:
    """A stale endpoint, or one for words that were retracted, judges nothing."""
    talk = answered().at(2.1, started(2.0)).at(2.2, endpoint(0.6)).at(2.3, endpoint(2.2))
    assert (talk.state, talk.take()) == (TurnState.DOUBTING, ["2.10 hold 1"])


def test_in_vad_mode_finalized_judges_the_doubt_once_the_caller_is_quiet() -> None:
    """A Finalized stands for the endpoint that vad mode does not have, but not while the caller still speaks."""
    talk = answered(VAD_MODE).at(2.1, started(2.0)).at(2.3, final("Tuesday", 2.0), finalized(2.25), endpoint(2.3))
    assert talk.take() == ["2.10 hold 1"]
    assert talk.at(2.4, stopped(2.3), finalized(2.4)).take() == ["2.40 cut 1", "2.40 start 2 speech 'Tuesday'"]
    talk = answered(VAD_MODE).at(2.1, started(2.0)).at(2.4, stopped(2.3), final("mhm", 2.0), finalized(2.4))
    assert talk.take() == ["2.10 hold 1", "2.40 release 1"]


def test_noise_never_ends_in_dead_air() -> None:
    """If no word follows a cut within `regret`, a turn without words starts, whether the noise has ended or not."""
    talk = answered().at(2.1, started(2.0)).until(9.0)
    assert talk.take() == ["2.10 hold 1", "2.70 cut 1", "4.70 start 2 silence ''"]
    talk = answered().at(2.1, started(2.0)).at(3.0, stopped(2.8)).until(9.0)
    assert talk.take() == ["2.10 hold 1", "2.70 cut 1", "4.70 start 2 silence ''"]


def test_an_endpoint_without_words_does_not_end_the_regret() -> None:
    """Nothing is committed and nothing forgotten: the turn without words still comes."""
    talk = answered().at(2.1, started(2.0)).at(3.0, stopped(2.8), endpoint(2.8))
    assert talk.state is TurnState.SETTLING
    assert talk.until(9.0).take()[-1] == "4.70 start 2 silence ''"


def test_a_word_after_the_cut_ends_the_regret() -> None:
    """Once there are words, the turn ends as any other."""
    talk = answered().at(2.1, started(2.0)).at(3.0, interim("tell", 2.5)).at(3.5, stopped(3.2))
    assert talk.until(5.9).take() == ["2.10 hold 1", "2.70 cut 1"]
    assert talk.until(6.1).take() == ["6.00 start 2 speech 'tell'"]


def test_words_that_vanish_after_a_cut_are_regretted() -> None:
    """If all words that cut are retracted, the turn without words comes `regret` after the last of them."""
    talk = answered().at(2.1, started(2.0)).at(2.5, interim("tell me", 2.0)).at(2.9, interim("tell me so", 2.0))
    talk.at(3.0, Interim(())).until(9.0)
    assert talk.take() == ["2.10 hold 1", "2.50 cut 1", "4.90 start 2 silence ''"]


def test_a_regret_comes_once() -> None:
    """After the turn without words the call goes on as any other."""
    talk = answered().at(2.1, started(2.0)).at(3.0, stopped(2.8)).until(4.8).at(5.0, ReplyDone(2)).at(6.0, started(6.0))
    assert (talk.state, talk.machine.deadline) == (TurnState.HEARING, math.inf)


def test_the_pause_after_a_cut_is_counted_from_the_cut() -> None:
    """A caller whose stop-word was recognised late still has the whole pause to go on."""
    talk = answered().at(2.4, interim("weight", 2.0)).at(2.9, interim("wait", 2.0))
    assert talk.take() == ["2.40 hold 1", "2.90 cut 1"]
    assert talk.machine.deadline == pytest.approx(2.9 + 2.5)


def test_regret_answers_the_question_that_was_put_back() -> None:
    """Noise that cut an answer before its first sound brings the same question again, not a turn without words."""
    talk = asked().at(1.3, started(1.3)).until(9.0)
    assert talk.take() == ["1.30 hold 1", "1.90 cut 1", "3.90 start 2 speech 'good morning'"]


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
    talk = answered().at(2.1, interim("yes", 1.8)).at(2.2, ReplyDone(1))
    assert talk.state is TurnState.SETTLING
    assert talk.at(2.8, endpoint(2.1)).take() == ["2.10 hold 1", "2.80 start 2 speech 'yes'"]
    talk = answered().at(2.1, started(2.0)).at(2.4, stopped(2.2), ReplyDone(1))
    assert (talk.state, talk.take()) == (TurnState.WAITING, ["2.10 hold 1"])


def test_a_released_caller_who_talks_on_is_still_heard() -> None:
    """Words after a release are weighed anew, without what was forgotten."""
    talk = answered().at(2.1, started(2.0)).at(2.4, interim("okay", 2.0)).until(2.8)
    talk.at(3.0, interim("okay but wait", 2.0))
    assert talk.take() == ["2.10 hold 1", "2.70 release 1", "3.00 cut 1"]
    assert talk.at(3.6, endpoint(2.9)).take() == ["3.60 start 2 speech 'but wait'"]


def test_each_decision_about_a_reply_says_why() -> None:
    """Hold, release, cut and the turn without words each leave one line with the reason."""
    talk = answered().at(2.1, started(2.0)).at(2.5, stopped(2.2)).at(3.0, interim("well", 2.8)).at(3.1, started(3.0))
    talk.until(3.6).at(3.7, Interim(())).until(9.0)
    assert talk.decisions() == [
        "hold 1: speech started",
        "release 1: the speech ended within the doubt",
        "hold 1: words of weight 1, 2 would cut",
        "cut 1: still talking after 0.6 s of doubt",
        "silence 2: no word followed the cut within 2 s",
    ]
    talk = asked().at(1.3, interim("stop", 1.0)).at(2.0, endpoint(1.3))
    assert talk.decisions() == [
        "cut 1: stop-word 'stop'; not audible yet, its question is put back",
        "commit 2: endpoint at 1.30 s of sound",
    ]
