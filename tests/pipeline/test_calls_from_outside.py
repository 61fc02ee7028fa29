"""A table of calls, each with an event log: what metrics and spans have of them is what the logs have.

Each way for a call to end, a cut, a tool, a transfer, keys, a refused call, an error, a lost socket.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trio
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from trio.testing import MockClock

from tests.wires_kit import GREETING, NOON, PUBLIC, desk_bot, rest_in_memory
from voicekit import CallPolicy, Policy, Say, Session, Turn, hookimpl
from voicekit.call.connection import Call
from voicekit.call.info import EndReason
from voicekit.call.transport import Webhook, WebhookRoute
from voicekit.errors import ServiceError
from voicekit.events import (
    BargeInTimed,
    Dtmf,
    ModelAnswered,
    ReplyFailed,
    SessionEnded,
    SessionEvent,
    ToolRan,
    Transferred,
    Trouble,
    TurnCommitted,
    TurnEnded,
    TurnTimed,
)
from voicekit.extend import Plugins, SessionView, load_plugins
from voicekit.flow.threads import inline
from voicekit.llm import tool
from voicekit.session.eventlog import open_event_log, read_events
from voicekit.testing import PhoneLine, Script, ScriptedVad
from voicekit.testing.llm import AnswerCalls, Asked, ModelServer, ScriptedAnswer
from voicekit.testing.phone_sound import PhoneEars, PhoneVoice
from voicekit_metrics.counting import CallMetrics
from voicekit_openai.models import openai
from voicekit_otel.spans import CallSpans
from voicekit_phone.rehearsal import TOKEN, FirstContact
from voicekit_phone.twilio import signature
from voicekit_serve.site import CallSite

LONG = "It rains in Gent, so take your umbrella, and mind the trams. " * 3


@tool
async def weather() -> str:
    """Tell the weather."""
    await trio.sleep(0.3)
    return "rain"


def answering(asked: Asked) -> Any:
    return (
        ScriptedAnswer(LONG, every=0.02)
        if "tool_call_id" in str(asked.body)
        else ScriptedAnswer(AnswerCalls("weather"))
    )


async def failing(turn: Turn, say: Say) -> None:
    raise LookupError("no such table")


@dataclass(frozen=True)
class Case:
    """One call: what its caller does, how it is held, and why it must end."""

    ends: EndReason
    words: str = "when are you open"
    then: Callable[[Script], object] = lambda user: None
    wire: str = "twilio"
    line: dict[str, Any] = field(default_factory=dict)
    handler: Any = desk_bot
    limit: float | None = None
    strict: bool = False
    until: float = 14.0


CASES = {
    "hangs-up": Case(EndReason.CALLER),
    "cuts": Case(EndReason.CALLER, then=lambda user: user.says("stop that please", at=4.6, for_=0.8)),
    "presses": Case(EndReason.CALLER, then=lambda user: user.presses("5", at=6.0)),
    "tool": Case(EndReason.CALLER, "how is the weather", handler="model", until=18.0),
    "fails-once": Case(EndReason.CALLER, handler=failing),
    "goodbye": Case(EndReason.BOT, "goodbye"),
    "person": Case(EndReason.TRANSFERRED, "a person"),
    "too-long": Case(EndReason.LIMIT, limit=6.0),
    "vanishes": Case(EndReason.LOST, line={"dies_at": 6.0}),
    "carrier-error": Case(EndReason.CARRIER, wire="genesys", until=8.0),
    "breaks": Case(EndReason.ERROR, handler=failing, strict=True),
    "unwanted": Case(EndReason.REFUSED),
    "drained": Case(EndReason.DRAINED, until=60.0),
}
"""The last one is inside when the server drains."""

UNCONNECTED = {"busy": EndReason.BUSY, "no-answer": EndReason.NO_ANSWER, "failed": EndReason.FAILED}
"""What a carrier reports of calls out that never came to us: there is no session of them, and no log."""


def script_of(case: Case) -> Script:
    user = Script()
    user.says(case.words, at=2.0, for_=1.0)
    case.then(user)
    user.stays(until=case.until)
    return user


class CarriersFault(FirstContact):
    """Genesys, which ends the call with an error of its own."""

    def peer(self) -> Any:
        peer = super().peer()
        close = peer.stop
        peer.stop = lambda: [message.replace('"reason":"end"', '"reason":"error"') for message in close()]
        return peer


class Outside:
    """The hooks of both plugins, counting into things of the test's own."""

    def __init__(self) -> None:
        self.metrics = CallMetrics()
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        tracer, metrics = provider.get_tracer("test"), self.metrics

        class Observer:
            @hookimpl
            def voicekit_observe(self, event: SessionEvent, session: SessionView) -> None:
                metrics.observe(event)
                spans = session.stash.get(CallSpans)
                if spans is None:
                    spans = session.stash[CallSpans] = CallSpans(tracer)
                spans.observe(event)

        self.plugins: Plugins = load_plugins(block=["metrics", "otel"], extra=[Observer()])

    def value(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(f"voicekit_{name}", labels) or 0.0

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.exporter.get_finished_spans() if span.name == name]


