"""What a model, a tool or a service can't do to a call: leave it silent, fill it, or show its key. In virtual time."""

# ruff: noqa: RUF001  # text of other scripts is the point

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import trio
from trio.testing import MockClock

from tests.llm_kit import KEY, Heard, ask, one_call
from voicekit.contracts import Exchange, Text, tell
from voicekit.errors import RemoteProtocolError, Unavailable, redacted
from voicekit.llm import LanguageModel, Limits, Window, tool
from voicekit.llm.call_state import LATE_AT_ONCE
from voicekit.llm.calling import AT_ONCE
from voicekit.llm.conversation import ModelStep
from voicekit.llm.handler import FALLBACK, REFUSED
from voicekit.llm.messages import ModelCall, ToolResult
from voicekit.llm.streaming import WORDLESS
from voicekit.llm.window import PER_MESSAGE, estimate
from voicekit.reply.handler import Turn
from voicekit.reply.quiet import QuietTts
from voicekit.testing import Script, hold_call
from voicekit.testing.llm import AnswerCalls, AnswerCut, Asked, ModelServer, ScriptedAnswer, Stops
from voicekit_anthropic.models import anthropic
from voicekit_openai.models import openai

MAKE: dict[str, Callable[..., LanguageModel]] = {
    "chat": lambda **how: openai(model="m", api_key=KEY, **how),
    "responses": lambda **how: openai(model="m", api_key=KEY, api="responses", **how),
    "messages": lambda **how: anthropic(model="m", api_key=KEY, **how),
}
on_each_wire = pytest.mark.parametrize("wire", list(MAKE))


def bot(server: ModelServer, *tools: Callable[..., Any], wire: str = "chat", **options: Any) -> LanguageModel:
    return MAKE[wire](tools=tools, transport=server.transport, **options)


def results(server: ModelServer, request: int = -1) -> dict[str, str]:
    messages = server.asked[request].body["messages"]
    return {message["tool_call_id"]: message["content"] for message in messages if message["role"] == "tool"}


class Drip(httpx.AsyncBaseTransport):
    """Answers with the events that `make` makes, one each `every` seconds, for ever."""

    def __init__(self, make: Callable[[int], str], every: float) -> None:
        self.make = make
        self.every = every
        self.asked = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await trio.lowlevel.checkpoint()
        self.asked += 1
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=_Drops(self))


class _Drops(httpx.AsyncByteStream):
    def __init__(self, drip: Drip) -> None:
        self._drip = drip

    async def __aiter__(self) -> AsyncIterator[bytes]:
        number = 0
        while True:
            await trio.sleep(self._drip.every)
            yield f"{self._drip.make(number)}\n\n".encode()
            number += 1


def dripping(delta: Callable[[int], Any], every: float = 0.25) -> Drip:
    return Drip(lambda n: f"data: {json.dumps({'choices': [{'index': 0, 'delta': delta(n)}]})}", every)


# --- answers without words ---

EMPTY = ["", " \n", "<think>He sounds tired.</think>", "<think>He sounds", "👍", "**", "...", '<break time="1s"/>']


@on_each_wire
@pytest.mark.parametrize("nothing", EMPTY)
async def test_an_empty_answer_is_asked_for_once_more(wire: str, nothing: str, autojump_clock: MockClock) -> None:
    """Where nothing could be heard, the same is asked again; when that helps, nobody notices."""
    server = ModelServer(ScriptedAnswer(nothing), "Here I am.")
    heard = await ask(bot(server, wire=wire))
    assert (heard.text.removeprefix(nothing).strip(), heard.troubles) == ("Here I am.", [])
    assert server.asked[0].body == server.asked[1].body


@on_each_wire
@pytest.mark.parametrize("stop", [[], [Stops("length")]], ids=["end", "length"])
async def test_a_model_with_nothing_to_say_is_excused(wire: str, stop: list[Any], autojump_clock: MockClock) -> None:
    """After two empty answers, whatever their reason, the fallback is said, and the Trouble told."""
    server = ModelServer(otherwise=lambda asked: ScriptedAnswer("<think>x</think>", *stop))
    heard = await ask(bot(server, wire=wire))
    assert (heard.text, len(server.asked)) == (FALLBACK, 2)
    [trouble] = heard.troubles
    assert isinstance(trouble, Unavailable)
    assert "no words to speak" in str(trouble)


