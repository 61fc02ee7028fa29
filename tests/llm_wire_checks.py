"""What every wire of language models must survive. The tests of each plugin import these, and bring `make`.

`make(url, **options)` is a fixture: the plugin's handler for the stand-in at `url`, with the key KEY. `cancellations`
is another: how many turns are interrupted on each wire, a thousand for each plugin.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Literal

import pytest
import trio
import trio.lowlevel
import trio.testing

from benchmarks.llm_cancel import endless, interrupted
from tests.llm_kit import IMPATIENT, KEY, Heard, ask, one_call
from voicekit.errors import QuotaExceeded, RemoteProtocolError, ServiceError, Unauthenticated, Unavailable
from voicekit.listen.source import SilenceSource
from voicekit.llm import LanguageModel
from voicekit.llm.handler import FALLBACK, REFUSED
from voicekit.play.sink import NullSink
from voicekit.reply.handler import Turn
from voicekit.reply.quiet import QuietTts
from voicekit.session import Session
from voicekit.testing.llm import (
    AnswerCalls,
    AnswerCut,
    AnswerStall,
    Broken,
    Fails,
    ModelServer,
    Refuses,
    ScriptedAnswer,
    Status,
    Stops,
)

Make = Callable[..., LanguageModel]

KEPT_WARM = 2  # connections: one for the next question, and another if a question came before its connection was made
MEDIAN_S = 0.005 * 3
"""The aim is 5 ms, and `python -m benchmarks.llm_cancel` shows what is reached. A test has to pass on a machine that is
three times slower because others are working on it, too."""


async def test_words_come_token_by_token(make: Make) -> None:
    """Each token is said as it comes, in order, and usage and time to first token are told."""
    server = ModelServer("It is a fine day, isn't it?")
    async with server.serve() as url:
        heard = await ask(make(url))
    assert heard.said == ["It", " is", " a", " fine", " day,", " isn't", " it?"]
    [answered] = heard.answers
    assert (answered.turn, answered.stop) == (1, "end")
    assert (answered.input_tokens, answered.output_tokens) == (24, 7)
    assert answered.first_token is not None
    assert 0 < answered.first_token <= answered.seconds


async def test_a_tool_is_called_in_pieces(make: Make) -> None:
    """Arguments that come in pieces make one call, and the model goes on from its result."""

    def weather(city: str, days: int = 1) -> dict[str, object]:
        """Tell the weather."""
        return {"city": city, "days": days}

    server = ModelServer(
        ScriptedAnswer("Let me see.", AnswerCalls("weather", {"city": "Gent", "days": 2}, pieces=9)), "Sunny."
    )
    async with server.serve() as url:
        heard = await ask(make(url, tools=[weather]))
    assert heard.text == "Let me see. Sunny."
    assert heard.troubles == []
    told = str(server.asked[1].body)
    assert "Gent" in told
    assert '{"city":"Gent","days":2}' in told


async def test_tools_run_side_by_side(make: Make) -> None:
    """Tools that are called together run at once: each waits here for the other."""
    here = {"a": trio.Event(), "b": trio.Event()}

    async def meet(me: str, other: str) -> str:
        here[me].set()
        await here[other].wait()
        return f"{me} met {other}"

    calls = ScriptedAnswer(
        AnswerCalls("meet", {"me": "a", "other": "b"}), AnswerCalls("meet", {"me": "b", "other": "a"})
    )
    server = ModelServer(calls, "They met.")
    async with server.serve() as url:
        heard = await ask(make(url, tools=[meet]))
    assert heard.text == "They met."
    assert "a met b" in str(server.asked[1].body)
    assert "b met a" in str(server.asked[1].body)


@pytest.mark.parametrize("index", [0, None])
async def test_calls_that_are_numbered_alike_are_told_apart_by_their_ids(make: Make, index: int | None) -> None:
    """A service that gives all calls of an answer one number, or none, has each of them run by itself."""
    served: list[str] = []

    def serve(what: str) -> None:
        served.append(what)

    calls = [AnswerCalls("serve", {"what": what}, index=index) for what in ("tea", "cake", "soup")]
    server = ModelServer(ScriptedAnswer(*calls), "Served.")
    async with server.serve() as url:
        heard = await ask(make(url, tools=[serve]))
    assert (heard.text, heard.troubles) == ("Served.", [])
    assert sorted(served) == ["cake", "soup", "tea"]


async def test_a_name_that_no_service_takes_is_not_sent_back(make: Make) -> None:
    """A tool that the model makes up does not exist, whatever it is called, and later requests are not refused."""

    def weather(city: str) -> str:
        return f"rain in {city}"

    server = ModelServer(
        ScriptedAnswer(
            AnswerCalls("functions:weather", {"city": "Gent"}), AnswerCalls("", {}), AnswerCalls("x" * 200, {})
        ),
        ScriptedAnswer(AnswerCalls("weather", {"city": "Gent"})),
        "It rains.",
    )
    async with server.serve() as url:
        heard = await ask(make(url, tools=[weather]))
    assert (heard.text, heard.troubles) == ("It rains.", [])
    told = str(server.asked[1].body)
    for name in ("functions_weather", "_", "x" * 64):
        assert f"There is no tool '{name}'; there are: weather." in told


async def test_a_refusal_is_said(make: Make) -> None:
    """A refusal is said in the model's words where there are some, else in ours, and is no trouble."""
    async with ModelServer(ScriptedAnswer(Refuses("I won't do that."))).serve() as url:
        heard = await ask(make(url))
    assert heard.text in ("I won't do that.", REFUSED)
    assert heard.troubles == []