class Logged:
    """A session whose events go into a file."""

    def __init__(self, session: Session, path: Path) -> None:
        self._session = session
        self._path = path

    async def run(self) -> object:
        async with open_event_log(self._path) as note:
            self._session.watch(note)
            return await self._session.run()

    def end(self, *, why: str, farewell: str | None = None) -> None:
        self._session.end(why=why, farewell=farewell)


@dataclass
class Held:
    """All calls of the table, and what is known of them from where."""

    outside: Outside
    site: CallSite
    ended: dict[str, EndReason]
    log: list[SessionEvent]

    def logged(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.log if isinstance(event, kind)]


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Held:
    """The whole table, one call after the other, and one more that finds no place."""
    folder, outside, calls = tmp_path_factory.mktemp("logs"), Outside(), dict[str, Call]()

    async def answer(call: Call) -> Logged | None:
        name = call.info.call_id.value
        calls[name] = call
        case = CASES[name]
        if case.ends is EndReason.REFUSED:
            return None
        model = openai(model="m", api_key="k", transport=ModelServer(otherwise=answering).transport, tools=[weather])
        session = Session(
            handler=model if case.handler == "model" else case.handler,
            call=call,
            stt=PhoneEars(script_of(case)),
            vad=ScriptedVad(),
            tts=PhoneVoice(call.sink.format),
            policy=Policy(call=CallPolicy(greeting=GREETING, max_duration=case.limit)),
            strict=case.strict,
            plugins=outside.plugins,
        )
        return Logged(session, folder / name)

    transports: list[Any] = [FirstContact(wire).transport() for wire in ("twilio", "genesys")]
    site = CallSite(answer, transports, public_url=PUBLIC, max_calls=1, now=lambda: NOON + trio.current_time())
    for transport in transports:
        rest_in_memory(transport, site, [])

    async def ring(name: str) -> None:
        case = CASES[name]
        first = (CarriersFault if case.ends is EndReason.CARRIER else FirstContact)(case.wire, name)
        transport = next(one for one in transports if one.name == case.wire)
        line = PhoneLine(transport=first.dialect, **case.line)
        await first.ring(site, transport, script_of(case), line)

    async def report(status: str) -> None:
        form = {"CallSid": status, "CallStatus": status}
        url = f"{PUBLIC}/twilio/news"
        routes = [one for one in transports[0].routes(site) if isinstance(one, WebhookRoute)]
        news = next(one for one in routes if one.path == "/twilio/news")
        signed = {"x-twilio-signature": signature(TOKEN, url, form.items())}
        assert (await news.answer(Webhook("POST", url, signed, b"", list(form.items())))).status == 200

    async def main() -> None:
        inline.set(True)
        for name in CASES:
            if name != "drained":
                await ring(name)
        for status in UNCONNECTED:
            await report(status)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ring, "drained")
            await trio.sleep(5)
            late = FirstContact("genesys", "late")  # its socket is not announced, so the desk itself refuses it
            await late.ring(site, transports[1], Script(), PhoneLine(transport=late.dialect))
            await site.desk.drain(patience=3.0, farewell="Goodbye.")

    trio.run(main, clock=MockClock(autojump_threshold=0))
    log = [event for path in sorted(folder.iterdir()) for _, event in read_events(path)]
    ended = {name: call.end.reason for name, call in calls.items() if call.end is not None}
    return Held(outside, site, ended, log)  # type: ignore[arg-type]  # no milestones in these logs


@pytest.mark.slow
def test_each_end_is_counted_under_its_reason(held: Held) -> None:
    """Every call has ended as its row says, and /metrics counts just that; the one without a place is refused."""
    assert held.ended == {name: case.ends for name, case in CASES.items()}
    expected = Counter([*(case.ends for case in CASES.values()), *UNCONNECTED.values()])
    assert set(expected) == set(EndReason), "each reason that there is"
    text = held.site.metrics()
    for reason, number in expected.items():
        assert f'voicekit_calls_total{{ended="{reason.value}"}} {number}\n' in text
    assert text.count("voicekit_calls_total{") == len(expected)
    assert 'voicekit_refused_total{why="full"} 1\n' in text
    assert 'voicekit_refused_total{why="answer"} 1\n' in text
    assert "voicekit_active_calls 0\n" in text