@pytest.mark.parametrize("why", ["filtered", "refused"])
async def test_a_refusal_without_words_is_no_empty_answer(why: Any, autojump_clock: MockClock) -> None:
    """It is said in our words, and not asked for again."""
    server = ModelServer(ScriptedAnswer(Stops(why)))
    heard = await ask(bot(server, wire="messages"))
    assert (heard.text, heard.troubles, len(server.asked)) == (REFUSED, [], 1)


async def test_an_empty_answer_behind_a_result_counts_too(autojump_clock: MockClock) -> None:
    """A filler is ours, and no answer."""

    @tool(filler="One moment.")
    async def look() -> str:
        await trio.sleep(2)
        return "found"

    server = ModelServer(ScriptedAnswer(AnswerCalls("look")), otherwise=lambda asked: ScriptedAnswer(""))
    heard = await ask(bot(server, look))
    assert (heard.text, len(server.asked)) == (f"One moment. {FALLBACK}", 3)
    assert len(heard.troubles) == 1


async def test_a_tool_that_ends_the_call_leaves_the_model_nothing_to_say(autojump_clock: MockClock) -> None:
    """It is not asked again behind words of its own; without any it is, and an empty answer is what it should be."""
    ended: list[str | None] = []

    def hang_up(turn: Turn) -> None:
        turn.end()

    server = ModelServer(ScriptedAnswer("Goodbye!", AnswerCalls("hang_up")))
    heard = await ask(bot(server, hang_up), end_call=ended.append)
    assert (heard.text, heard.troubles, ended, len(server.asked)) == ("Goodbye!", [], [None], 1)
    server = ModelServer(ScriptedAnswer(AnswerCalls("hang_up")), ScriptedAnswer(""))
    heard = await ask(bot(server, hang_up), end_call=ended.append)
    assert (heard.text, heard.troubles, ended, len(server.asked)) == ("", [], [None, None], 2)


async def test_a_model_that_calls_where_it_must_answer_is_excused(autojump_clock: MockClock) -> None:
    """One that calls tools for ever, also when it may not, does not leave the caller without a word."""

    def work() -> str:
        return "worked"

    server = ModelServer(otherwise=lambda asked: ScriptedAnswer(AnswerCalls("work")))
    heard = await ask(bot(server, work))
    assert heard.text == FALLBACK


@on_each_wire
async def test_an_answer_of_which_nothing_can_be_read_fails(wire: str, autojump_clock: MockClock) -> None:
    """It is asked for again, and then told as what it is, without the key that may stand in it."""
    drops = httpx.MockTransport(
        lambda request: httpx.Response(
            200, headers={"content-type": "Text/Event-Stream"}, text=f"data: {KEY}\n\ndata: {{\n\n"
        )
    )
    heard = await ask(MAKE[wire](transport=drops))
    assert heard.text == FALLBACK
    [trouble] = heard.troubles
    assert isinstance(trouble, RemoteProtocolError)


# --- time ---


@pytest.mark.parametrize(
    "delta",
    [
        lambda n: {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "work", "arguments": " "}}]},
        lambda n: {"tool_calls": [{"index": 0, "function": {"name": "" if n else "work", "arguments": "{ "[n % 2]}}]},
        lambda n: {"content": "\n" if n else "Well"},
        lambda n: {} if n else {"content": "Well"},
    ],
    ids=["blanks", "braces", "blank words", "nothing"],
)
async def test_an_answer_without_a_word_does_not_last(delta: Any, autojump_clock: MockClock) -> None:
    """Arguments and blanks that never end, and signs of life, are given up in bounded time."""
    start = trio.current_time()
    heard = await ask(MAKE["chat"](transport=dripping(delta)))
    assert heard.fell_back
    assert trio.current_time() - start < WORDLESS + 5


async def test_thoughts_do_not_last(autojump_clock: MockClock) -> None:
    """A model that only thinks has not begun to answer: the time for the first word holds."""
    start = trio.current_time()
    heard = await ask(MAKE["chat"](transport=dripping(lambda n: {"content": "hm, " if n else "<think>"})))
    assert heard.text == FALLBACK
    assert trio.current_time() - start == pytest.approx(Limits().patience, abs=4)


