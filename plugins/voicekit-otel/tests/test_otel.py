"""Spans of whole calls: their tree, their names, their durations; and a process's end that no collector delays."""

from __future__ import annotations

import subprocess
import sys
from time import perf_counter
from typing import Any

import pytest
import trio
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from voicekit import hookimpl
from voicekit.events import ModelAnswered, SessionEvent, ToolRan, TurnEnded, TurnTimed
from voicekit.extend import SessionView, load_plugins
from voicekit.llm import tool
from voicekit.testing import HeldCall, Script, hold_call
from voicekit.testing.llm import AnswerCalls, Asked, ModelServer, ScriptedAnswer
from voicekit_openai.models import openai
from voicekit_otel.spans import CallSpans


class Traced:
    """The plugin's hook, with an exporter of the test's own."""

    def __init__(self, *, words: bool = False) -> None:
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        tracer = provider.get_tracer("test")

        class Observer:
            @hookimpl
            def voicekit_observe(self, event: SessionEvent, session: SessionView) -> None:
                spans = session.stash.get(CallSpans)
                if spans is None:
                    spans = session.stash[CallSpans] = CallSpans(tracer, words)
                spans.observe(event)

        self.plugins = load_plugins(block=["metrics", "otel"], extra=[Observer()])

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.exporter.get_finished_spans() if span.name == name]


@tool
async def weather() -> str:
    """Tell the weather."""
    await trio.sleep(0.3)
    return "rain"


def answer(asked: Asked) -> Any:
    if "tool_call_id" in str(asked.body):
        return ScriptedAnswer("It rains in Gent, so take your umbrella, and mind the trams. " * 3, every=0.02)
    return ScriptedAnswer(AnswerCalls("weather"))


def held(traced: Traced) -> HeldCall:
    bot = openai(model="m", api_key="k", transport=ModelServer(otherwise=answer).transport, tools=[weather])
    script = Script()
    script.says("how is the weather", at=1.0, for_=1.0)
    script.says("stop that please", at=6.0, for_=1.0)
    script.stays(until=25.0)
    return hold_call(bot, script, plugins=traced.plugins)


def test_a_call_is_a_tree_of_spans() -> None:
    """One conversation, a turn for each reply, in it what heard, answered and spoke, with the figures of the events."""
    traced = Traced()
    call = held(traced)
    (conversation,) = traced.named("conversation")
    turns = traced.named("turn")
    ended = [event for _, event in call.events if isinstance(event, TurnEnded)]
    assert [dict(turn.attributes or {})["turn.was_interrupted"] for turn in turns] == [event.cut for event in ended]
    assert all(turn.parent is not None and turn.parent.span_id == conversation.context.span_id for turn in turns)
    timed = [event for _, event in call.events if isinstance(event, TurnTimed)]
    found = [dict(turn.attributes or {}).get("turn.user_bot_latency_seconds") for turn in turns]
    assert [total for total in found if total is not None] == [event.total for event in timed]
    assert [seconds(span) for span in traced.named("tts")] == pytest.approx([e.tts for e in timed if e.tts is not None])
    assert [seconds(span) for span in traced.named("stt")] == pytest.approx([e.stt for e in timed if e.stt is not None])
    answers = [event for _, event in call.events if isinstance(event, ModelAnswered)]
    assert [seconds(span) for span in traced.named("llm")] == pytest.approx([event.seconds for event in answers])
    assert {dict(span.attributes or {})["gen_ai.request.model"] for span in traced.named("llm")} == {"m"}
    tools = [event for _, event in call.events if isinstance(event, ToolRan)]
    assert [dict(span.attributes or {})["gen_ai.tool.name"] for span in traced.named("execute_tool")] == [
        event.name for event in tools
    ]
    of_turns = {turn.context.span_id for turn in turns}
    for name in ("stt", "llm", "tts", "execute_tool"):
        assert traced.named(name)
        assert all(span.parent is not None and span.parent.span_id in of_turns for span in traced.named(name))


def seconds(span: ReadableSpan) -> float:
    return ((span.end_time or 0) - (span.start_time or 0)) / 1e9


def test_words_are_there_on_request_alone() -> None:
    """Without it, no attribute has what anybody said."""
    quiet, open_ = Traced(), Traced(words=True)
    held(quiet)
    held(open_)
    assert "weather" not in str([dict(s.attributes or {}) for s in quiet.exporter.get_finished_spans()]).replace(
        "'gen_ai.tool.name': 'weather'", ""
    )
    assert dict(open_.named("turn")[0].attributes or {})["pii.transcript"] == "how is the weather"
    assert "umbrella" in str(dict(open_.named("turn")[0].attributes or {})["pii.reply"])


def test_an_error_that_ends_a_call_is_in_its_span() -> None:
    """By its type, with the status of an error."""

    async def broken(turn: Any, say: Any) -> None:
        raise LookupError("no such table")

    traced, script = Traced(), Script()
    script.says("hello", at=1.0, for_=0.6)
    with pytest.raises(LookupError):
        hold_call(broken, script, plugins=traced.plugins)
    (conversation,) = traced.named("conversation")
    assert conversation.status.status_code is StatusCode.ERROR
    assert dict(conversation.attributes or {})["error.type"] == "LookupError"


PROGRAM = """
import sys, threading, time
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
import voicekit_otel
from voicekit.events import SessionEnded, SessionStarted
from voicekit_otel.providing import tracer
from voicekit_otel.spans import CallSpans

class Collector(SpanExporter):
    def export(self, spans):
        if sys.argv[1] == "hangs":
            threading.Event().wait()
        return SpanExportResult.FAILURE if sys.argv[1] == "refuses" else SpanExportResult.SUCCESS
    def shutdown(self):
        if sys.argv[1] != "well":
            threading.Event().wait(20)

provider = TracerProvider(shutdown_on_exit=False)
provider.add_span_processor(BatchSpanProcessor(Collector()))
voicekit_otel.trace_to(provider)
spans = CallSpans(*tracer())
began = time.perf_counter()
spans.observe(SessionStarted())
spans.observe(SessionEnded("done"))
print(time.perf_counter() - began, flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("collector", ["well", "refuses", "hangs"])
def test_no_collector_delays_the_end(collector: str) -> None:
    """The process ends, and by itself: a hanging flush is left behind after 2 s; the call itself never waited."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM + END, collector], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    call, end = map(float, done.stdout.split())
    assert call < 1.0
    assert end < 2.5 if collector != "well" else end < 2.0


END = """
import atexit
atexit.unregister(voicekit_otel.flush)
began = time.perf_counter()
voicekit_otel.flush()
print(time.perf_counter() - began, flush=True)
"""


def test_flushing_without_a_provider_is_done_at_once() -> None:
    """A program that never traced has nothing to wait for."""
    import voicekit_otel

    began = perf_counter()
    assert voicekit_otel.flush()
    assert perf_counter() - began < 1.0
