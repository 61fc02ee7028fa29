"""What goes wrong in a turn, and how a call ends: never without a word, and never without a reason."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from voicekit import CallPolicy, Policy, Session
from voicekit.errors import ConfigError, DeviceError, Unavailable, VoicekitError
from voicekit.events import (
    Audible,
    Decided,
    End,
    SessionEnded,
    SessionStarted,
    SttDown,
    SttUp,
    Trouble,
    TurnAct,
    TurnCommitted,
    TurnEnded,
)
from voicekit.extend import Apologise, hookimpl, load_plugins
from voicekit.flow.stage import FunctionStage
from voicekit.testing import FakeTts, HeldCall, Script, ScriptedStt, hold_call
from voicekit.turn.policy import APOLOGY, FAREWELL


def typed(*lines: str, every: float = 6.0, until: float | None = None) -> Script:
    user = Script()
    for number, line in enumerate(lines):
        user.types(line, at=1.0 + every * number)
    user.stays(until=until if until is not None else 8.0 + every * len(lines))
    return user


def calling(**numbers: Any) -> Policy:
    return Policy(call=CallPolicy(**numbers))


def heard(call: HeldCall) -> list[str]:
    return [exchange.heard.strip() for exchange in call.history]


def troubles(call: HeldCall) -> list[str]:
    return [str(event.error) for _, event in call.events if isinstance(event, Trouble)]


def at(call: HeldCall, kind: type, place: int = 0) -> float:
    return [when for when, event in call.events if isinstance(event, kind)][place]


# --- a handler that raises ---


async def broken(turn: Any, say: Any) -> None:
    raise KeyError("menu")


def test_a_handler_that_raises_is_apologised_for_and_the_call_goes_on():
    """The error is a Trouble with its traceback, the caller hears an apology, and the next turn is answered."""

    async def once(turn: Any, say: Any) -> None:
        if turn.text == "one":
            raise KeyError("menu")
        await say("Here.")

    call = hold_call(once, typed("one", "two"), strict=False)
    assert heard(call) == ["", APOLOGY, "Here."]
    [trouble] = [event for _, event in call.events if isinstance(event, Trouble)]
    assert isinstance(trouble.error, KeyError)
    assert trouble.where == "handler"
    assert trouble.error.__traceback__ is not None
    assert call.ended == SessionEnded("the source has ended")


@pytest.mark.parametrize(
    "error",
    [
        KeyError("x"),
        VoicekitError("x"),
        ConfigError("x"),
        Unavailable("x", service="y"),
        RecursionError(),
        trio.ClosedResourceError(),
    ],
)
def test_no_kind_of_exception_leaves_silence(error):
    """Ours, a service's, Python's: each gets one apology, and none ends the call."""

    def handler(turn: Any) -> str:
        if turn.number == 1:
            raise error
        return "Here."

    assert heard(hold_call(handler, typed("one", "two"), strict=False)) == ["", APOLOGY, "Here."]


def test_an_error_in_the_middle_of_a_reply_is_apologised_for_behind_it():
    """What was said by then is heard as far as it was, and the apology is a reply of its own."""

    async def halfway(turn: Any, say: Any) -> None:
        await say("The gate is number four.")
        await trio.sleep(3.0)
        raise ValueError

    assert heard(hold_call(halfway, typed("gate"), strict=False)) == ["The gate is number four.", APOLOGY]


@pytest.mark.parametrize("apology", ["Verzeihung!", None])
def test_the_policy_has_the_words(apology):
    """`CallPolicy.apology` is what is said; None is silence, and the call goes on just so."""
    call = hold_call(broken, typed("one"), strict=False, policy=calling(apology=apology))
    assert heard(call) == ["", *([apology] if apology else [])]
    assert troubles(call) == ["'menu'"]


class Sorry:
    """A plugin that speaks for what fails."""

    @hookimpl
    def voicekit_handle_error(self, error: Exception, role: str, session: Any) -> Apologise:
        return Apologise(f"The {role} is ill.")


def test_a_plugin_that_apologises_comes_first():
    """`voicekit_handle_error` speaks instead of the policy, and never both of them."""
    call = hold_call(broken, typed("one"), strict=False, plugins=load_plugins(extra=[Sorry()]))
    assert heard(call) == ["", "The handler is ill."]


class Worse:
    """A plugin that fails where it is asked about failures, and where it is asked for answers."""

    @hookimpl
    def voicekit_handle_error(self, error: Exception, role: str, session: Any) -> Apologise:
        raise LookupError("no idea")

    @hookimpl
    def voicekit_answer(self, turn: Any) -> None:
        if turn.number == 1:
            raise LookupError("no answer")


def test_plugins_that_fail_in_a_turn_leave_no_silence():
    """Neither an answer nor a remedy that raises ends the call: both are Troubles, and the policy apologises."""
    call = hold_call("Here.", typed("one", "two"), strict=False, plugins=load_plugins(extra=[Worse()]))
    assert heard(call) == ["", APOLOGY, "Here."]
    assert [text.rpartition("LookupError: ")[2] for text in troubles(call)] == ["no idea", "no answer"]


async def two_at_once(turn: Any, say: Any) -> None:
    async def fail() -> None:
        raise ValueError

    async with trio.open_nursery() as nursery:
        nursery.start_soon(fail)
        nursery.start_soon(fail)


async def generator(turn: Any) -> Any:
    yield "Well, "
    raise ValueError


@pytest.mark.parametrize("handler", [two_at_once, generator])
def test_handlers_of_every_shape_are_apologised_for(handler):
    """Several errors at once, and one between two words, are one Trouble and one apology."""
    call = hold_call(handler, typed("one", until=20.0), strict=False)
    assert heard(call)[1:] == [APOLOGY]
    assert len(troubles(call)) == 1


def test_three_failures_in_a_row_end_the_call_with_a_farewell():
    """A bot that can't answer says goodbye instead of apologising for ever; it is no error of the call."""
    call = hold_call(broken, typed("one", "two", "three", "four", until=60.0), strict=False)
    assert heard(call) == ["", APOLOGY, "", APOLOGY, "", FAREWELL]
    assert call.ended == SessionEnded("3 replies in a row failed")
    assert call.seconds < 20.0