async def test_a_filtered_answer_ends_politely(make: Make) -> None:
    """What came before a content filter stays said, and an excuse follows."""
    async with ModelServer(ScriptedAnswer("Once upon a", Stops("filtered"))).serve() as url:
        heard = await ask(make(url))
    assert heard.text == "Once upon a. " + REFUSED
    assert heard.answers[0].stop in ("filtered", "refused")


async def test_a_filtered_question_is_no_trouble(make: Make) -> None:
    """A question that a filter does not let pass is declined, and nothing is wrong."""
    async with ModelServer(Status(400, "content_filter", "The prompt was filtered.")).serve() as url:
        heard = await ask(make(url))
    assert (heard.text, heard.troubles) == (REFUSED, [])
    assert heard.answers[0].stop == "filtered"


async def test_a_wrong_key_is_not_tried_twice_nor_shown(make: Make) -> None:
    """401 is Unauthenticated at once, and nowhere does the key appear."""
    server = ModelServer(Status(401, "invalid_api_key", f"Incorrect API key provided: {KEY}"))
    async with server.serve() as url:
        handler = make(url)
        heard = await ask(handler)
    [error] = heard.troubles
    assert isinstance(error, Unauthenticated)
    assert (error.code, error.retryable, error.request_id) == (401, False, "req_1")
    assert len(server.asked) == 1
    assert heard.text == FALLBACK
    assert KEY not in f"{error} {error!r} {handler!r} {heard}"


async def test_a_rate_limit_is_waited_for(make: Make) -> None:
    """After 429 the same is asked again when the service wants it, and the caller hears nothing of it."""
    server = ModelServer(Status(429, "rate_limit_error", retry_after=0.2), "Here I am.")
    async with server.serve() as url:
        start = trio.current_time()
        heard = await ask(make(url))
        waited = trio.current_time() - start
    assert heard.text == "Here I am."
    assert heard.troubles == []
    assert waited >= 0.2


async def test_a_rate_limit_for_long_is_not_waited_for(make: Make) -> None:
    """A wait longer than our patience is not begun."""
    server = ModelServer(Status(429, "rate_limit_error", retry_after=600))
    async with server.serve() as url:
        with trio.fail_after(30):
            heard = await ask(make(url))
    assert [type(error) for error in heard.troubles] == [QuotaExceeded]
    assert heard.text == FALLBACK


async def test_a_server_error_is_tried_again(make: Make) -> None:
    """After 500 the same is asked again; when that helps, nobody notices."""
    server = ModelServer(Status(500), Status(503), "Better now.")
    async with server.serve() as url:
        heard = await ask(make(url))
    assert (heard.text, heard.troubles) == ("Better now.", [])
    assert server.asked[0].body == server.asked[2].body