async def test_long_arguments_have_their_time(autojump_clock: MockClock) -> None:
    """Arguments that take longer than a pause between words are not given up."""

    def note(text: str) -> str:
        return f"{len(text)} noted"

    call = AnswerCalls("note", {"text": "x" * 4000}, id="a", pieces=80)
    server = ModelServer(ScriptedAnswer(call, every=0.2), "Done.")
    heard = await ask(bot(server, note))
    assert (heard.text, heard.troubles, results(server)) == ("Done.", [], {"a": "4000 noted"})


async def test_pings_behind_the_stop_do_not_keep_an_answer(autojump_clock: MockClock) -> None:
    """An answer that has stopped is over a second later, whatever else comes."""
    stop = {"choices": [{"delta": {"content": "At nine."}, "finish_reason": "stop"}]}
    drip = Drip(lambda n: ": ping" if n else f"data: {json.dumps(stop)}", 0.3)
    start = trio.current_time()
    heard = await ask(MAKE["chat"](transport=drip))
    assert (heard.text, heard.troubles) == ("At nine.", [])
    assert trio.current_time() - start < 3


async def test_only_some_tools_run_at_once(autojump_clock: MockClock) -> None:
    """The others wait for their turn, and all have their result."""
    running, most = 0, 0

    async def work(number: int) -> str:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await trio.sleep(1)
        running -= 1
        return f"worked {number}"

    calls = [AnswerCalls("work", {"number": number}, id=f"c{number}") for number in range(20)]
    server = ModelServer(ScriptedAnswer(*calls), "Done.")
    await ask(bot(server, work))
    assert most == AT_ONCE
    assert results(server) == {f"c{number}": f"worked {number}" for number in range(20)}


async def test_only_some_late_tools_run_at_once(autojump_clock: MockClock) -> None:
    """In a whole call only some of those that report later run; the others wait, and report all the same."""
    running, most = 0, 0

    @tool(reports_later=True)
    async def work() -> str:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await trio.sleep(60)
        running -= 1
        return "worked"

    def answer(asked: Asked) -> ScriptedAnswer:
        called = asked.said == "go" and asked.body["messages"][-1]["role"] == "user"
        return ScriptedAnswer(AnswerCalls("work"), AnswerCalls("work")) if called else ScriptedAnswer("Yes.")

    async with one_call() as call:
        handler = bot(ModelServer(otherwise=answer), work)
        for number in range(LATE_AT_ONCE):
            await handler(Turn(number, "go", session=call), Heard().say)  # type: ignore[arg-type]
        await trio.sleep(300)
        assert (most, len(call.said)) == (LATE_AT_ONCE, 2 * LATE_AT_ONCE)


# --- sizes ---


def long_text() -> str:
    return "screws 40\n" * 6000


def long_error() -> str:
    raise LookupError("no " * 30_000)


def thai() -> str:
    return "ฝนตก" * 20_000


@pytest.mark.parametrize("make", [long_text, long_error, thai])
@pytest.mark.parametrize("many", [1, 12])
async def test_what_comes_of_a_tool_has_a_bound(make: Any, many: int, autojump_clock: MockClock) -> None:
    """A result or the text of an exception is cut, with a note, to a quarter of the window for all calls together."""
    calls = [AnswerCalls(make.__name__, id=f"c{number}") for number in range(many)]
    server = ModelServer(ScriptedAnswer(*calls), "Done.")
    await ask(bot(server, make))
    told = results(server)
    assert len(told) == many
    assert all("[Cut short: " in text for text in told.values())
    assert sum(map(estimate, told.values())) <= Window().tokens // 4 + many * 40


async def test_a_report_of_a_long_result_has_a_bound(autojump_clock: MockClock) -> None:
    """What reports later is cut as well, in the note that the model is told."""
    server = ModelServer(ScriptedAnswer(AnswerCalls("later")), "I am on it.", "There are screws.")

    @tool(reports_later=True)
    async def later() -> str:
        await trio.sleep(3)
        return long_text()

    async with one_call() as call:
        await bot(server, later)(Turn(1, "go", session=call), Heard().say)  # type: ignore[arg-type]
        await trio.sleep(5)
        assert call.said == ["There are screws."]
    assert len(server.asked[-1].said) < 10_000


