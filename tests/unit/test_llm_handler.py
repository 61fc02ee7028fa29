"""How a turn is answered with tools, in virtual time: who waits for whom, who is cancelled, what the caller hears."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import trio
from trio.testing import MockClock

from tests.llm_kit import Heard, ask, one_call
from voicekit.contracts import tell
from voicekit.errors import ConfigError, Unavailable
from voicekit.events import SpeechStarted
from voicekit.llm import LanguageModel, Limits, tool
from voicekit.llm.call_state import IDLE, CallState, CallStates
from voicekit.llm.calls import ModelCalls
from voicekit.llm.conversation import RUNNING
from voicekit.llm.handler import MOST_ROUNDS
from voicekit.llm.messages import CallPiece, ModelCall
from voicekit.reply.handler import Turn
from voicekit.testing import Script, check_handler, hold_call
from voicekit.testing.llm import AnswerCalls, AnswerStall, Asked, ModelServer, ScriptedAnswer, Status
from voicekit_openai.models import openai


def bot(server: ModelServer, *tools: Callable[..., Any], **options: Any) -> LanguageModel:
    return openai(model="m", api_key="k", tools=tools, transport=server.transport, **options)


def results(server: ModelServer, request: int = -1) -> dict[str, str]:
    """What the model was told of its calls, by their ids."""
    messages = server.asked[request].body["messages"]
    return {message["tool_call_id"]: message["content"] for message in messages if message["role"] == "tool"}


@dataclass
class Work:
    """A tool that takes its time, and what became of it."""

    seconds: float = 5.0
    log: list[str] = field(default_factory=list)

    async def work(self) -> str:
        """Do it."""
        self.log.append("begun")
        try:
            await trio.sleep(self.seconds)
        except trio.Cancelled:
            self.log.append("cancelled")
            raise
        self.log.append("done")
        return "worked"


CALLING = ScriptedAnswer("Right.", AnswerCalls("work", id="a"))


def test_calls_are_put_together_from_their_pieces() -> None:
    """Pieces in any order make the calls in their places, each with an id of its own; another id is another call."""
    calls = ModelCalls()
    for piece in (
        CallPiece(2, '{"b"', None, "second"),
        CallPiece(0, "", "a", "first"),
        CallPiece(5, "{}", "a", "third"),
        CallPiece(2, ": 1}"),
        CallPiece(0, "{}", "z", "fourth"),
    ):
        calls.add(piece)
    assert calls.complete(turn=7, round=1) == (
        ModelCall("a", "first", "{}"),
        ModelCall("z", "fourth", "{}"),
        ModelCall("call_7_1_2", "second", '{"b": 1}'),
        ModelCall("call_7_1_3", "third", "{}"),
    )


async def test_a_filler_is_said_when_a_tool_takes_long(autojump_clock: MockClock) -> None:
    """After 0.7 s of a slow tool its filler is said, once; a quick tool needs none."""
    for seconds, said in ((0.5, ["Right.", " Done."]), (3.0, ["Right.", " One moment.", " Done."])):
        work = tool(filler="One moment.")(Work(seconds).work)
        heard = await ask(bot(ModelServer(CALLING, "Done."), work))
        assert heard.said == said


async def test_a_tool_has_a_time_limit(autojump_clock: MockClock) -> None:
    """What takes longer is cancelled, and the model is told."""
    work = Work(60)
    server = ModelServer(CALLING, "It takes too long.")
    start = trio.current_time()
    await ask(bot(server, tool(time_limit=2.0)(work.work)))
    assert trio.current_time() - start == pytest.approx(2.0, abs=0.1)
    assert work.log == ["begun", "cancelled"]
    assert results(server) == {"a": "Cancelled: no result within 2 s."}


async def test_a_tool_that_fails_fails_alone(autojump_clock: MockClock) -> None:
    """The other call has its result, the model is told what happened, and so is the program."""
    work = Work()

    def fail() -> None:
        raise LookupError("no such guest")

    server = ModelServer(ScriptedAnswer(AnswerCalls("fail", id="a"), AnswerCalls("work", id="b")), "Sorry.")
    heard = await ask(bot(server, fail, work.work))
    assert results(server) == {"a": "Failed: LookupError: no such guest", "b": "worked"}
    assert [type(error) for error in heard.troubles] == [LookupError]
    assert heard.text == "Sorry."


async def interrupted(handler: LanguageModel, server: ModelServer, policy: str) -> Turn:
    """A turn that is interrupted after 2 s, and the next one of the same call, 10 s later."""
    async with one_call() as call:
        with trio.move_on_after(2.0):
            await handler(Turn(1, "go", session=call), Heard().say)
        running = call.stash[CallStates][handler].steps()[1][0].results
        assert [result.text for result in running.values()] == ([RUNNING] if policy == "finish" else [])
        await trio.sleep(10)
        over = call.stash[CallStates][handler].steps()[1][0].results
        assert [result.text for result in over.values()] == (["worked"] if policy == "finish" else [])


@pytest.mark.parametrize(("policy", "log"), [("cancel", ["begun", "cancelled"]), ("finish", ["begun", "done"])])
async def test_an_interruption_cancels_a_tool_or_lets_it_finish(
    policy: Any, log: list[str], autojump_clock: MockClock
) -> None:
    """By its policy a tool ends with the turn, or when it is done; then its result is noted."""
    work, server = Work(), ModelServer(CALLING)
    await interrupted(bot(server, tool(on_barge_in=policy)(work.work)), server, policy)
    assert work.log == log


async def test_side_effects_wait_until_the_turn_is_committed(autojump_clock: MockClock) -> None:
    """In a speculative turn only a tool that is declared free of them runs at once; any other waits for the commit."""
    harmless, booking, commitment = Work(1.0), Work(1.0), trio.Event()
    server = ModelServer(ScriptedAnswer(AnswerCalls("look", id="a"), AnswerCalls("book", id="b")), "Booked.")
    tools = tool(name="look", side_effects=False)(harmless.work), tool(name="book")(booking.work)
    async with trio.open_nursery() as nursery:
        turn = Turn(1, "book it", speculative=True, commitment=commitment)
        nursery.start_soon(bot(server, *tools), turn, Heard().say)
        await trio.sleep(5)
        assert (harmless.log, booking.log) == (["begun", "done"], [])
        commitment.set()
    assert booking.log == ["begun", "done"]
    assert results(server) == {"a": "worked", "b": "worked"}


async def test_a_speculation_thrown_away_has_no_side_effects(autojump_clock: MockClock) -> None:
    """The tool of a speculation that is discarded never runs, and leaves no trace in what the model is told."""
    booking = Work()
    server = ModelServer(ScriptedAnswer(AnswerCalls("work", id="a")), "Hello.")
    handler = bot(server, tool(on_barge_in="finish")(booking.work))
    async with one_call() as call:
        with trio.move_on_after(3.0):
            await handler(Turn(1, "book", session=call, commitment=trio.Event()), Heard().say)
        await handler(Turn(1, "book nothing", session=call), Heard().say)
    assert booking.log == []
    assert server.asked[-1].body["messages"][1:] == [{"role": "user", "content": "book nothing"}]


async def test_what_takes_minutes_reports_later(autojump_clock: MockClock) -> None:
    """The model goes on at once; when the result is there, it words it, and the bot speaks on its own."""
    work = Work(120.0)
    server = ModelServer(CALLING, "I am on it.", "It has worked.")
    handler = bot(server, tool(reports_later=True)(work.work))
    async with one_call() as call:
        heard, start = Heard(), trio.current_time()
        await handler(Turn(1, "go", session=call), heard.say)
        assert trio.current_time() - start < 1
        assert heard.text == "Right. I am on it."
        assert results(server)["a"].startswith("Started.")
        await trio.sleep(121)
        assert call.said == ["It has worked."]
        assert "has a result: worked" in server.asked[-1].said
        assert server.asked[-1].body["tool_choice"] == "none"
        assert call.stash[CallStates][handler].steps()[1][0].results["a"].text == "worked"


async def test_a_report_that_can_t_be_worded_is_told_as_trouble(autojump_clock: MockClock) -> None:
    """Where the model fails at the report, the call goes on, and the next question brings the result."""
    server = ModelServer(CALLING, "I am on it.", otherwise=lambda asked: Status(500))
    handler = bot(server, tool(reports_later=True)(Work(9.0).work))
    async with one_call() as call:
        events: list[Any] = []
        tell.set(events.append)
        await handler(Turn(1, "go", session=call), Heard().say)
        await trio.sleep(60)
        assert call.said == []
        assert any(isinstance(getattr(event, "error", None), Unavailable) for event in events)


async def test_a_model_that_only_calls_must_answer_in_the_end(autojump_clock: MockClock) -> None:
    """After some rounds of calls the model is not allowed to call any more."""
    server = ModelServer(
        otherwise=lambda asked: (
            "Enough." if asked.body.get("tool_choice") == "none" else ScriptedAnswer(AnswerCalls("work"))
        )
    )
    heard = await ask(bot(server, Work(0.1).work))
    assert heard.text == "Enough."
    assert len(server.asked) == MOST_ROUNDS


async def test_patience_is_for_all_attempts_together(autojump_clock: MockClock) -> None:
    """However many attempts there are, the caller hears the fallback when our patience is at its end."""
    server = ModelServer(otherwise=lambda asked: ScriptedAnswer(AnswerStall()))
    start = trio.current_time()
    heard = await ask(bot(server, limits=Limits(first_token=4.0, patience=6.0, attempts=9)))
    assert heard.fell_back
    assert trio.current_time() - start == pytest.approx(6.0, abs=0.5)


async def test_without_a_fallback_the_error_is_raised(autojump_clock: MockClock) -> None:
    """A program that wants to judge the errors itself gets them."""
    with pytest.raises(Unavailable, match=r"openai \(m\) refused \(HTTP 500, server_error\): The server had an error."):
        await ask(bot(ModelServer(otherwise=lambda asked: Status(500)), fallback=None))


def test_a_connection_long_idle_is_tried_when_the_caller_begins_to_speak() -> None:
    """The service may have closed it, so before a question after a long silence it is tried; before others it isn't."""
    user = Script()
    for text, at in (("hello", 1.0), ("are you there", 6.0), ("hello again", 30.0)):
        user.says(text, at=at, for_=0.8)
    greeted: list[int] = []

    def answer(asked: Asked) -> str:
        greeted.append(server.greetings)
        return "Yes."

    server = ModelServer(otherwise=answer)
    hold_call(bot(server), user)
    assert greeted == [1, 1, 2]