async def test_a_broken_service_is_given_up(make: Make) -> None:
    """After as many attempts as agreed the fallback is said, and the last error told."""
    server = ModelServer(otherwise=lambda asked: Status(500))
    async with server.serve() as url:
        heard = await ask(make(url))
    assert [type(error) for error in heard.troubles] == [Unavailable]
    assert (heard.text, len(server.asked)) == (FALLBACK, 3)


async def test_a_cut_in_the_middle_is_not_tried_again(make: Make) -> None:
    """What was said stays said, and is not said a second time."""
    server = ModelServer(ScriptedAnswer("It is a", AnswerCut()), "never asked for")
    async with server.serve() as url:
        heard = await ask(make(url))
    assert heard.text == "It is a. " + FALLBACK
    assert [type(error) for error in heard.troubles] == [Unavailable]
    assert len(server.asked) == 1


@pytest.mark.parametrize("behind", ["stop", "done"])
async def test_a_cut_behind_the_answer_takes_nothing_from_it(make: Make, behind: Literal["stop", "done"]) -> None:
    """A connection that breaks behind a complete answer is no trouble: its words stand, and its calls are run."""

    def weather(city: str) -> str:
        return f"rain in {city}"

    calling = ScriptedAnswer("Let me see.", AnswerCalls("weather", {"city": "Gent"}), AnswerCut(behind))
    server = ModelServer(calling, ScriptedAnswer("It rains.", AnswerCut(behind)))
    async with server.serve() as url:
        heard = await ask(make(url, tools=[weather]))
    assert (heard.text, heard.troubles) == ("Let me see. It rains.", [])
    assert "rain in Gent" in str(server.asked[1].body)
    assert server.connections == 2  # no connection could be used again


async def test_a_service_that_never_says_it_is_over(make: Make) -> None:
    """A service that stops and then keeps the connection without a word has answered, and is not waited for long."""
    server = ModelServer(ScriptedAnswer("It rains.", AnswerStall(behind="stop")))
    async with server.serve() as url:
        heard = await ask(make(url, limits=IMPATIENT))
        with trio.fail_after(5):
            await server.asked[0].left.wait()
    assert (heard.text, heard.troubles) == ("It rains.", [])


async def test_a_cut_before_the_first_token_is_tried_again(make: Make) -> None:
    """As long as nothing was said, the question can be asked again."""
    async with ModelServer(ScriptedAnswer(AnswerCut()), "Hello.").serve() as url:
        heard = await ask(make(url))
    assert (heard.text, heard.troubles) == ("Hello.", [])


async def test_a_stall_does_not_last(make: Make) -> None:
    """Silence before the first token is tried again, silence after it ends in the fallback; both are left at once."""
    server = ModelServer(ScriptedAnswer(AnswerStall()), ScriptedAnswer("It is", AnswerStall()))
    async with server.serve() as url:
        heard = await ask(make(url, limits=IMPATIENT))
        with trio.fail_after(5):
            for asked in server.asked:
                await asked.left.wait()
    assert heard.text == "It is. " + FALLBACK
    assert [type(error) for error in heard.troubles] == [Unavailable]
    assert len(server.asked) == 2


async def test_broken_arguments_go_back_to_the_model(make: Make) -> None:
    """Arguments that are no JSON, or not what the tool takes, are told to the model, which may do better."""
    served: list[int] = []

    def serve(count: int) -> str:
        served.append(count)
        return "served"

    server = ModelServer(
        ScriptedAnswer(
            AnswerCalls("serve", '{"count": 2'), AnswerCalls("serve", {"count": "two"}), AnswerCalls("bake", {})
        ),
        ScriptedAnswer(AnswerCalls("serve", {"count": 2})),
        "Done.",
    )
    async with server.serve() as url:
        heard = await ask(make(url, tools=[serve]))
    assert (heard.text, heard.troubles, served) == ("Done.", [], [2])
    told = str(server.asked[1].body)
    for said in ("the arguments are not a JSON object", "Expected `int`, got `str`", "There is no tool 'bake'"):
        assert said in told


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"error": {"type": "invalid_request_error", "message": "no such model"}}', ServiceError),
        (b"<html>Welcome to the hotel's wireless network</html>", RemoteProtocolError),
    ],
    ids=["an error", "a web page"],
)
async def test_success_with_something_else_in_it(make: Make, body: bytes, error: type[Exception]) -> None:
    """An error, or anything else, under the number of success is an error all the same."""
    async with ModelServer(Status(200, body=body)).serve() as url:
        heard = await ask(make(url))
    assert [type(trouble) for trouble in heard.troubles] == [error]
    assert heard.text == FALLBACK


