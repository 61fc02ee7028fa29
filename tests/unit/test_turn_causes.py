"""The five causes for which the first rules of turns lost words, cut needlessly or kept silent, each as a timeline.

Each docstring says what the rules of version 0.2 do, and then what the first ones did with the same events.
"""

from __future__ import annotations

import pytest

from tests.unit.turns import VAD_MODE, Talk, answered, endpoint, final, finalized, interim, started, stopped
from voicekit.events import Audible, Interim, Progress, Prompt, ReplyDone, SttDown
from voicekit.turn.caller_memory import NEWEST
from voicekit.turn.machine import TurnState
from voicekit.turn.policy import InterruptPolicy, Policy

# --- 1: words are lost ---


def test_a_yes_in_the_last_moment_of_a_question_is_its_answer() -> None:
    """A backchannel that is not complete when the reply ends is answered when it is final.

    Before: the release forgot it and moved the watermark behind its sound; it got no answer, ever.
    """
    talk = answered().at(4.8, started(4.7)).at(5.1, interim("Yes.", 4.7)).at(5.3, stopped(5.0))
    talk.at(5.5, ReplyDone(1)).at(5.6, final("Yes.", 4.7)).at(5.8, endpoint(5.0))
    assert talk.take() == ["4.80 hold 1", "5.30 release 1", "5.60 start 2 speech 'Yes.'"]


def test_an_early_yes_to_a_question_is_its_answer() -> None:
    """Complete before the end of the reply, it is the answer if the reply ends in a question, and else is none.

    Before: it was forgotten in either case.
    """
    for said, lines in (("Shall I book it?", ["5.80 start 2 speech 'Yes.'"]), ("I have booked it.", [])):
        talk = answered().at(3.8, started(3.7)).at(4.1, final("Yes.", 3.7)).at(4.3, stopped(4.0)).at(4.7, endpoint(4.0))
        talk.says(5.7, said).take()
        assert talk.at(5.8, ReplyDone(1)).take() == lines
    talk = answered().at(2.1, started(2.0)).at(2.4, final("Yes.", 2.0)).at(2.6, stopped(2.3)).at(3.0, endpoint(2.3))
    talk.says(5.7, "It costs nine. Shall I book it?").take()
    assert talk.at(5.8, ReplyDone(1)).take() == [], "that was long before the question"


def test_a_yes_is_the_answer_in_vad_mode_too() -> None:
    """Without endpoints the pause decides, and the words in it.

    Before: it was forgotten.
    """
    talk = answered(VAD_MODE).at(4.8, started(4.7)).at(5.1, interim("Yes.", 4.7)).at(5.3, stopped(5.0))
    talk.at(5.4, ReplyDone(1)).at(5.5, final("Yes.", 4.7)).until(7.0)
    assert talk.take() == ["4.80 hold 1", "5.30 release 1", "5.50 start 2 speech 'Yes.'"]


@pytest.mark.parametrize("corrected", [interim("Wait.", 2.0), final("Wait.", 1.9)])
def test_a_word_that_is_corrected_is_judged_again(corrected: Interim) -> None:
    """ "Hm" that becomes "Wait." cuts, also after the release.

    Before: words of sound that had been released once were ignored, corrected or not.
    """
    talk = answered().at(2.1, started(2.0)).at(2.4, interim("Hm", 2.0)).at(2.6, stopped(2.3))
    assert talk.take() == ["2.10 hold 1", "2.60 release 1"]
    assert talk.at(2.8, corrected).take() == ["2.80 cut 1"]
    (line,) = talk.at(3.2, endpoint(2.3)).take()
    assert line.endswith("start 2 speech 'Wait.'")