async def test_a_service_that_never_says_hello_is_told_as_trouble(autojump_clock: MockClock) -> None:
    """What never answers while we connect is given up in the time for a connection, so that it can be tried again."""

    class Mute(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await trio.sleep_forever()
            raise AssertionError

    events: list[Any] = []
    tell.set(events.append)
    async with one_call() as call:
        await openai(model="m", api_key="k", transport=Mute(), limits=Limits(connect=2.0)).warm(call)
    [trouble] = events
    assert isinstance(trouble.error, Unavailable)
    assert "no answer to HEAD in 2 s" in str(trouble.error)


async def test_a_voice_that_is_busy_is_no_silence_of_the_service(autojump_clock: MockClock) -> None:
    """Waiting for the voice does not count against the time between two tokens."""
    said: list[str] = []

    async def slow(text: str) -> None:
        await trio.sleep(20)
        said.append(text)

    handler = bot(ModelServer("one two three"))
    await handler(Turn(1, "count"), slow)  # type: ignore[arg-type]
    assert said == ["one", " two", " three"]


async def test_it_keeps_the_contract_of_handlers(autojump_clock: MockClock) -> None:
    """It ends, says only text, can be cancelled anywhere, and answers again."""
    server = ModelServer(otherwise=lambda asked: ScriptedAnswer("I see what you mean, I think.", every=0.02))
    await check_handler(lambda: bot(server))


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"system": None}, "system: expected text"),
        ({"limits": None, "api": "batch"}, "expected api to be 'chat' or 'responses'"),
        ({"model": ""}, "expected a model name"),
        ({"base_url": "localhost:80"}, "expected http://... or https://..."),
        ({"api_key": "two words"}, "expected printable characters without spaces"),
    ],
)
def test_options_that_don_t_fit_are_refused(options: dict[str, Any], why: str) -> None:
    """A mistake in the options is a ConfigError before any call."""
    with pytest.raises(ConfigError, match=why):
        openai(**{"model": "m", "api_key": "k", **options})


@pytest.mark.parametrize("name", ["connect", "first_token", "between", "attempts", "patience"])
def test_limits_are_above_zero(name: str) -> None:
    """A limit of nothing would be a service that never answers."""
    with pytest.raises(ConfigError, match=f"expected {name} above 0"):
        Limits(**{name: 0})


async def test_a_connection_in_use_is_not_idle(autojump_clock: MockClock) -> None:
    """While one of two replies still uses it, it is not tried, however long ago the other one ended."""
    async with httpx.AsyncClient() as client:
        stage = CallState(client, "http://127.0.0.1", 1.0, lambda task: None)
        with stage.in_use():
            with stage.in_use():
                pass
            await trio.sleep(2 * IDLE)
            stage.hear(SpeechStarted(0))
            assert not stage._cold.is_set()
        await trio.sleep(2 * IDLE)
        stage.hear(SpeechStarted(0))
        assert stage._cold.is_set()
