"""How calls end when something goes wrong at the wrong moment: the cases that made-up schedules have found."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
import trio

from tests.pipeline.schedules import watched_ends
from voicekit.errors import Unavailable
from voicekit.events import Prompt, ReplyFailed, SessionEnded, SessionStarted, Typed
from voicekit.extend import Apologise, hookimpl, load_plugins
from voicekit.flow.groups import sole
from voicekit.flow.layers import Layer
from voicekit.play.sink import RecordingSink
from voicekit.session import Session
from voicekit.testing import FakeTts, Script, ScriptedSource, ScriptedStt, hold_call
from voicekit.turn.policy import CallPolicy, Policy

GREETING = Policy(call=CallPolicy(greeting="Hello, what can I do for you?", open_timeout=2.0))


async def repeat(turn, say):
    await say(f"I heard {turn.text}")


def quiet(until=10.0) -> Script:
    user = Script()
    user.stays(until=until)
    return user


def typing(*times: float) -> Script:
    user = quiet()
    for at in times:
        user.types("hello", at=at)
    return user


def of_kind(call, kind):
    return [event for _, event in call.events if isinstance(event, kind)]


def plugin(**hooks):
    """The installed plugins, and one with these hooks."""
    members = {name: staticmethod(hookimpl(hook)) for name, hook in hooks.items()}
    return load_plugins(extra=[type("Extra", (), members)()])


class Opening(Layer):
    """A stage that has `seconds` to wait before it opens, and before it is closed."""

    def __init__(self, stage, before=0.0, after=0.0):
        super().__init__(stage)
        self._before, self._after = before, after

    @asynccontextmanager
    async def open(self):
        await trio.sleep(self._before)
        async with self.stage.open() as run:
            yield run
            await trio.sleep(self._after)


# --- ends in the wrong phase ---


def opening_for_long() -> tuple[Session, RecordingSink]:
    script, sink = quiet(), RecordingSink()
    session = Session(
        handler=repeat,
        source=Opening(ScriptedSource(script), before=1.5),
        stt=ScriptedStt(script),
        tts=FakeTts(),
        sink=sink,
        policy=GREETING,
        plugins=load_plugins(),
    )
    return session, sink


@pytest.mark.parametrize(
    ("order", "why"),
    [
        (lambda session: session.end(), "asked"),
        (lambda session: session.end(graceful=False, why="enough"), "enough"),
        (lambda session: session.hang_up(), "the other side hung up"),
    ],
)
async def test_an_end_that_is_ordered_while_opening_gives_the_opening_up(order, why, autojump_clock):
    """Nothing can be heard yet, so any order ends the call on the spot, and says why."""
    session, sink = opening_for_long()
    events: list = []
    session.watch(events.append)
    async with trio.open_nursery() as nursery:

        async def change_ones_mind():
            await trio.sleep(1.0)
            order(session)

        nursery.start_soon(change_ones_mind)
        began = trio.current_time()
        assert await session.run() == SessionEnded(why)
    assert trio.current_time() - began == pytest.approx(1.0)
    assert events == [SessionEnded(why)]
    assert sink.told_to_close


async def test_an_end_that_comes_too_late_changes_nothing(autojump_clock):
    """While everything is closed, and after that, an order to end is no error and has no effect."""
    script = quiet(until=1.0)
    session = Session(
        handler=repeat,
        source=Opening(ScriptedSource(script), after=0.4),
        stt=ScriptedStt(script),
        tts=FakeTts(),
        sink="null",
        plugins=load_plugins(),
    )
    async with trio.open_nursery() as nursery:

        async def end_while_closing():
            await trio.sleep(1.2)
            assert not session.running
            session.end(why="too late")
            session.hang_up()

        nursery.start_soon(end_while_closing)
        ended = await session.run()
    session.end(why="far too late")
    assert ended == SessionEnded("the source has ended")


# --- what plugins enter around a call ---


def test_a_plugins_context_that_does_not_open_is_given_up_like_any_stage():
    """It has `open_timeout`, and then the call fails with an error that says what was waited for."""

    @asynccontextmanager
    async def hangs():
        await trio.sleep_forever()
        yield

    with pytest.raises(Unavailable, match=r"plugin's session context.*did not open within 2 s"):
        hold_call(repeat, quiet(), policy=GREETING, plugins=plugin(voicekit_session=lambda: hangs()))


def test_a_plugins_context_that_does_not_close_costs_half_a_second():
    """Its exit has the half second that all exits have together."""

    @asynccontextmanager
    async def hangs():
        yield
        await trio.sleep_forever()

    call = hold_call(repeat, quiet(until=1.0), plugins=plugin(voicekit_session=lambda: hangs()))
    assert call.seconds == pytest.approx(1.5)
    assert call.sink.told_to_close


def test_a_plugin_may_wrap_the_handler():
    """What `voicekit_wrap_stage` returns for the handler answers in its place."""

    def wrap(stage, role):
        async def politely(turn, say):
            await say("If you please: ")
            await stage(turn, say)

        return politely if role == "handler" else None

    call = hold_call(repeat, typing(1.0), plugins=plugin(voicekit_wrap_stage=wrap))
    assert [exchange.said for exchange in call.history] == ["If you please: I heard hello"]


# --- errors at the end ---


async def test_an_error_among_cancellations_is_alone():
    """Cancelled tasks beside a failed one don't make a group of its error; of cancellations alone nothing is taken."""
    error = ValueError()
    with trio.CancelScope() as scope:
        scope.cancel()
        with pytest.raises(trio.Cancelled) as cancelled:
            await trio.lowlevel.checkpoint()
        stopped = cancelled.value
        assert sole(BaseExceptionGroup("", [stopped, BaseExceptionGroup("", [stopped, error])])) is error
        assert sole(BaseExceptionGroup("", [stopped])) is stopped


