"""Whole calls in virtual time: how they begin, go on, get into trouble and end."""

from __future__ import annotations

import pytest
import trio

from voicekit.errors import ConfigError, Unavailable, VoicekitError
from voicekit.events import Decided, Prompt, ReplyFailed, SessionEnded, Trouble, TurnCommitted
from voicekit.extend import Apologise, Restart, hookimpl, load_plugins
from voicekit.flow import stage
from voicekit.play.sink import RecordingSink
from voicekit.reply import Turn
from voicekit.session import Session
from voicekit.testing import FakeTts, Script, ScriptedSource, ScriptedStt, hold_call
from voicekit.turn.policy import CallPolicy, InterruptPolicy, Policy


async def repeat(turn, say):
    await say(f"I heard {turn.text}")


def of_kind(call, kind):
    return [event for _, event in call.events if isinstance(event, kind)]


def one_question(text="good morning", at=1.0) -> Script:
    user = Script()
    user.says(text, at=at, for_=1.0)
    user.stays(until=10.0)
    return user


def quiet(until=10.0) -> Script:
    user = Script()
    user.stays(until=until)
    return user


def calling(**policy) -> Policy:
    return Policy(call=CallPolicy(**policy))


# --- how a call begins and goes on ---


def test_a_question_is_answered_and_both_are_in_the_history():
    """The history holds what was asked, what was said to it and what was heard of that."""
    call = hold_call(repeat, one_question())
    [exchange] = call.history
    assert (exchange.user, exchange.said, exchange.heard) == ("good morning", "I heard good morning", exchange.said)
    assert not exchange.cut


def test_a_greeting_is_spoken_before_the_user_says_anything():
    """With a greeting the bot speaks first; it is an exchange without a question."""
    call = hold_call(repeat, quiet(), policy=calling(greeting="Hello, this is the bot."))
    [exchange] = call.history
    assert (exchange.reason, exchange.user, exchange.heard) == ("greeting", "", "Hello, this is the bot.")


def test_silence_is_prompted_and_at_last_ends_the_call():
    """After `idle_after` seconds the bot asks; after `idle_limit` questions in a row it ends the call."""
    policy = calling(idle_after=5.0, idle_prompt="Are you there?", idle_limit=2, farewell="Goodbye.")
    call = hold_call(repeat, quiet(until=60.0), policy=policy)
    assert [exchange.said for exchange in call.history] == ["Are you there?", "Are you there?", "Goodbye."]
    assert call.seconds < 25


def test_the_session_can_speak_on_its_own():
    """`session.say` is spoken as soon as nobody else speaks, and `reason` says so."""

    async def remind(session: Session) -> None:
        await trio.sleep(2.0)
        await session.say("Your tea is ready.")

    call = hold_call(repeat, quiet(), during=remind)
    assert [(exchange.reason, exchange.heard) for exchange in call.history] == [("say", "Your tea is ready.")]


def test_a_handler_can_start_what_reports_later():
    """`turn.session.start_soon` runs beside the conversation, and may speak when it is done."""

    async def kettle(session, seconds):
        await trio.sleep(seconds)
        await session.say("Your tea is ready.")

    async def handler(turn, say):
        turn.session.start_soon(kettle, turn.session, 3.0)
        await say("On it.")

    call = hold_call(handler, one_question())
    assert [exchange.heard for exchange in call.history] == ["On it.", "Your tea is ready."]


def test_what_runs_beside_the_call_ends_with_it():
    """A task of `start_soon` is cancelled when the call ends, and nothing is left of it."""
    ended = []

    async def forever():
        try:
            await trio.sleep_forever()
        finally:
            ended.append(trio.current_time())

    async def handler(turn, say):
        turn.session.start_soon(forever)

    call = hold_call(handler, one_question())
    assert len(ended) == 1
    assert call.tasks_left == 0


def test_an_error_beside_the_call_ends_it():
    """What a task of `start_soon` raises is raised by the session, as it is."""

    async def fails():
        raise ValueError("no kettle")

    async def handler(turn, say):
        turn.session.start_soon(fails)
        await trio.sleep_forever()

    with pytest.raises(ValueError, match="no kettle"):
        hold_call(handler, one_question())


def test_nothing_can_run_beside_a_call_that_is_not_held():
    """Before and after the call `start_soon` is refused, and so it is for a turn without a call."""
    call = hold_call(repeat, one_question())
    with pytest.raises(VoicekitError, match="not running"):
        call.session.start_soon(trio.sleep, 1)
    with pytest.raises(ConfigError, match="does not belong to a call"):
        Turn(1, "hello").session.start_soon(trio.sleep, 1)


def test_typed_lines_and_keys_are_answered_at_once():
    """What is typed or pressed is a turn of its own."""
    user = quiet()
    user.types("hello", at=1.0)
    user.presses("5", at=4.0)
    call = hold_call(repeat, user)
    assert [(event.reason, event.text) for event in of_kind(call, TurnCommitted)] == [("typed", "hello"), ("dtmf", "5")]