def exchange(turn: int, user: str, said: str = "Yes.") -> Exchange:
    return Exchange(turn, user, said, said, False, "speech")


@pytest.mark.parametrize("place", range(4))
def test_a_window_passes_over_what_can_t_fit(place: int) -> None:
    """One exchange that is too long hides itself, and no other, wherever it stands."""
    exchanges = [exchange(turn, f"question {turn}") for turn in range(4)]
    step = ModelStep(0, (ModelCall("a", "look", "{}"),), {"a": ToolResult("a", "y" * 9_000)})
    window = Window(tokens=2_000, summary=lambda left_out: ", ".join(each.user for each in left_out))
    kept, earlier = window.fit(exchanges, {place: [step]})
    assert [each.turn for each in kept] == [turn for turn in range(4) if turn != place]
    assert earlier == f"[Earlier in this call: question {place}]"


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("The shop opens at nine and closes at five. " * 10, 95, 140),
        ("今天天气很好，我们去公园散步吧。" * 10, 110, 240),
        ("วันนี้ฝนตกเล็กน้อยและลมแรงมาก" * 10, 200, 400),
        ("오늘은 비가 조금 오고 바람이 많이 붑니다. " * 10, 120, 300),
        ("Сегодня хорошая погода, пойдём гулять. " * 10, 130, 260),
        ("😀" * 100, 100, 300),
        ("\ud800" * 10, 1, 50),
        ("", 0, 0),
    ],
)
def test_tokens_are_estimated_by_script(text: str, least: int, most: int) -> None:
    """Scripts of which a character is a token count as that."""
    assert least <= estimate(text) - PER_MESSAGE <= most


@pytest.mark.parametrize("tokens", [1, 100, 8_000])
@pytest.mark.parametrize("count", [estimate, len, lambda text: 1])
def test_a_cut_ends(tokens: int, count: Any) -> None:
    """Whatever counts, a text is cut in a few steps, and a short one not at all."""
    window = Window(tokens=tokens, count=count)
    assert window.cut("short") == "short"
    assert len(window.cut("x" * 1_000_000, shares=64)) < 20_000


# --- text after a piece that broke off ---


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("The gate is number four", "The gate is number four. "),
        ("The gate is number four ", "The gate is number four … "),
        ("The gate is,", "The gate is,… "),
        ("The gate is four.", "The gate is four. "),
        ("The gate is four. ", "The gate is four. "),
        ("门是四号。", "门是四号。 "),
        ("门是四", "门是四. "),
        ("", ""),
    ],
)
async def test_the_fallback_is_set_apart(said: str, heard: str, autojump_clock: MockClock) -> None:
    """Behind an answer that broke off stand a stop and a space, and then the excuse."""
    server = ModelServer(*[ScriptedAnswer(said, AnswerCut())] * 3)
    told = await ask(bot(server))
    assert told.text.replace(" …", "…") == heard.replace(" …", "…") + FALLBACK


async def test_a_filler_and_the_answer_behind_it_are_set_apart(autojump_clock: MockClock) -> None:
    """Neither goes on with a sentence that was not complete, in lower case or not."""

    @tool(filler="one moment")
    async def look() -> str:
        await trio.sleep(2)
        return "found"

    server = ModelServer(ScriptedAnswer("Let me look", AnswerCalls("look")), "it is there.")
    assert (await ask(bot(server, look))).text == "Let me look. one moment. it is there."


class Reading(QuietTts):
    """Keeps the text that it is given."""

    def __init__(self, reads_tags: bool) -> None:
        super().__init__()
        self.reads_tags = reads_tags
        self.read = ""

    async def _run(self, inbox: Any, outbox: Any) -> None:
        async for text in inbox:
            assert isinstance(text, Text)
            self.read += text.text


@pytest.mark.parametrize(
    ("reads_tags", "read"),
    [(False, "One moment please."), (True, 'One moment <break time="500ms"/> please.')],
)
def test_speech_tags_reach_only_a_voice_that_reads_them(reads_tags: bool, read: str) -> None:
    """From the text of any other voice they are dropped."""
    server, voice, user = ModelServer('One moment <break time="500ms"/> please.'), Reading(reads_tags), Script()
    user.types("hello", at=1.0)
    hold_call(bot(server), user, tts=voice)
    assert voice.read == read