def test_failures_with_answers_between_them_are_not_in_a_row():
    """Every reply that is played to its end lets the count begin anew."""

    def moody(turn: Any) -> str:
        if turn.text == "bad":
            raise ValueError
        return "Good."

    call = hold_call(moody, typed("bad", "bad", "good", "bad", "bad", "good"), strict=False)
    assert heard(call).count("Good.") == 2
    assert heard(call).count(APOLOGY) == 4


def test_a_tts_that_fails_ends_no_call_at_once():
    """What another part raises in a turn costs that turn, whatever it is; three in a row end the call."""

    async def run(inbox: Any, outbox: Any) -> None:
        async for _ in inbox:
            raise ValueError("no voice today")

    class Hoarse(FakeTts):
        name = "hoarse"

        def open(self) -> Any:
            return FunctionStage(run, "hoarse").open()

    call = hold_call("Hello.", typed("one", "two", "three", "four"), strict=False, tts=Hoarse())
    assert troubles(call) == ["no voice today"] * 4  # the farewell failed too
    assert call.ended == SessionEnded("3 replies in a row failed")


def test_a_sink_that_fails_as_it_opens_ends_the_call_before_the_greeting():
    """Its error is the only one: no reply is begun in a sink that is closed, whatever runs first."""
    from voicekit.play.sink import NullSink

    class Brittle(NullSink):
        steps = 0

        @asynccontextmanager
        async def open(self):
            async with super().open() as speaker, trio.open_nursery() as nursery:
                nursery.start_soon(self.break_down)
                yield speaker

        async def break_down(self):
            for _ in range(self.steps):
                await trio.lowlevel.checkpoint()
            raise DeviceError("it broke down")

    # Fails until just after the greeting; each step comes several times, because tasks run in random order.
    for number in range(60):
        sink = Brittle()
        sink.steps = number % 20
        with pytest.raises(DeviceError, match="it broke down"):
            hold_call("Hello.", typed("one"), strict=False, sink=sink, policy=calling(greeting="Hello."))


def test_a_sink_that_fails_ends_the_call():
    """Without a sink nothing can be said, so its error is raised as it was."""
    from voicekit.play.sink import NullSink

    class Torn(NullSink):
        def open(self) -> Any:
            opened = super().open()

            class Opening:
                async def __aenter__(self) -> Any:
                    speaker = await opened.__aenter__()

                    async def write(frame: Any) -> None:
                        raise DeviceError("unplugged")

                    speaker.write = write
                    return speaker

                async def __aexit__(self, *error: Any) -> Any:
                    return await opened.__aexit__(*error)

            return Opening()

    with pytest.raises(DeviceError, match="unplugged"):
        hold_call("Hello.", typed("one"), strict=False, sink=Torn())