@pytest.mark.slow
def test_metrics_are_those_of_the_event_logs(held: Held) -> None:
    """Each figure, recounted from the logs; none of them is of nothing."""
    value, logged = held.outside.value, held.logged
    timed, ended, tools = logged(TurnTimed), logged(TurnEnded), logged(ToolRan)
    barges, keys, transfers = logged(BargeInTimed), logged(Dtmf), logged(Transferred)
    tokens = [event.first_token for event in logged(ModelAnswered) if event.first_token is not None]
    assert min(map(len, (timed, ended, tools, barges, keys, transfers, tokens))) > 0
    for name, seconds in {
        "answer": [event.total for event in timed],
        "stt": [event.stt for event in timed if event.stt is not None],
        "tts_first_sound": [event.tts for event in timed if event.tts is not None],
        "llm_first_token": tokens,
        "barge_in": [event.seconds for event in barges],
    }.items():
        assert value(f"{name}_seconds_count") == len(seconds)
        assert value(f"{name}_seconds_sum") == pytest.approx(sum(seconds), abs=1e-3)
    assert value("turns_total", outcome="cut") == sum(event.cut for event in ended) > 0
    assert value("turns_total", outcome="heard") == sum(not event.cut for event in ended) > 0
    assert value("tool_seconds_count", outcome="result") == len(tools)
    assert value("keys_total") == len(keys)
    assert value("transfers_total", outcome="done") == sum(event.error is None for event in transfers)
    errors = Counter(of_error(event.error) for event in (*logged(Trouble), *logged(ReplyFailed)))
    assert errors[("voicekit", "LookupError")] >= 2
    for (service, kind), number in errors.items():
        assert value("service_errors_total", service=service, type=kind) == number
    assert held.outside.metrics.exposition().count("voicekit_service_errors_total{") == len(errors)


def of_error(error: BaseException) -> tuple[str, str]:
    """Labels of an error as it is read from a log, in which services have no names."""
    return error.service if isinstance(error, ServiceError) else "voicekit", type(error).__name__


@pytest.mark.slow
def test_spans_are_those_of_the_event_logs(held: Held) -> None:
    """A conversation for each session, a turn for each that was committed, and what happened in them."""
    named, logged = held.outside.named, held.logged
    sessions = logged(SessionEnded)
    assert len(named("conversation")) == len(sessions) == len(CASES) - 1, "a call that is refused has no session"
    whys = Counter(str(dict(span.attributes or {})["voicekit.ended"]) for span in named("conversation"))
    assert whys == Counter(event.why for event in sessions)
    failed = Counter(str(dict(span.attributes or {}).get("error.type")) for span in named("conversation"))
    assert failed["LookupError"] == 1
    turns = [dict(span.attributes or {}) for span in named("turn")]
    assert len(turns) == len(logged(TurnCommitted))
    assert sum(turn.get("turn.was_interrupted") is True for turn in turns) == sum(e.cut for e in logged(TurnEnded))
    latencies = sorted(
        turn["turn.user_bot_latency_seconds"] for turn in turns if "turn.user_bot_latency_seconds" in turn
    )
    assert latencies == pytest.approx(sorted(event.total for event in logged(TurnTimed)))
    assert len(named("llm")) == len(logged(ModelAnswered))
    assert len(named("execute_tool")) == len(logged(ToolRan))
    told = Counter(event.name for span in named("conversation") for event in span.events)
    assert told["dtmf"] == len(logged(Dtmf))
    assert told["transfer"] == len(logged(Transferred))
    assert told["barge_in"] == len(logged(BargeInTimed))
    assert told["error"] == len(logged(Trouble)) + len(logged(ReplyFailed))


@pytest.mark.slow
def test_nothing_of_callers_is_seen_from_outside(held: Held) -> None:
    """No word, number or key in a metric or a span."""
    spans = str(
        [(span.name, dict(span.attributes or {}), span.events) for span in held.outside.exporter.get_finished_spans()]
    )
    text = held.outside.metrics.exposition() + held.site.metrics() + spans
    assert [word for word in ("Gent", "umbrella", "when are", "person", "+1555", "no such table") if word in text] == []