def test_a_word_that_may_still_be_corrected_is_waited_for() -> None:
    """ "Weigh." is one word and no backchannel: it holds the reply until it is final, or is "Wait.".

    Before: the doubt let the reply go on after 0.6 s, and "Wait." was ignored.
    """
    talk = answered().at(2.1, started(2.0)).at(2.4, interim("Weigh.", 2.0)).at(2.6, stopped(2.3)).until(3.2)
    assert talk.take() == ["2.10 hold 1"]
    assert talk.at(3.3, final("Wait.", 2.0)).take() == ["3.30 cut 1"]


# --- 2: the bot keeps talking over a caller who begins with "Oh" ---


@pytest.mark.parametrize("first", ["Oh", "Okay", "Yeah"])
def test_a_caller_who_goes_on_after_a_backchannel_is_not_talked_over(first: str) -> None:
    """While the caller talks the reply stays held, whatever the first word was.

    Before: it was released after 0.6 s, in the middle of the sentence, and held or cut again after that.
    """
    talk = answered().at(2.1, started(2.0)).at(2.4, interim(first, 2.0)).at(3.1, interim(f"{first} that", 2.0))
    assert talk.take() == ["2.10 hold 1"]
    assert talk.at(3.3, interim(f"{first} that is", 2.0)).take() == ["3.30 cut 1"]
    talk.at(4.0, final(f"{first} that is nice", 2.0)).at(4.1, stopped(3.8)).at(4.5, endpoint(3.8))
    assert talk.take() == [f"4.50 start 2 speech '{first} that is nice'"]


# --- 3: every release takes 0.6 s ---


def test_two_backchannels_cost_little() -> None:
    """A doubt ends as the caller falls silent.

    Before: each "mm-hmm" cost 0.6 s of dead air, whenever it ended.
    """
    talk = answered()
    for at in (2.0, 4.0):
        talk.at(at + 0.1, started(at)).at(at + 0.25, interim("mm-hmm", at)).at(at + 0.5, stopped(at + 0.2))
        talk.at(at + 0.6, final("mm-hmm", at)).at(at + 0.9, endpoint(at + 0.3))
    assert talk.take() == ["2.10 hold 1", "2.50 release 1", "4.10 hold 1", "4.50 release 1"]


# --- 4: sound without words cuts, and an empty question follows ---


@pytest.mark.parametrize("length", [0.5, 1.0, 1.7])
def test_a_cough_never_cuts(length: float) -> None:
    """The reply goes on at the same word, and nobody is asked anything.

    Before: what lasted 0.33 s and the hangover cut; 2 s later the handler was asked without a text.
    """
    talk = answered().at(2.1, started(2.0)).at(2.3 + length, stopped(2.0 + length)).at(9.0, ReplyDone(1)).until(20.0)
    assert talk.take() == ["2.10 hold 1", f"{2.4 + length:.2f} release 1"]


def test_a_recogniser_that_has_passed_a_cough_ends_the_doubt() -> None:
    """Progress beyond the sound is as good as silence.

    Before: nothing waited for the recogniser.
    """
    talk = answered().at(2.1, started(2.0)).at(2.8, stopped(2.5)).at(2.82, Progress(2480)).until(9.0)
    assert talk.take() == ["2.10 hold 1", "2.82 release 1"]


def test_music_holds_the_reply_once() -> None:
    """Sound that goes on and on lets the reply go on after `doubt`, and does not hold it again.

    Before: it cut the reply, and the handler was asked without a text.
    """
    talk = answered().at(2.1, started(2.0)).at(30.0, Progress(29_000)).at(40.0, stopped(39.7)).until(50.0)
    assert talk.take() == ["2.10 hold 1", "4.10 release 1"]


@pytest.mark.parametrize("least", [2, 3, 9])
@pytest.mark.parametrize("length", [0.3, 0.4, 1.5])
def test_min_words_is_a_minimum(least: int, length: float) -> None:
    """One word never cuts where more are wanted, however long it is drawn out; it is answered after the reply.

    Before: it cut if it lasted longer than some 0.33 s, whatever `min_words` was.
    """
    talk = answered(Policy(interrupt=InterruptPolicy(min_words=least)))
    talk.at(2.1, started(2.0)).at(2.3, interim("lovely", 2.0)).at(2.26 + length, final("lovely", 1.7 + length))
    talk.at(2.3 + length, stopped(2.0 + length)).at(2.7 + length, endpoint(2.0 + length))
    assert talk.take() == ["2.10 hold 1", f"{2.3 + length:.2f} release 1"]
    assert talk.at(9.0, ReplyDone(1)).take() == ["9.00 start 2 speech 'lovely'"]