async def test_clean_up_that_fails_in_a_cancelled_call_raises_its_error_alone(autojump_clock):
    """A call that is cancelled from outside lets the error of its clean-up out as itself, not in a group."""

    async def untidy(turn, say):
        try:
            await trio.sleep_forever()
        finally:
            raise ZeroDivisionError

    script = typing(1.0)
    session = Session(
        handler=untidy,
        source=ScriptedSource(script),
        stt=ScriptedStt(script),
        tts=FakeTts(),
        sink="null",
        plugins=load_plugins(),
        strict=True,
    )
    with pytest.raises(ZeroDivisionError) as raised, trio.move_on_after(2.0):
        await session.run()
    assert raised.value.__notes__ == ["in stage 'handler'"]


def test_an_apology_that_fails_is_not_followed_by_another():
    """While nothing can be spoken, one apology is tried and then the call waits for the user."""

    class Mute(FakeTts):
        @asynccontextmanager
        async def open(self):
            async def run(inbox, outbox):
                raise Unavailable("no answer", service="voice")

            yield run

    call = hold_call(
        repeat, typing(1.0), tts=Mute(), plugins=plugin(voicekit_handle_error=lambda: Apologise("I am sorry."))
    )
    assert of_kind(call, Prompt) == [Prompt("apology", "I am sorry.")]
    assert [failed.turn for failed in of_kind(call, ReplyFailed)] == [1, 2]


def test_a_handler_that_outlives_its_reply_does_not_stay():
    """Where the voice returns and all that it made was played, the reply is over, and so is the handler."""

    class Hasty(FakeTts):
        @asynccontextmanager
        async def open(self):
            async def run(inbox, outbox):
                """Has nothing to say."""

            yield run

    async def pensive(turn, say):
        thinking.append(turn.number)
        try:
            await trio.sleep_forever()
        finally:
            thinking.remove(turn.number)

    async def look(session):
        await trio.sleep(4.5)
        assert thinking == []

    thinking: list[int] = []
    call = hold_call(pensive, typing(1.0, 2.0, 3.0, 4.0), tts=Hasty(), during=look)
    assert len(call.history) == 4


def test_a_failure_of_the_last_reply_is_told_although_the_call_is_over():
    """A service that fails while its reply is cut by the end of the call is still an event."""

    async def unlucky(turn, say):
        try:
            await trio.sleep_forever()
        finally:
            raise Unavailable("no answer", service="model")

    async def hang_up(session):
        await trio.sleep(2.0)
        session.hang_up()

    call = hold_call(unlucky, typing(1.0), during=hang_up)
    assert [failed.turn for failed in of_kind(call, ReplyFailed)] == [1]
    assert of_kind(call, SessionEnded) == [call.ended]


def test_a_sink_that_fails_at_a_cut_is_named():
    """The cut is not playout's own doing, but the error is signed with its stage all the same."""

    class Fragile(RecordingSink):
        @asynccontextmanager
        async def open(self):
            async with super().open() as speaker:

                def discard():
                    raise OSError("unplugged")

                speaker.discard = discard
                yield speaker

    with pytest.raises(OSError, match="unplugged") as raised:
        hold_call(repeat, typing(1.0, 1.5), sink=Fragile())
    assert raised.value.__notes__ == ["in stage 'playout'"]


def test_a_watcher_that_fails_at_the_end_leaves_no_link_open():
    """Its error is raised, and all is closed nevertheless."""

    def clumsy(event):
        if isinstance(event, SessionEnded):
            raise ZeroDivisionError

    async def watch(session):
        session.watch(clumsy)

    with watched_ends() as ends, pytest.raises(ZeroDivisionError):
        hold_call(repeat, quiet(until=1.0), during=watch)
    assert len(ends) > 4
    assert all(end._closed for end in ends)


def test_nothing_is_told_after_the_end():
    """What a plugin or a watchdog reports when the call is over is told to nobody: SessionEnded is the last event."""
    call = hold_call(repeat, quiet(until=1.0))
    call.session.report(Typed("late"))
    assert isinstance(call.events[0][1], SessionStarted)
    assert isinstance(call.events[-1][1], SessionEnded)


def test_a_goodbye_is_heard_out_though_the_voice_begins_late():
    """Its first sound comes later than the second that queued sound has to leave the device."""

    async def bot(turn, say):
        await say("Goodbye!")
        turn.end()

    user = typing(1.0)
    call = hold_call(bot, user, tts=FakeTts(first_sound=1.8))
    assert [(exchange.heard, exchange.cut) for exchange in call.history] == [("Goodbye!", False)]
    assert call.tasks_left == 0