def test_a_handler_that_cannot_prepare_is_asked_all_the_same():
    """An error in `warm` is a Trouble, and the call goes on; a strict session raises it."""

    class Cold:
        async def warm(self, call: Any) -> None:
            raise ValueError("no connection")

        async def __call__(self, turn: Any, say: Any) -> None:
            await say("Here.")

    call = hold_call(Cold(), typed("one"), strict=False)
    assert (heard(call), troubles(call)) == (["Here."], ["no connection"])
    with pytest.raises(ValueError, match="no connection"):
        hold_call(Cold(), typed("one"))


def test_an_error_of_a_reply_that_was_cut_has_no_apology():
    """The caller has gone on: the error is a Trouble, and the next turn is answered."""

    async def untidy(turn: Any, say: Any) -> None:
        try:
            await say("I will tell you everything that I know about this. " * (1 + 9 * (turn.number == 1)))
            await trio.sleep(9.0)
        finally:
            if turn.number == 1:
                raise ValueError("untidy")

    call = hold_call(untidy, typed("one", "two"), strict=False)
    assert troubles(call) == ["untidy"]
    assert [exchange.reason for exchange in call.history] == ["typed", "typed"]


def test_tests_see_the_error_itself():
    """`hold_call` is strict unless it is told otherwise: what the handler raises is raised."""
    with pytest.raises(KeyError, match="menu"):
        hold_call(broken, typed("one"))


# --- handlers that are written wrongly ---


@pytest.mark.parametrize("misuse", ["sleep", "loop", "future"])
def test_asyncio_in_a_handler_is_named_with_the_way_out(misuse):
    """One sentence says that voicekit runs on trio and what to do; the cause is kept."""

    async def handler(turn: Any, say: Any) -> None:
        if misuse == "sleep":
            await asyncio.sleep(1)
        elif misuse == "loop":
            asyncio.get_running_loop()
        else:
            loop = asyncio.new_event_loop()
            try:
                await loop.create_future()
            finally:
                loop.close()

    with pytest.raises(VoicekitError, match=r"runs on trio.*voicekit\.aio") as raised:
        hold_call(handler, typed("one"))
    assert isinstance(raised.value.__cause__, RuntimeError | TypeError)
    assert raised.value.__notes__ == ["in stage 'handler'"]


def test_other_errors_of_those_kinds_pass_as_they_are():
    """A RuntimeError that has nothing to do with asyncio is not explained away."""

    def handler(turn: Any) -> str:
        raise RuntimeError("no running water")

    with pytest.raises(RuntimeError, match="no running water"):
        hold_call(handler, typed("one"))


def test_text_that_a_coroutine_handler_returns_is_said():
    """As with a plain function; what it has said before comes first."""

    async def handler(turn: Any, say: Any) -> str:
        await say("One moment.")
        return "Here it is."

    assert heard(hold_call(handler, typed("one"))) == ["One moment. Here it is."]


def test_a_coroutine_handler_that_returns_no_text_is_told_so():
    """Anything but text and None is an error that names the handler."""

    async def handler(turn: Any, say: Any) -> Any:
        return 5

    with pytest.raises(TypeError, match=r"handler returned 5 \(int\); expected text"):
        hold_call(handler, typed("one"))


def test_say_without_await_is_a_trouble():
    """Each turn with such calls is one Trouble that shows how it is written; what was awaited is said all the same."""

    async def handler(turn: Any, say: Any) -> None:
        for _ in range(3):
            say("Hello.")
        await say("Goodbye.")

    call = hold_call(handler, typed("one"))
    assert troubles(call) == ["say(...) was called without await: write `await say(text)`"]
    assert heard(call) == ["Goodbye."]


def test_say_in_a_task_is_no_trouble():
    """What a handler's own nursery says is awaited by trio."""

    async def handler(turn: Any, say: Any) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(say, "Hello.")

    call = hold_call(handler, typed("one"))
    assert (heard(call), troubles(call)) == (["Hello."], [])