# --- secrets ---

LONG_KEY = "sk-very+secret/key=1"


def shown_by(heard: Heard, records: list[logging.LogRecord]) -> str:
    """All that anybody may see of what went wrong."""
    errors = [*heard.troubles]
    texts = ["".join(traceback.format_exception(error)) + repr(vars(error)) for error in errors]
    return " ".join([*texts, repr(heard), *(record.getMessage() for record in records)])


def answers_of_a_gossip() -> list[Any]:
    """Each way in which a service, or a proxy before it, can give the key away."""
    quoted = LONG_KEY.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
    error = {"error": {"message": f"bad {LONG_KEY}", "type": f"t {LONG_KEY}", "code": LONG_KEY}}
    stream = {"content-type": "text/event-stream"}
    return [
        httpx.Response(401, json=error, headers={"x-request-id": f"id-{LONG_KEY}"}),
        httpx.Response(400, json={"error": f"{quoted} or {json.dumps(LONG_KEY)}"}),
        httpx.Response(400, text=f"<html>{LONG_KEY}</html>"),
        httpx.Response(400, text="x" * 290 + LONG_KEY),
        httpx.Response(200, text="hello", headers={"content-type": f"text/{LONG_KEY}"}),
        httpx.Response(302, headers={"location": f"https://elsewhere/?key={quoted}"}, text=f"moved to ?key={quoted}"),
        httpx.Response(200, text=f"data: {json.dumps(error)}\n\n", headers=stream),
        httpx.Response(200, text=f"data: {LONG_KEY}\n\n", headers=stream),
        httpx.ConnectError(f"can't reach https://me:{LONG_KEY.replace('/', '')}@host: {LONG_KEY}"),
        httpx.RemoteProtocolError(f"illegal header line: bytearray(b'authorization: Bearer {LONG_KEY}')"),
    ]


@pytest.mark.parametrize("answer", answers_of_a_gossip(), ids=lambda answer: type(answer).__name__)
async def test_nothing_shows_the_key(answer: Any, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever a service says reaches errors, events and logs without it, be it spelled as in a URL or in JSON."""

    def serve(request: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, httpx.Response)
        return httpx.Response(answer.status_code, headers=dict(answer.headers), content=answer.content)

    transport = httpx.MockTransport(serve)
    handler = openai(model="m", api_key=LONG_KEY, base_url="http://me:hushhush@host/v1", transport=transport)
    with caplog.at_level(logging.DEBUG, logger="voicekit"):
        heard = await ask(handler)
        await handler.warm(Turn(1, "").session)
    assert heard.troubles
    shown = shown_by(heard, [record for record in caplog.records if record.name.startswith("voicekit")])
    for secret in (LONG_KEY, LONG_KEY[:12], "very%2Bsecret", "hushhush"):
        assert secret not in shown


async def test_a_connection_that_fails_shows_no_password(autojump_clock: MockClock) -> None:
    """What is told of connecting before the first question has neither key nor password in it."""

    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(f"no way to {request.url} with {LONG_KEY}")

    heard = Heard()
    telling = tell.set(heard.events.append)
    handler = openai(
        model="m", api_key=LONG_KEY, base_url="http://me:hushhush@host/v1", transport=httpx.MockTransport(refuse)
    )
    async with one_call() as call:
        await handler.warm(call)
    tell.reset(telling)
    shown = shown_by(heard, [])
    assert "no way to" in shown
    assert LONG_KEY not in shown
    assert "hushhush" not in shown


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("key k-123!", "key [key]!"),
        ("https://me:pw@host/x?a=1", "https://[key]@host/x?a=1"),
        ("wss://token@host", "wss://[key]@host"),
        ("https://me:p@ss:w0rd@host/", "https://[key]@host/"),
        ("?api_key=abc&x=1&Token=d%20e", "?api_key=[key]&x=1&Token=[key]"),
        ("mail me@example.com, or see https://example.com/@me", "mail me@example.com, or see https://example.com/@me"),
        ("the key=value of monkey=1", "the key=value of monkey=1"),
    ],
)
def test_one_door_takes_secrets_out(text: str, clean: str) -> None:
    """Keys that are known, passwords in addresses, and values of parameters that are called a key; nothing else."""
    assert redacted(text, "k-123", "") == clean