def test_a_handler_that_says_nothing_ends_its_turn_in_silence():
    """No words, no sound, and the next turn is answered as usual."""

    async def silent(turn, say):
        """Nothing to say."""

    call = hold_call(silent, one_question())
    assert [exchange.said for exchange in call.history] == [""]
    assert call.sink.pcm == b""


def test_a_plugin_may_answer_before_the_handler():
    """`voicekit_answer` is asked first; where it returns None the session's handler answers."""

    class Rules:
        @hookimpl
        def voicekit_answer(self, turn):
            return (lambda turn: "By the rules.") if "morning" in turn.text else None

    user = one_question()
    user.says("something else", at=5.0, for_=1.0)
    call = hold_call(repeat, user, plugins=load_plugins(extra=[Rules()]))
    assert [exchange.said for exchange in call.history] == ["By the rules.", "I heard something else"]


def test_without_barge_in_the_reply_is_played_to_its_end_and_the_words_are_answered_then():
    """`barge_in=False` keeps what the caller says meanwhile and commits it when the reply is over."""
    user = Script()
    user.says("good morning", at=1.0, for_=1.0)
    user.says("wait a moment please", at=4.0, for_=1.0)
    user.stays(until=15.0)

    async def long(turn, say):
        await say(f"{turn.text}, and a good many words more than that, one after the other")

    call = hold_call(long, user, policy=Policy(interrupt=InterruptPolicy(barge_in=False)))
    assert [exchange.cut for exchange in call.history] == [False, False]
    assert call.history[1].user == "wait a moment please"


# --- how it ends ---


def test_a_graceful_end_plays_the_reply_and_the_farewell():
    """An order to end gracefully finishes what is being said, then says goodbye."""

    async def end(session: Session) -> None:
        await trio.sleep(3.0)
        session.end(farewell="Goodbye.")

    user = one_question()
    user.stays(until=100.0)
    call = hold_call(repeat, user, during=end)
    assert [exchange.heard for exchange in call.history] == ["I heard good morning", "Goodbye."]
    assert call.seconds < 8


def test_a_graceful_end_is_bounded_by_the_queued_sound_and_a_second():
    """A handler that never stops talking is cut when what it had said by the order has been played."""

    async def endless(turn, say):
        while True:
            await say("and another thing, ")

    async def end(session: Session) -> None:
        await trio.sleep(5.0)
        session.end()

    user = one_question()
    user.stays(until=300.0)
    call = hold_call(endless, user, during=end)
    assert call.history[-1].cut
    assert call.seconds <= 5.0 + 15.0 + 1.0


@pytest.mark.parametrize("how", ["end", "hang up"])
def test_an_end_at_once_takes_no_time(how):
    """An immediate end and a hang-up cut the reply and close everything at once."""

    async def end(session: Session) -> None:
        await trio.sleep(3.5)
        if how == "end":
            session.end(graceful=False)
        else:
            session.hang_up()

    call = hold_call(repeat, one_question(), during=end)
    assert call.seconds == pytest.approx(3.5, abs=0.01)
    assert call.history[-1].cut
    assert call.sink.told_to_close


def test_a_handler_may_end_the_call_with_a_farewell():
    """`turn.end(farewell)` lets the reply and the farewell be heard."""

    async def leave(turn, say):
        await say("As you like. ")
        turn.end("Goodbye.")

    user = one_question()
    user.stays(until=100.0)
    call = hold_call(leave, user)
    assert [exchange.heard.strip() for exchange in call.history] == ["As you like.", "Goodbye."]
    assert call.seconds < 10


def test_no_call_is_longer_than_its_maximum():
    """After `max_duration` the call ends gracefully."""
    call = hold_call(repeat, quiet(until=100.0), policy=calling(max_duration=7.0, farewell=None))
    assert call.seconds == pytest.approx(7.0, abs=1.1)
    assert call.ended == SessionEnded("maximum duration", limit=True)


def test_a_session_runs_once():
    """A second run is refused, because the first one's history and events are in it."""
    call = hold_call(repeat, quiet(until=1.0))
    with pytest.raises(ConfigError, match="can run only once"):
        trio.run(call.session.run)


async def test_a_session_that_does_not_run_takes_no_orders():
    """say, type, press, end and hang_up need a running session, and say so."""
    script = quiet()
    session = Session(
        handler=repeat, source=ScriptedSource(script), stt=ScriptedStt(script), tts=FakeTts(), sink="null"
    )
    with pytest.raises(VoicekitError, match="not running"):
        session.end()
    with pytest.raises(VoicekitError, match="not running"):
        await session.say("hello")


# --- trouble ---