def test_a_say_that_is_kept_beyond_its_turn_is_a_trouble_that_names_the_other():
    """The call goes on, and the Trouble says how to speak later: with `session.say`."""

    async def handler(turn: Any, say: Any) -> None:
        async def later() -> None:
            await trio.sleep(3.0)
            await say("Too late.")
            await turn.session.say("In time.")

        turn.session.start_soon(later)
        await say("One moment.")

    call = hold_call(handler, typed("one"))
    assert heard(call) == ["One moment.", "In time."]
    [told] = troubles(call)
    assert "turn.session" in told


# --- the end of a call ---


def test_a_caller_is_heard_out_at_the_longest_duration():
    """The end waits for the caller's sentence and its answer, and says goodbye."""
    user = Script()
    user.says("i only wanted to ask you one more thing", at=1.0, for_=6.0)
    user.stays(until=60.0)
    call = hold_call("Ask away.", user, policy=calling(max_duration=4.0))
    assert heard(call) == ["Ask away.", FAREWELL]
    assert call.ended == SessionEnded("maximum duration", limit=True)
    assert 7.0 < at(call, End) < 9.0


def test_a_caller_who_never_ends_is_waited_for_in_bounded_time():
    """After ten seconds the farewell is said over whoever still speaks."""
    user = Script()
    user.says("and then " * 100, at=1.0, for_=200.0)
    user.stays(until=300.0)
    call = hold_call("Hm.", user, policy=calling(max_duration=4.0))
    assert heard(call)[-1] == FAREWELL
    assert at(call, End) == pytest.approx(14.0, abs=0.1)
    assert call.seconds < 14.0 + 15.0


@pytest.mark.parametrize("farewell", ["Tschüss!", None])
def test_the_policy_says_goodbye_or_does_not(farewell):
    """`CallPolicy.farewell` is the last thing said at the longest duration and after the last idle prompt."""
    words = [farewell] if farewell else []
    long = hold_call("x", typed(until=60.0), policy=calling(max_duration=7.0, farewell=farewell))
    assert heard(long) == words
    idle = hold_call(
        "x", typed(until=60.0), policy=calling(idle_after=5.0, idle_prompt="There?", idle_limit=1, farewell=farewell)
    )
    assert heard(idle) == ["There?", *words]
    assert idle.ended == SessionEnded("nobody spoke for 5 s, after 1 idle prompts", limit=True)


def test_a_farewell_that_cannot_be_spoken_holds_nobody_up():
    """A tts that never makes a sound delays the end by two seconds, no more."""
    policy = calling(idle_after=5.0, idle_limit=0)
    call = hold_call("x", typed(until=60.0), policy=policy, tts=FakeTts(first_sound=1e6))
    assert call.seconds == pytest.approx(7.0, abs=0.1)


def test_a_warning_comes_before_the_end():
    """It is spoken 30 s before the longest duration, in short calls a quarter of it before."""
    call = hold_call("x", typed(until=300.0), policy=calling(max_duration=200.0, warning="Half a minute left."))
    assert heard(call) == ["Half a minute left.", FAREWELL]
    assert at(call, Audible) == pytest.approx(170.2, abs=0.2)
    short = hold_call("x", typed(until=300.0), policy=calling(max_duration=8.0, warning="Nearly over."))
    assert at(short, Audible) == pytest.approx(6.2, abs=0.2)


def test_what_passes_through_is_named_as_the_end():
    """SystemExit in a handler is raised, and the last event says what ended the call."""

    async def leave(turn: Any, say: Any) -> None:
        raise SystemExit(3)

    events: list[object] = []

    async def during(session: Any) -> None:
        session.watch(events.append)

    with pytest.raises(SystemExit):
        hold_call(leave, typed("one"), during=during)
    last = events[-1]
    assert isinstance(last, SessionEnded)
    assert (last.why, type(last.error)) == ("SystemExit", SystemExit)


def test_a_greeting_that_must_be_heard_is():
    """With `greeting_interruptible=False` it is played to its end, and what was said over it is answered behind it."""
    user = Script()
    user.says("hello who is this", at=0.6, for_=1.0)
    user.stays(until=20.0)
    greeting = "This call is recorded for quality and training. How can I help you today?"
    call = hold_call("Fine.", user, policy=calling(greeting=greeting, greeting_interruptible=False))
    assert heard(call) == [greeting, "Fine."]
    assert call.history[1].user == "hello who is this"
    cut = hold_call("Fine.", user, policy=calling(greeting=greeting))
    assert cut.history[0].cut