# --- 5: people other than the caller ---


def test_the_echo_of_the_reply_does_not_interrupt_it() -> None:
    """Words that the reply is just saying are not the caller's; others, in the same breath, are.

    Before: they cut it, and it answered itself.
    """
    talk = answered().at(2.1, started(2.0), Progress(1900))
    said = "We have black tea and green tea"
    for place, word in enumerate(said.split()):
        talk.says(2.0 + 0.3 * place, said, said.index(word) + len(word))
    talk.at(4.0, interim("We have black tea", 2.2), final("We have black tea", 2.2)).at(4.05, stopped(3.45))
    assert (talk.state, talk.take()) == (TurnState.SPEAKING, ["2.10 hold 1", "4.05 release 1"])
    assert talk.decisions()[1] == "ignore 1: 4 words: the reply is saying that itself"
    talk.at(4.3, interim("and green tea wait", 3.4))
    assert talk.take() == ["4.30 cut 1"]


def test_a_caller_may_use_the_words_of_the_reply() -> None:
    """What was said long ago, or among other words, is no echo."""
    talk = answered().says(2.0, "black tea").at(4.0, Progress(3900), interim("black tea", 3.6))
    assert talk.take() == ["4.00 cut 1"]
    talk = answered().at(1.9, Progress(1800)).says(2.0, "black tea").at(2.8, interim("I want black tea", 1.8))
    assert talk.take() == ["2.80 cut 1"]


def test_the_echo_can_be_listened_to() -> None:
    """Without `ignore_echo` the same words cut."""
    talk = answered(Policy(interrupt=InterruptPolicy(ignore_echo=False))).at(2.1, Progress(1900))
    talk.says(2.0, "We have black tea").at(2.6, interim("black tea", 2.2))
    assert talk.take() == ["2.60 cut 1"]


LOUD, SOFT = -25.0, -45.0


def heard_with(levels: dict[range, float], policy: Policy | None = None) -> Talk:
    """Two questions of four loud words each were asked and answered; reply 2 can be heard since 5.5."""

    def level_at(at: int) -> float:
        return max((value for span, value in levels.items() if at in span), default=LOUD)

    def level(start: int, end: int) -> float | None:
        """That of the loudest part; a sound that has just begun is judged by its beginning."""
        return (
            max(level_at(at) for at in range(start, min(end, start + 10_000), 100)) if end < NEWEST else level_at(start)
        )

    talk = Talk(policy, levels=level)
    talk.at(0.1, started(0.0)).at(1.3, final("what do you have", 0.0)).at(1.5, stopped(1.2)).at(1.9, endpoint(1.2))
    talk.at(2.0, Audible(1), ReplyDone(1)).at(3.1, started(3.0)).at(4.4, final("tell me about it", 3.0))
    talk.at(4.5, stopped(4.2)).at(5.0, endpoint(4.2)).at(5.5, Audible(2)).take()
    talk.decisions()
    return talk


def test_a_television_does_not_interrupt() -> None:
    """Sound far below the caller's own usual level neither holds nor cuts, and is not answered afterwards.

    Before: it was taken for the caller.
    """
    talk = heard_with({range(6_000, 9_000): SOFT}).at(6.1, started(6.0)).at(7.0, interim("the news at nine", 6.0))
    talk.at(7.5, final("the news at nine", 6.0)).at(8.0, stopped(7.5)).at(8.3, endpoint(7.2)).at(9.0, ReplyDone(2))
    assert (talk.state, talk.take()) == (TurnState.WAITING, [])
    assert talk.decisions() == [
        "ignore 2: sound 20 dB below the caller's usual level",
        "ignore 2: 4 words: 20 dB below the caller's usual level",
    ]
    loud = {range(6_000, 9_000): SOFT, range(6_300, 6_900): LOUD}
    talk = heard_with(loud).at(6.1, started(6.0)).at(7.0, interim("the news at nine", 6.0))
    assert talk.take()[-1] == "7.00 cut 2", "a caller talks over it"