def test_a_handler_that_raises_ends_the_call_with_its_own_error():
    """A bug is not hidden: `run` raises it alone, with the stage's name in a note."""

    async def broken(turn, say):
        await say("let me see")
        raise ZeroDivisionError("oops")

    with pytest.raises(ZeroDivisionError, match="oops") as raised:
        hold_call(broken, one_question())
    assert raised.value.__notes__ == ["in stage 'handler'"]


def test_a_service_that_fails_ends_the_reply_and_not_the_call():
    """After a ServiceError the next question is answered."""

    async def unlucky(turn, say):
        if turn.number == 1:
            raise Unavailable("no answer", service="model")
        await say("now it works")

    user = one_question()
    user.says("once more", at=5.0, for_=1.0)
    call = hold_call(unlucky, user)
    assert [failed.turn for failed in of_kind(call, ReplyFailed)] == [1]
    assert [exchange.heard for exchange in call.history] == ["", "now it works"]


def test_a_plugin_may_turn_trouble_into_an_apology():
    """`voicekit_handle_error` is asked with the role, and what it returns is spoken."""

    class Polite:
        @hookimpl
        def voicekit_handle_error(self, error, role):
            return Apologise(f"Sorry, my {role} failed.") if isinstance(error, ZeroDivisionError) else None

    async def broken(turn, say):
        raise ZeroDivisionError

    call = hold_call(broken, one_question(), plugins=load_plugins(extra=[Polite()]))
    assert [exchange.heard for exchange in call.history] == ["", "Sorry, my handler failed."]


def broken_ears(times):
    """A transcriber that fails when it has taken a second of sound, `times` times."""
    left = [times]

    @stage(name="scripted ears")
    async def ears(inbox, outbox):
        taken = 0
        async for item in inbox:
            taken += getattr(item, "samples", 0)
            if taken >= 16_000 and left[0]:
                left[0] -= 1
                raise ConnectionError("lost")

    class Ears:
        name, endpoints, open = "scripted ears", True, ears.open

        def negotiate(self, offered):
            return offered

    return Ears()


def test_ears_that_fail_end_the_call_unless_a_plugin_restarts_them():
    """Without a verdict the error is raised with the stage's name; with Restart the line runs again."""

    class Stubborn:
        @hookimpl
        def voicekit_handle_error(self, error, role):
            assert role == "stt"
            return Restart()

    with pytest.raises(ConnectionError) as raised:
        hold_call(repeat, quiet(), stt=broken_ears(1))
    assert raised.value.__notes__ == ["in stage 'scripted ears'"]
    call = hold_call(repeat, quiet(), stt=broken_ears(2), plugins=load_plugins(extra=[Stubborn()]))
    assert len(of_kind(call, Trouble)) == 2


def test_ears_that_fail_can_end_the_call_with_an_apology():
    """With Apologise the text is spoken and the call ends gracefully."""

    class Polite:
        @hookimpl
        def voicekit_handle_error(self, error):
            return Apologise("I can't hear you any more.")

    call = hold_call(repeat, quiet(until=60.0), stt=broken_ears(1), plugins=load_plugins(extra=[Polite()]))
    assert [exchange.heard for exchange in call.history] == ["I can't hear you any more."]
    assert call.seconds < 10


def test_an_observer_that_raises_is_reported_and_the_call_goes_on():
    """A plugin's trouble with an event is an event of its own, once."""

    class Clumsy:
        @hookimpl
        def voicekit_observe(self, event):
            raise RuntimeError("clumsy")

    call = hold_call(repeat, one_question(), plugins=load_plugins(extra=[Clumsy()]))
    assert len(of_kind(call, Trouble)) == 1
    assert call.history[0].heard == "I heard good morning"


def test_every_decision_says_why():
    """Each commit, hold, release and cut leaves one line with its reason."""
    call = hold_call(repeat, one_question())
    assert all(decided.why for decided in of_kind(call, Decided))
    assert any(decided.what == "commit 1" for decided in of_kind(call, Decided))


def test_prompts_are_events():
    """What the bot says on its own can be told apart by its reason."""
    call = hold_call(repeat, quiet(), during=lambda session: session.say("hello"))
    assert Prompt("say", "hello") in of_kind(call, Prompt)


# --- parts that do not fit together are reported before anything opens ---


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"handler": 7}, r"handler"),
        ({"source": "no such source"}, r"no source is called"),
        ({"sink": object()}, r"sink: expected a sink"),
        ({"tts": RecordingSink}, r"tts: expected a tts"),
        ({"policy": "patient"}, r"policy: expected a Policy"),
    ],
)
def test_a_part_that_does_not_fit_is_refused_by_name(parts, message):
    """The error names the role, what was expected and what came."""
    script = quiet()
    good = {
        "handler": repeat,
        "source": ScriptedSource(script),
        "stt": ScriptedStt(script),
        "tts": FakeTts(),
        "sink": RecordingSink(),
    }
    with pytest.raises(ConfigError, match=message):
        Session(**{**good, **parts})