def test_a_caller_who_still_speaks_as_the_notice_ends_is_answered_then():
    """Words that began over the greeting and end behind it are one question."""
    user = Script()
    user.says("hello i would like to know when you are open", at=2.0, for_=5.0)
    user.stays(until=20.0)
    policy = calling(greeting="This call is recorded. How can I help you?", greeting_interruptible=False)
    call = hold_call("At nine.", user, policy=policy)
    assert [exchange.user for exchange in call.history] == ["", "hello i would like to know when you are open"]
    assert heard(call)[1] == "At nine."


# --- many commands at the same time ---


def test_repeated_orders_to_end_are_one():
    """However often a handler ends the call in one step, it ends once, with the first farewell."""

    async def handler(turn: Any, say: Any) -> None:
        for _ in range(200):
            turn.end("Bye.")

    call = hold_call(handler, typed("one", until=30.0))
    assert heard(call) == ["", "Bye."]
    assert len([event for _, event in call.events if isinstance(event, End)]) == 1


def test_an_end_at_once_overtakes_a_graceful_one():
    """The stronger order still counts, once; the reason stays that of the first."""

    async def handler(turn: Any, say: Any) -> None:
        turn.end("Bye.")
        for _ in range(100):
            turn.session.end(graceful=False, why="now")
            turn.session.hang_up()

    call = hold_call(handler, typed("one", until=30.0))
    assert call.ended == SessionEnded("the handler ended the call")
    assert call.seconds < 1.1
    assert heard(call) == [""]


@pytest.mark.parametrize("enter", [lambda session: session.type("hi"), lambda session: session.press("1")])
def test_too_many_lines_in_one_step_are_refused_to_their_caller(enter: Callable[[Any], None]):
    """The call goes on, and whoever types faster than anything can be answered gets the error."""
    refused: list[VoicekitError] = []

    async def during(session: Any) -> None:
        for _ in range(200):
            try:
                enter(session)
            except VoicekitError as error:
                refused.append(error)

    call = hold_call("Yes.", typed(until=10.0), during=during)
    assert refused
    assert call.ended == SessionEnded("the source has ended")


# --- a session that has just begun, and one whose stt is down ---


def test_a_session_can_be_used_as_soon_as_it_has_started():
    """A watcher of SessionStarted may start tasks, speak, type and end."""
    ran: list[str] = []

    async def task(session: Any) -> None:
        ran.append("task")
        await session.say("Hello.")

    class Starts:
        @hookimpl
        def voicekit_session(self, session: Any) -> None:
            session.watch(
                lambda event: session.start_soon(task, session) if isinstance(event, SessionStarted) else None
            )

    call = hold_call("x", typed(until=5.0), plugins=load_plugins(extra=[Starts()]))
    assert ran == ["task"]
    assert heard(call) == ["Hello."]


def test_a_call_that_ends_while_its_stt_is_down_says_so():
    """The reason that `run` returns has the stt's trouble in it; one that came back is no reason."""
    user = typed(until=5.0)

    class Flaky(ScriptedStt):
        def __init__(self, *reports: object) -> None:
            super().__init__(user)
            self.reports = reports

        async def _run(self, inbox: Any, outbox: Any) -> None:
            for report in self.reports:
                await outbox.send(report)
            await super()._run(inbox, outbox)

    lost = hold_call("x", user, stt=Flaky(SttDown("429 too many")))
    assert lost.ended == SessionEnded("the source has ended, and the stt was down: 429 too many")
    back = hold_call("x", user, stt=Flaky(SttDown("429 too many"), SttUp()))
    assert back.ended == SessionEnded("the source has ended")

    class Interrupts:
        @hookimpl
        def voicekit_observe(self, event: object, session: Session) -> None:
            if isinstance(event, SttDown):
                session.end(why="SIGINT")

    plugins = load_plugins(extra=[Interrupts()])
    stopped = hold_call("x", user, stt=Flaky(SttDown("429 too many")), plugins=plugins)
    assert stopped.ended == SessionEnded("SIGINT"), "the exit status goes by it"


def test_turns_and_decisions_have_their_numbers():
    """A decision names its reply as a number, for programs, and in words, for people."""
    call = hold_call("Yes.", typed("one"))
    [decided] = [event for _, event in call.events if isinstance(event, Decided) and event.act is TurnAct.COMMIT]
    assert (decided.turn, str(decided)) == (1, "commit 1 (typed)")
    assert [event.turn for _, event in call.events if isinstance(event, TurnCommitted | TurnEnded)] == [1, 1]