async def test_an_event_that_tells_of_an_error(make: Make) -> None:
    """An error in the middle ends the answer where it is, and the connection."""
    server = ModelServer(ScriptedAnswer("It is", Fails("server_error"), AnswerStall()))
    async with server.serve() as url:
        heard = await ask(make(url))
        with trio.fail_after(5):
            await server.asked[0].left.wait()
    assert heard.text == "It is. " + FALLBACK
    assert len(heard.troubles) == 1


async def test_an_event_that_is_none_is_passed_over(make: Make) -> None:
    """What can't be read costs nothing of what can."""
    server = ModelServer(ScriptedAnswer(Broken(), "It is", Broken(), " nine.", Broken()))
    async with server.serve() as url:
        heard = await ask(make(url))
    assert (heard.text, heard.troubles) == ("It is nine.", [])


async def test_nobody_is_there(make: Make) -> None:
    """A connection that is refused is Unavailable, after as many attempts as agreed."""
    async with ModelServer().serve() as url:
        pass
    heard = await ask(make(url, limits=IMPATIENT))
    assert [type(error) for error in heard.troubles] == [Unavailable]
    assert heard.text == FALLBACK


async def test_a_call_keeps_its_connection(make: Make) -> None:
    """The turns of one call share one connection, which was made before the first of them."""
    server = ModelServer()
    async with server.serve() as url, one_call() as call:
        handler = make(url)
        await handler.warm(call)
        for number in range(3):
            await handler(Turn(number, "hello", session=call), Heard().say)
        assert (server.connections, len(server.asked)) == (1, 3)


async def test_a_session_connects_before_it_is_asked(make: Make) -> None:
    """The connection is there before the first question, which then uses it."""
    server = ModelServer()
    async with server.serve() as url:
        session = Session(
            handler=make(url), source=SilenceSource(), vad=None, stt=None, tts=QuietTts(), sink=NullSink()
        )
        async with trio.open_nursery() as nursery:
            nursery.start_soon(session.run)
            await _until(lambda: server.greetings == 1)
            await trio.testing.wait_all_tasks_blocked()  # until the client has received its answer
            assert server.asked == []
            session.type("hello")
            await _until(lambda: bool(session.history))
            session.end(graceful=False)
    assert (session.history[0].heard, server.connections) == ("I see.", 1)


async def test_after_an_interruption_there_is_a_new_connection(make: Make) -> None:
    """The question after an interruption does not wait for a connection: it was made while the caller spoke."""
    server = ModelServer(ScriptedAnswer("Well, you see, ", AnswerStall()))
    async with server.serve() as url, one_call() as call:
        handler = make(url)
        await handler.warm(call)
        await interrupted(handler, server, Turn(1, "hello", session=call))
        await _until(lambda: server.greetings == 2)
        await trio.testing.wait_all_tasks_blocked()  # until the client has received its answer
        await handler(Turn(2, "hello", session=call), Heard().say)
        assert (server.connections, len(server.asked)) == (2, 2)


@pytest.mark.full_counts
async def test_cancelling_closes_the_stream_at_once(make: Make, cancellations: int) -> None:
    """Interrupted turns leave no task and no connection, and each stream is closed in a few milliseconds."""
    server = ModelServer(otherwise=endless)
    took = []
    async with server.serve() as url, one_call() as call:
        handler = make(url)
        await handler.warm(call)
        living = _tasks() - server.open_connections
        for number in range(cancellations):
            took.append(await interrupted(handler, server, Turn(number, "hello", session=call)))
        await _until(lambda: _tasks() - server.open_connections <= living and server.open_connections <= KEPT_WARM)
    assert len(server.asked) == cancellations
    assert median(took) <= MEDIAN_S


def _tasks() -> int:
    return trio.lowlevel.current_statistics().tasks_living


async def _until(true: Callable[[], bool]) -> None:
    with trio.fail_after(10):
        while not true():
            await trio.lowlevel.checkpoint()