def test_a_caller_who_repeats_what_was_offered_is_no_echo() -> None:
    """An echo is softer than the caller: what is as loud is the caller's own, however soon it comes."""
    for level, lines in ((LOUD, ["6.40 cut 2"]), (LOUD - 10, [])):
        talk = heard_with({range(6_000, 9_000): level}).at(5.9, Progress(5_800)).says(6.0, "black tea")
        assert talk.at(6.4, interim("black tea", 6.1)).take() == lines


def test_what_the_echo_left_is_not_answered_after_the_reply() -> None:
    """The recogniser is behind: the last words of the reply come when it is over."""
    talk = answered().at(2.0, Progress(1_900)).says(2.0, "Is that all?").at(2.6, ReplyDone(1))
    talk.at(2.9, started(2.1)).at(3.0, interim("that all", 2.3)).at(3.2, stopped(2.9)).at(3.5, final("that all", 2.3))
    assert (talk.at(3.8, endpoint(2.9)).state, talk.take()) == (TurnState.WAITING, [])


def test_a_television_behind_the_caller_does_not_prolong_the_turn() -> None:
    """Faint words are ignored in a pause, too, and faint sound is no speech."""
    talk = heard_with({range(8_000, 20_000): SOFT}).at(6.0, ReplyDone(2)).at(7.0, started(6.9))
    talk.at(7.9, final("when do you open", 6.6)).at(8.1, stopped(7.8)).at(8.3, started(8.2)).until(8.4)
    assert talk.state is TurnState.SETTLING
    talk.at(9.0, interim("the news", 8.2)).at(9.5, final("the news", 8.2)).until(12.0)
    assert talk.take() == ["8.90 start 3 speech 'when do you open'"], "no endpoint comes while somebody goes on talking"


def test_a_voice_at_the_limit_does_not_interrupt_with_its_next_word() -> None:
    """What began too faint must become 3 dB louder than the limit; a caller who begins louder need not."""
    for begins, lines in ((LOUD - 13, []), (LOUD - 11, ["6.10 hold 2", "7.00 cut 2"])):
        talk = heard_with({range(6_000, 6_100): begins, range(6_100, 9_000): LOUD - 11}).at(6.1, started(6.0))
        assert talk.at(7.0, interim("the news at nine", 6.0)).take() == lines


def test_a_television_in_the_same_utterance_is_left_out() -> None:
    """A recogniser writes down the caller and the television as one utterance, and sends no endpoint."""
    talk = heard_with({range(6_000, 6_600): SOFT, range(7_800, 20_000): SOFT}).at(6.0, ReplyDone(2))
    talk.at(6.7, started(6.6)).at(8.2, stopped(7.8)).at(8.4, final("the news when do you open parliament has", 6.0))
    assert talk.at(8.6, interim("voted", 8.4)).until(11.0).take() == ["9.00 start 3 speech 'when do you open'"]
    assert "ignore: 4 words: 20 dB below the caller" in talk.decisions()


def test_a_softly_spoken_word_is_not_left_out() -> None:
    """One faint word among the caller's is theirs, and so is one at the end, unless the detector heard it end before.

    The faint word after one that was left out belongs to the same voice.
    """
    for soft, said in ((7.2, "when do you open"), (7.5, "when do you open"), (7.8, "when do you open")):
        span = range(round(soft * 1_000), round(soft * 1_000) + 300)
        talk = heard_with({span: SOFT}).at(6.0, ReplyDone(2)).at(6.7, started(6.6)).at(8.2, stopped(7.8))
        words = "when do you open" + (" with" if soft == 7.8 else "")
        assert talk.at(8.4, final(words, 6.6)).at(8.6, endpoint(8.1)).take() == [f"8.60 start 3 speech '{said}'"]
    talk = heard_with({range(7_800, 20_000): SOFT}).at(6.0, ReplyDone(2)).at(6.7, started(6.6))
    talk.at(8.4, final("when do you open parliament has", 6.6)).at(8.6, final("voted", 8.4)).at(8.8, stopped(7.8))
    assert talk.at(9.0, endpoint(8.7)).take() == ["9.00 start 3 speech 'when do you open'"]


def test_a_television_is_told_from_a_caller_whose_level_is_not_known() -> None:
    """In the first turn the loudest words of the utterance are the measure."""
    talk = Talk(levels=lambda start, end: LOUD if start < 1_200 else SOFT).at(0.1, started(0.0)).at(1.5, stopped(1.2))
    talk.at(1.7, final("when do you open parliament has", 0.0)).at(1.8, started(1.75)).until(3.0)
    assert talk.take() == ["2.30 start 1 speech 'when do you open'"]


def test_the_greeting_is_not_held_by_sound_that_is_softer_than_callers_are() -> None:
    """Before the caller has said anything, a usual level is presumed; words of a soft caller count all the same."""
    for level, lines in ((-44.0, ["1.00 cut 1"]), (-40.0, ["0.60 hold 1", "1.00 cut 1"])):
        talk = Talk(levels=lambda start, end, level=level: level).at(0.0, Prompt("greeting", "Hello."), Audible(1))
        talk.take()
        assert talk.at(0.6, started(0.5)).at(1.0, interim("listen to", 0.5)).take() == lines


def test_a_caller_who_comes_behind_a_television_sets_the_level() -> None:
    """What was taken for the caller first was the background: it does not count any more."""
    levels = {range(6_000): SOFT, range(6_000, 9_000): LOUD, range(9_000, 12_000): SOFT}
    talk = heard_with(levels).at(6.1, started(6.0)).at(7.0, final("when do you open", 6.0)).at(7.5, stopped(7.2))
    talk.at(7.9, endpoint(7.2)).at(8.2, Audible(3)).take()
    assert talk.at(9.2, started(9.1)).at(10.0, interim("the news at nine", 9.1)).take() == []


def test_faint_sound_can_be_listened_to() -> None:
    """With `faint_db` off, or with less of a difference, soft words are the caller's."""
    off = Policy(interrupt=InterruptPolicy(faint_db=None))
    for policy, soft in ((off, SOFT), (None, -35.0)):
        talk = heard_with({range(6_000, 9_000): soft}, policy).at(6.1, started(6.0))
        assert talk.at(7.0, interim("the news at nine", 6.0)).take() == ["6.10 hold 2", "7.00 cut 2"]


# --- what must keep working ---


def test_a_sound_while_the_recogniser_is_down_goes_on() -> None:
    """No word can come; the doubt still ends."""
    talk = answered().at(2.0, SttDown()).at(2.1, started(2.0)).at(2.8, stopped(2.5)).until(9.0)
    assert talk.take() == ["2.10 hold 1", "2.90 release 1"]


def test_finalized_is_no_endpoint_in_stt_mode() -> None:
    """A recogniser that was asked to make its words final has not said that the utterance is over."""
    talk = answered().at(2.1, started(2.0)).at(2.6, stopped(2.3)).at(2.65, final("Tuesday", 2.0), finalized(2.4))
    assert talk.take() == ["2.10 hold 1", "2.65 release 1"]
    assert talk.at(2.8, interim("afternoon", 2.5)).take() == ["2.80 cut 1"]
    assert talk.at(3.5, endpoint(2.8)).take() == ["3.50 start 2 speech 'Tuesday afternoon'"]
